package event

import (
	"bytes"

	"auwai/internal/fault"
)

// Part is one element of a body.
type Part struct {
	Raw []byte // a slice of the body
	Err error  // why it is not JSON; nil when it is
}

// Split cuts a body, an array or one value, into its elements, at most limit of them. array reports
// which it is. The error is of the whole body: nothing of it may be used.
func Split(body []byte, limit int) (parts []Part, array bool, err error) {
	array, err = each(body, limit, func(from int) (int, error) {
		end, err := value(body, from, 0)
		return end, err
	}, func(raw []byte, err error) { parts = append(parts, Part{raw, err}) })
	if err != nil {
		return nil, array, err
	}
	return parts, array, nil
}

// each cuts a body. read checks the element at an index and returns the index after it; take gets
// each element with the error of read.
func each(body []byte, limit int, read func(from int) (int, error), take func(raw []byte, err error)) (array bool, err error) {
	i := space(body, 0)
	if i == len(body) {
		return false, fault.New(fault.Invalid, "the body is empty; send a JSON array of events, or one event")
	}
	if body[i] != '[' {
		end, err := read(i)
		if err != nil {
			end = len(body)
		}
		take(bytes.TrimRight(body[i:end], " \t\r\n"), err)
		return false, ended(body, end)
	}
	if i = space(body, i+1); i < len(body) && body[i] == ']' {
		return true, ended(body, i+1)
	}
	for n := 0; ; n++ {
		if n == limit {
			return true, fault.Newf(fault.TooLarge, "the body has more than %d elements; send it in parts", limit)
		}
		from := i
		end, err := read(from)
		if err == nil {
			i = space(body, end)
		}
		if err != nil || i < len(body) && body[i] != ',' && body[i] != ']' {
			if err == nil {
				err = malformed(body, i, "a comma or ] is expected")
			}
			end = boundary(body, from)
			i = end
		}
		if i >= len(body) {
			return true, malformed(body, i, "an array without its end")
		}
		take(bytes.TrimRight(body[from:end], " \t\r\n"), err)
		if body[i] == ']' {
			return true, ended(body, i+1)
		}
		i = space(body, i+1)
	}
}

func ended(body []byte, i int) error {
	if i = space(body, i); i < len(body) {
		return malformed(body, i, "something follows the end")
	}
	return nil
}

// boundary returns the index of the comma or bracket that ends the element at i, by counting
// brackets outside strings; the end of the body when there is none.
func boundary(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = closing(b, i)
		case '{', '[':
			depth++
		case ',':
			if depth == 0 {
				return i
			}
		case '}', ']':
			if depth == 0 && b[i] == ']' {
				return i
			}
			depth = max(depth-1, 0)
		}
	}
	return len(b)
}

// closing returns the index of the quote that ends the string whose opening quote is at i.
func closing(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// Fields calls visit with each key of an object and the raw bytes of its value, in their order. It
// checks raw as it goes; repeated keys are all visited.
func Fields(raw []byte, visit func(key string, value []byte) error) error {
	i := space(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return fault.Newf(fault.Invalid, "is %s; a JSON object is expected", describe(raw))
	}
	i = space(raw, i+1)
	done := i < len(raw) && raw[i] == '}'
	if done {
		i++
	}
	for !done {
		key, at, err := name(raw, i)
		if err != nil {
			return err
		}
		end, err := value(raw, at, 1)
		if err != nil {
			return err
		}
		k, ok := unquote(nil, key)
		if !ok {
			return malformed(raw, i, "half a surrogate pair in a key")
		}
		if err := visit(string(k), raw[at:end:end]); err != nil {
			return err
		}
		if i, done, err = next(raw, end, '}'); err != nil {
			return err
		}
	}
	return ended(raw, i)
}
