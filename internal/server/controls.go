package server

import (
	"context"

	"auwai/internal/farm"
	"auwai/internal/partition"
)

// controls is what the HTTP interface changes at run time.
type controls struct{ s *service }

// Controls implements httpapi.Control.
func (c controls) Controls(ctx context.Context) ([]farm.Control, error) {
	return farm.Controls(ctx, c.s.engine)
}

// SetControl implements httpapi.Control.
func (c controls) SetControl(ctx context.Context, scope farm.Scope, change farm.Change) (farm.Control, error) {
	cmd := &farm.SetControl{Scope: scope, Change: change}
	if err := c.s.loop.Do(ctx, farm.Partition, partition.Farm, cmd); err != nil {
		return farm.Control{}, err
	}
	r := cmd.Result
	c.s.log.Info("controlled at run time", "scope", scope.String(), "paused", r.Paused, "reason", r.Reason, "until", r.Until, "set", r.Set, "by", r.By)
	return r, c.s.takeControls(ctx)
}
