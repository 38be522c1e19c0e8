package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"auwai/internal/fault"
	"auwai/internal/intake"
)

// bodyTime bounds the reading of a body: it holds memory meanwhile.
const bodyTime = 60 * time.Second

// maxObject bounds the body of a request that is one small object.
const maxObject = 64 << 10

// checkType refuses media types that are not in the list. None at all is taken.
func checkType(r *http.Request, types ...string) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return unsupported("Content-Encoding", "is %s; send the body as it is", fault.Short(e))
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err != nil || !slices.Contains(types, kind) {
		return unsupported("Content-Type", "is %s; send %s", fault.Short(header), strings.Join(types, " or "))
	}
	return nil
}

func unsupported(header, format string, args ...any) error {
	return &statusError{http.StatusUnsupportedMediaType, fault.Field(header, format, args...)}
}

// readBody admits and reads a body of at most limit bytes. The ticket is the caller's then.
func (s *server) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *intake.Ticket, error) {
	if r.ContentLength > limit {
		return nil, nil, tooLong(limit)
	}
	size := r.ContentLength
	if size < 0 {
		size = limit // its length is not known: room for the longest
	}
	ticket, err := s.Intake.Admit(size)
	if err != nil {
		return nil, nil, err
	}
	body, err := s.read(w, r, size)
	if err != nil {
		ticket.Release()
		return nil, nil, err
	}
	return body, ticket, nil
}

func (s *server) read(w http.ResponseWriter, r *http.Request, size int64) ([]byte, error) {
	control := http.NewResponseController(w)
	limited := control.SetReadDeadline(time.Now().Add(bodyTime)) == nil // a test's writer has no connection
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, size)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, size))
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLong(size)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the body broke off, or took longer than "+bodyTime.String())
	}
	if limited {
		if err := control.SetReadDeadline(time.Time{}); err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "the connection")
		}
	}
	return body, nil
}

func tooLong(limit int64) error {
	return fault.Newf(fault.TooLarge, "the body has more than %d bytes; send it in parts", limit)
}

// source says where a request comes from.
func source(r *http.Request) intake.Source {
	return intake.Source{Client: clientOf(r), RequestID: requestID(r.Context()), Caller: reachOf(r)}
}

// readObject reads a small body, an object with known keys. may says that it may be left out.
func readObject(w http.ResponseWriter, r *http.Request, into any, may bool, what, keys string) error {
	if err := checkType(r, "application/json"); err != nil {
		return err
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxObject))
	if err != nil {
		if _, over := errors.AsType[*http.MaxBytesError](err); over {
			return tooLong(maxObject)
		}
		return fault.Wrap(fault.Invalid, err, "the body broke off")
	}
	if len(bytes.TrimSpace(text)) == 0 && may {
		return nil
	}
	if !utf8.Valid(text) {
		return fault.New(fault.Invalid, "the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.Newf(fault.Invalid, "the body is not %s: %s; send an object with %s", what, strings.TrimPrefix(err.Error(), "json: "), keys)
	}
	return nil
}
