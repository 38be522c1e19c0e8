package cdnin

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/intake"
)

// Intake takes events; *intake.Intake implements it.
type Intake interface {
	Admit(size int64) (*intake.Ticket, error)
	Events(ctx context.Context, t *intake.Ticket, body []byte, src intake.Source, hasty bool) intake.EventsResult
}

// The outcomes that are counted.
const (
	Accepted = "accepted" // durable
	Invalid  = "invalid"  // not a purge, or of nothing that can be purged
	Refused  = "refused"  // the sender is not allowed
	Dropped  = "dropped"  // there was no room, or no time before the end
	Failed   = "failed"   // the intake did not take it
)

// Config of NewHTTP and NewHTCP.
type Config struct {
	Intake Intake           // required
	NewID  func() string    // required: an id never used before
	Now    func() time.Time // required: the wall clock
	// Allowed says whether an address may send. nil: all may.
	Allowed func(netip.Addr) bool
	Logger  *slog.Logger // nil: nothing is logged
	// OnPurges, if not nil, is called with each outcome of n purges. It does not block.
	OnPurges func(outcome string, n int)
}

func (c *Config) count(outcome string, n int) {
	if c.OnPurges != nil && n > 0 {
		c.OnPurges(outcome, n)
	}
}

// allows reports whether an address, with or without port, may send.
func (c *Config) allows(a net.Addr) bool {
	if c.Allowed == nil {
		return true
	}
	p, err := netip.ParseAddrPort(a.String())
	return err == nil && c.Allowed(p.Addr().Unmap().WithZone(""))
}

// log is never nil.
func (c *Config) log() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger.With("part", "cdn")
}

// hostOf returns the host of a URL to purge, without port and in lower case, as domains are compared;
// or why the URL cannot be purged. The same is refused that no cache could be asked.
func hostOf(text string) (string, error) {
	if err := event.CheckText("url", text); err != nil {
		return "", err
	}
	if strings.Contains(text, " ") {
		return "", fault.Field("url", "%q has a space in it; percent-encode it", fault.Short(text))
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", fault.Field("url", "%q does not begin with http:// or https://", fault.Short(text))
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	u, err := url.Parse("http://" + authority)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return "", fault.Field("url", "%q names no host", fault.Short(text))
	}
	host := strings.ToLower(u.Hostname())
	for i := range len(host) {
		if host[i] >= 0x80 || host[i] == '*' {
			return "", fault.Field("url", "%q has a host that is no name; write it in ASCII", fault.Short(text))
		}
	}
	return host, event.CheckName("url", host)
}
