package intake

import (
	"context"
	"fmt"

	"auwai/internal/eventlog"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// together applies several commands as one.
type together []partition.Command

// Apply applies each.
func (t together) Apply(tx *partition.Tx) error {
	for _, c := range t {
		if err := c.Apply(tx); err != nil {
			return err
		}
	}
	return nil
}

// store submits commands that are independent of each other, as many at once as a commit takes.
func (in *Intake) store(ctx context.Context, p partition.ID, wiki string, commands []partition.Command, size func(i int) int) error {
	for len(commands) > 0 {
		n, bytes := 0, 0
		for n < len(commands) && n < maxCommand && (n == 0 || bytes+size(n) <= maxCommandBytes) {
			bytes += size(n)
			n++
		}
		if err := in.node.Submit(ctx, p, wiki, together(commands[:n:n])); err != nil {
			return fmt.Errorf("store large payloads of %s: %w", wiki, err)
		}
		commands = commands[n:]
		from := size
		size = func(i int) int { return from(n + i) }
	}
	return nil
}

// blobs appends the commands that store the payload of a job ahead, and makes the job refer to it.
func (in *Intake) blobs(commands []partition.Command, sizes []int, n *jobqueue.New) ([]partition.Command, []int) {
	n.Blob = jobqueue.BlobRef{ID: in.node.Mint(), Size: len(n.Payload)}
	for at, chunk := 0, 0; at < len(n.Payload); at, chunk = at+jobqueue.ChunkSize, chunk+1 {
		data := n.Payload[at:min(at+jobqueue.ChunkSize, len(n.Payload))]
		commands = append(commands, &jobqueue.StoreBlob{Wiki: n.Wiki, ID: n.Blob.ID, Chunk: chunk, Data: data})
		sizes = append(sizes, len(data))
	}
	n.Payload = nil
	return commands, sizes
}

// pieces does the same for an event of the log.
func (in *Intake) pieces(commands []partition.Command, sizes []int, l *logged) ([]partition.Command, []int) {
	l.ref = eventlog.NewRef(in.node.Mint(), len(l.raw))
	for _, c := range eventlog.Pieces(l.ref, l.raw) {
		commands = append(commands, c)
		sizes = append(sizes, len(c.Data))
	}
	return commands, sizes
}
