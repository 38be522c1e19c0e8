package sqltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

// Takeovers lets a writer hammer through one engine while a taker deletes its fence through the
// other, round after round. On a cluster the two are on different nodes. With still the writer's
// fence keeps its value, so that only the certificate can tell the two apart.
func Takeovers(t *testing.T, writer, taker kv.Engine, rounds int, still bool) {
	t.Helper()
	attempts := 0
	for round := range rounds {
		tk := takeover{T: t, name: fmt.Sprintf("%v/%d/", still, round), still: still}
		attempts += tk.run(writer, taker)
	}
	t.Logf("%d takeovers needed %d attempts", rounds, attempts)
}

type takeover struct {
	*testing.T
	name  string
	still bool
}

// written is what a writer knows of its commits.
type written struct {
	acked   map[string]string // rows that must be there
	unknown map[string]string // rows that may be there
	err     error             // what ended it, unless that was the takeover
}

// warmUp is the number of commits after which the taker begins.
const warmUp = 5

func (tk *takeover) fence() kv.Key { return kv.Key(tk.name + "fence") }

func (tk *takeover) moment(i int) []byte {
	if tk.still {
		i = 0
	}
	return fmt.Append(nil, i)
}

func (tk *takeover) run(writer, taker kv.Engine) (attempts int) {
	tk.Helper()
	if err := writer.Commit(tk.Context(), batch(func(b *kv.Batch) { b.Set(tk.fence(), tk.moment(0)) })); err != nil {
		tk.Fatalf("Commit: %v", err)
	}
	warm := make(chan struct{})
	result := make(chan written, 1) // so that the writer can end when the taker has failed
	ctx, cancel := context.WithCancel(tk.Context())
	defer cancel()
	go func() { result <- tk.write(ctx, writer, warm) }()
	<-warm
	attempts = tk.take(taker)
	atTakeover := rows(tk, taker, tk.name+"row")
	w := <-result
	if w.err != nil {
		tk.Fatalf("%s: the writer ended with %v", tk.name, w.err)
	}
	later := rows(tk, taker, tk.name+"row")
	if !maps.Equal(atTakeover, later) {
		tk.Errorf("%s: %d rows after the takeover, %d later: the old writer still wrote", tk.name, len(atTakeover), len(later))
	}
	for key, want := range w.acked {
		if later[key] != want {
			tk.Errorf("%s: the acknowledged row %s is %q", tk.name, key, later[key])
		}
	}
	for key := range later {
		if w.acked[key] == "" && w.unknown[key] == "" {
			tk.Errorf("%s: row %s was refused and is there", tk.name, key)
		}
	}
	return attempts
}

// write commits until its fence is gone.
func (tk *takeover) write(ctx context.Context, writer kv.Engine, warm chan<- struct{}) written {
	w := written{acked: map[string]string{}, unknown: map[string]string{}}
	for i := 0; ; i++ {
		if i == warmUp {
			close(warm)
		}
		key := number(tk.name+"row", i)
		err := writer.Commit(ctx, batch(func(b *kv.Batch) {
			b.Require(tk.fence(), tk.moment(i))
			b.Set(tk.fence(), tk.moment(i+1))
			b.Set(key, fmt.Append(nil, i))
			for extra := range 4 {
				b.Set(number(tk.name+"more", 4*i+extra), []byte("payload"))
			}
		}))
		switch {
		case err == nil:
			w.acked[string(key)] = fmt.Sprint(i)
		case errors.Is(err, kv.ErrUnknown):
			w.unknown[string(key)] = fmt.Sprint(i)
		case !errors.Is(err, kv.ErrConflict):
			w.err = err
		case i < warmUp:
			w.err = errors.New("nobody had taken its fence")
		}
		if err == nil {
			continue
		}
		if i < warmUp {
			close(warm) // the taker waits for it
		}
		return w
	}
}

// take deletes the fence of the busy writer.
func (tk *takeover) take(taker kv.Engine) (attempts int) {
	tk.Helper()
	for attempts = 1; ; attempts++ {
		values, err := taker.Get(tk.Context(), tk.fence())
		if err != nil {
			tk.Fatalf("Get: %v", err)
		}
		err = taker.Commit(tk.Context(), batch(func(b *kv.Batch) {
			b.Require(tk.fence(), values[0])
			b.Delete(tk.fence())
			b.Set(kv.Key(tk.name+"taken"), []byte("yes"))
		}))
		if err == nil {
			return attempts
		}
		// A busy writer may win every try of one Commit, which then gives up with a certain failure.
		if !errors.Is(err, kv.ErrConflict) && fault.KindOf(err) != fault.Unavailable {
			tk.Fatalf("takeover: %v", err)
		}
	}
}
