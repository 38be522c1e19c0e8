package telemetry

import (
	"io"
	"log/slog"

	"auwai/internal/access"
	"auwai/internal/fault"
)

// NewLogger returns the logger of the process. format is text or json, level debug, info, warn or
// error. Times are UTC. No token of a client is in a line, whatever was logged.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	w = access.RedactWriter(w) // a handler writes a line at once
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fault.Field("log-level", "%q is no level; use debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, fault.Field("log-format", "%q is no format; use text or json", format)
	}
}
