package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
)

// Bounds of one request of emit, below those of the service.
const (
	emitEvents = 1_000
	emitBytes  = 4 << 20
)

// emitted sums up what emit did.
type emitted struct {
	Events  int              `json:"events"`
	Taken   int              `json:"taken"`
	Invalid []api.EventFault `json:"invalid"`
	Error   []api.EventFault `json:"error"`
}

func (a *app) emit() *cobra.Command {
	hasty := false
	c := a.withServer(&cobra.Command{
		Use:   "emit [FILE]",
		Short: "Post events from a file, or from standard input",
		Long: `Post events from a file, or from standard input: JSON arrays of events, or events one after the other
(JSON lines). Every event's bytes are sent as they are, in their order, at most 1,000 a request.`,
		Example: `  auwai emit events.json
  zcat events.jsonl.gz | auwai emit`,
		Args: args(0, 1, ""),
		RunE: func(c *cobra.Command, files []string) error {
			in := a.stdin
			if len(files) == 1 && files[0] != "-" {
				f, err := os.Open(files[0])
				if err != nil {
					return err
				}
				defer f.Close() //nolint:errcheck // it was only read
				in = f
			}
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			sum := emitted{Invalid: []api.EventFault{}, Error: []api.EventFault{}}
			err = readEvents(in, func(body []byte, events int) error { return sum.post(c.Context(), service, body, events, hasty) })
			return a.showEmitted(&sum, err)
		},
	})
	c.Flags().BoolVar(&hasty, "hasty", false, "do not wait until the events are kept")
	return c
}

func (s *emitted) post(ctx context.Context, service *client.Client, body []byte, events int, hasty bool) error {
	faults, err := service.PostEvents(ctx, body, hasty)
	if err != nil {
		return err
	}
	s.Events += events
	s.Taken += events - len(faults.Invalid) - len(faults.Error)
	s.Invalid = append(s.Invalid, faults.Invalid...)
	s.Error = append(s.Error, faults.Error...)
	return nil
}

func (a *app) showEmitted(s *emitted, err error) error {
	if a.json {
		if jsonErr := a.writeJSON(s); jsonErr != nil {
			return jsonErr
		}
	} else {
		fmt.Fprintf(a.stdout, "%s taken\n", plural(s.Taken, "event", "events"))
		for _, f := range append(s.Invalid, s.Error...) {
			fmt.Fprintf(a.stderr, "%s: %s: %s\n", f.Status, f.Context.Message, oneLine(string(f.Event), 200))
		}
	}
	switch {
	case err != nil && s.Events > 0:
		return fmt.Errorf("after %s: %w", plural(s.Events, "event", "events"), err)
	case err != nil:
		return err
	case len(s.Invalid)+len(s.Error) > 0:
		return errSilent
	}
	return nil
}

// readEvents reads JSON values, takes arrays apart, and gives them on in arrays of bounded size.
func readEvents(in io.Reader, post func(body []byte, events int) error) error {
	var body bytes.Buffer
	events, all := 0, 0
	flush := func() error {
		if events == 0 {
			return nil
		}
		body.WriteByte(']')
		err := post(body.Bytes(), events)
		body.Reset()
		events = 0
		return err
	}
	add := func(raw json.RawMessage) error {
		if events == emitEvents || events > 0 && body.Len()+len(raw) > emitBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		body.WriteByte(separator(events))
		body.Write(raw)
		events++
		all++
		return nil
	}
	buffered := bufio.NewReader(in)
	decoder := json.NewDecoder(buffered)
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if _, unread := errors.AsType[*fs.PathError](err); unread {
			return errors.Join(flush(), err)
		}
		if err != nil {
			return errors.Join(flush(), fmt.Errorf("event %d is no JSON: %w", all+1, err))
		}
		elements := []json.RawMessage{value}
		if value[0] == '[' {
			if err := json.Unmarshal(value, &elements); err != nil {
				return fmt.Errorf("event %d: %w", all+1, err)
			}
		}
		for _, e := range elements {
			if err := add(e); err != nil {
				return err
			}
		}
	}
	if all == 0 {
		return errors.New("there are no events; give a file, or send them to standard input")
	}
	return flush()
}

func separator(n int) byte {
	if n == 0 {
		return '['
	}
	return ','
}
