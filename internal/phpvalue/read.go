package phpvalue

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"auwai/internal/fault"
)

const (
	// MaxDepth is the greatest nesting of arrays: the service takes JSON of 64 levels, of which a
	// request, a job, its payload and a mark need four.
	MaxDepth = 60
	// MaxBytes is the greatest length of a text: job_params is a MEDIUMBLOB, and a value of the Redis
	// queue is of the same order.
	MaxBytes = 32 << 20

	// leastEntry is the length of the shortest entry of an array, "i:0;N;".
	leastEntry = 6
)

// Unserialize reads one value that PHP's serialize() wrote. The value shares no memory with data.
// Errors are Invalid and name the offset.
func Unserialize(data []byte) (any, error) {
	if len(data) > MaxBytes {
		return nil, fault.Newf(fault.TooLarge, "the serialised text has %d bytes, at most %d are read", len(data), MaxBytes)
	}
	r := reader{data: data}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.at != len(data) {
		return nil, r.wrong("%d bytes are left after the value", len(data)-r.at)
	}
	return v, nil
}

// UnserializeObject reads an object of PHP's stdClass as an array of its properties; ok is false when
// data begins no object. JobQueueRedis keeps a compressed job in such a one.
func UnserializeObject(data []byte) (_ *Array, ok bool, err error) {
	const head = `O:8:"stdClass":`
	if !bytes.HasPrefix(data, []byte("O:")) {
		return nil, false, nil
	}
	if !bytes.HasPrefix(data, []byte(head)) {
		_, err := Unserialize(data) // it names the class
		return nil, true, err
	}
	if len(data) > MaxBytes {
		return nil, true, fault.Newf(fault.TooLarge, "the serialised text has %d bytes, at most %d are read", len(data), MaxBytes)
	}
	r := reader{data: data, at: len(head)}
	a, err := r.array(0)
	if err == nil && r.at != len(data) {
		err = r.wrong("%d bytes are left after the object", len(data)-r.at)
	}
	return a, true, err
}

// reader is the place in a text.
type reader struct {
	data []byte
	at   int
}

func (r *reader) wrong(format string, args ...any) error {
	return fault.Newf(fault.Invalid, "serialised text of PHP: %s (byte %d)", fmt.Sprintf(format, args...), r.at)
}

// value reads the value at the place. depth is the nesting around it.
func (r *reader) value(depth int) (any, error) {
	if len(r.data)-r.at < 2 {
		return nil, r.wrong("it ends where a value is expected")
	}
	kind := r.data[r.at]
	if kind == 'N' {
		return nil, r.expect("N;")
	}
	if r.data[r.at+1] != ':' {
		return nil, r.wrong("%q begins no value", r.data[r.at])
	}
	switch kind {
	case 'b':
		return r.boolean()
	case 'i':
		return r.integer()
	case 'd':
		return r.float()
	case 's':
		return r.text()
	case 'a':
		r.at += len("a:")
		return r.array(depth)
	case 'O', 'C', 'E':
		return nil, r.object()
	case 'R', 'r':
		return nil, r.wrong("a reference; job parameters have none")
	default:
		return nil, r.wrong("%q begins no value", r.data[r.at])
	}
}

// object refuses an object by the name of its class.
func (r *reader) object() error {
	name := "?"
	if parts := strings.SplitN(string(r.data[r.at:min(len(r.data), r.at+200)]), `"`, 3); len(parts) == 3 {
		name = parts[1]
	}
	return r.wrong("an object of class %q; only null, scalars and arrays can be queued", name)
}

func (r *reader) expect(s string) error {
	if !bytes.HasPrefix(r.data[r.at:], []byte(s)) {
		return r.wrong("%q is expected", s)
	}
	r.at += len(s)
	return nil
}

// until returns what stands before the next c, at most 64 bytes away, and goes after it.
func (r *reader) until(c byte) (string, error) {
	const longest = 64
	rest := r.data[r.at:min(len(r.data), r.at+longest)]
	i := bytes.IndexByte(rest, c)
	if i < 0 {
		return "", r.wrong("%q is expected", c)
	}
	r.at += i + 1
	return string(rest[:i]), nil
}

func (r *reader) boolean() (any, error) {
	r.at += len("b:")
	s, err := r.until(';')
	switch {
	case err != nil:
		return nil, err
	case s == "1":
		return true, nil
	case s == "0":
		return false, nil
	default:
		return nil, r.wrong("%q is no boolean", s)
	}
}

func (r *reader) integer() (int64, error) {
	r.at += len("i:")
	s, err := r.until(';')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, r.wrong("%q is no integer of 64 bits", s)
	}
	return n, nil
}

func (r *reader) float() (any, error) {
	r.at += len("d:")
	s, err := r.until(';')
	if err != nil {
		return nil, err
	}
	if strings.Trim(s, "0123456789+-.eE") != "" && s != "INF" && s != "-INF" && s != "NAN" {
		return nil, r.wrong("%q is no float", s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, r.wrong("%q is no float", s)
	}
	return f, nil
}

// length reads a length or a count, up to a bound.
func (r *reader) length(most int) (int, error) {
	s, err := r.until(':')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, r.wrong("%q is no length", s)
	}
	if int(n) > most {
		return 0, r.wrong("a length of %d, although only %d fit into what is left", n, most)
	}
	return int(n), nil
}

func (r *reader) text() (string, error) {
	r.at += len("s:")
	n, err := r.length(len(r.data) - r.at)
	if err != nil {
		return "", err
	}
	if err := r.expect(`"`); err != nil {
		return "", err
	}
	if len(r.data)-r.at < n {
		return "", r.wrong("a string of %d bytes ends early", n)
	}
	s := string(r.data[r.at : r.at+n])
	r.at += n
	return s, r.expect(`";`)
}

// array reads what follows "a:" or the name of a class. The last of equal keys counts, in the place of
// the first.
func (r *reader) array(depth int) (*Array, error) {
	if depth >= MaxDepth {
		return nil, r.wrong("nesting of more than %d levels", MaxDepth)
	}
	n, err := r.length((len(r.data) - r.at) / leastEntry)
	if err != nil {
		return nil, err
	}
	if err := r.expect("{"); err != nil {
		return nil, err
	}
	a := &Array{}
	for range n {
		k, err := r.key()
		if err != nil {
			return nil, err
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a.Set(k, v)
	}
	return a, r.expect("}")
}

func (r *reader) key() (Key, error) {
	rest := r.data[r.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("i:")):
		n, err := r.integer()
		return IntKey(n), err
	case bytes.HasPrefix(rest, []byte("s:")):
		s, err := r.text()
		return TextKey(s), err
	default:
		return Key{}, r.wrong("a key is expected")
	}
}
