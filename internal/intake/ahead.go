package intake

import (
	"auwai/internal/eventlog"
	"auwai/internal/jobqueue"
)

// blobs appends the commands that store the payload of a job ahead, and makes the job refer to it.
func (in *Intake) blobs(commands []mailable, sizes []int, n *jobqueue.New) ([]mailable, []int) {
	n.Blob = jobqueue.BlobRef{ID: in.node.Mint(), Size: len(n.Payload)}
	for at, chunk := 0, 0; at < len(n.Payload); at, chunk = at+jobqueue.ChunkSize, chunk+1 {
		data := n.Payload[at:min(at+jobqueue.ChunkSize, len(n.Payload))]
		commands = append(commands, block{&jobqueue.StoreBlob{Wiki: n.Wiki, ID: n.Blob.ID, Chunk: chunk, Data: data}})
		sizes = append(sizes, len(data))
	}
	n.Payload = nil
	return commands, sizes
}

// pieces does the same for an event of the log.
func (in *Intake) pieces(commands []mailable, sizes []int, l *logged) ([]mailable, []int) {
	l.ref = eventlog.NewRef(in.node.Mint(), len(l.raw))
	for _, c := range eventlog.Pieces(l.ref, l.raw) {
		commands = append(commands, piece{c})
		sizes = append(sizes, len(c.Data))
	}
	return commands, sizes
}
