package eventlog

// When tails are folded.
const (
	foldBytes = 64 << 10 // bytes of a stream's tails
)
