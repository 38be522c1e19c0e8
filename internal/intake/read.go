package intake

import (
	"fmt"
	"time"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
)

// fields is an object of a body of jobs, with the place of its errors.
type fields struct {
	path string
	raw  map[string][]byte
}

// readFields reads an object whose keys have to be among the known ones. Of a repeated key the last
// one counts.
func readFields(path string, raw []byte, known ...string) (fields, error) {
	f := fields{path: path, raw: make(map[string][]byte, len(known))}
	err := event.Fields(raw, func(key string, value []byte) error {
		for _, k := range known {
			if k == key {
				f.raw[k] = value
				return nil
			}
		}
		return fault.Field(path+"."+fault.Short(key), "is no field; the fields are %q", known)
	})
	if err != nil && fault.FieldOf(err) == "" {
		err = fault.Field(path, "%s", err.Error())
	}
	return f, err
}

func (f fields) has(key string) bool {
	v, ok := f.raw[key]
	return ok && string(v) != "null"
}

func (f fields) name(key string) string { return f.path + "." + key }

// text reads a string; absent and null give "".
func (f fields) text(key string) (string, error) {
	if !f.has(key) {
		return "", nil
	}
	return event.Text(f.name(key), f.raw[key])
}

// short reads a string of at most event.MaxName bytes without control characters.
func (f fields) short(key string) (string, error) {
	s, err := f.text(key)
	if err == nil && s != "" {
		err = event.CheckName(f.name(key), s)
	}
	return s, err
}

// long reads a string of at most event.MaxText bytes without control characters.
func (f fields) long(key string) (string, error) {
	s, err := f.text(key)
	if err == nil {
		err = event.CheckText(f.name(key), s)
	}
	return s, err
}

// readJob reads one job of a body. i is its index, before are those before it.
func (in *Intake) readJob(s *Settings, i int, raw []byte, src Source, before []*job) (n jobqueue.New, err error) {
	f, err := readFields(fmt.Sprintf("[%d]", i), raw,
		"client_id", "queue", "wiki", "key", "run_at", "priority", "root", "payload", "request_id",
		"serial", "waits_for", "needs", "expire_at", "cause", "dead", "from_event", "domain")
	if err != nil {
		return n, err
	}
	// The wiki first: where it is known, an error is of its part.
	if n.Wiki, err = f.text("wiki"); err != nil {
		return n, err
	}
	if err = checkWiki(f.name("wiki"), n.Wiki); err != nil {
		n.Wiki = ""
		return n, err
	}
	if err = src.checkCaller(f.name("wiki"), n.Wiki); err != nil {
		return n, err
	}
	if n.Queue, err = f.text("queue"); err != nil {
		return n, err
	}
	if err = in.checkQueue(f.name("queue"), n.Queue); err != nil {
		return n, err
	}
	if n.ClientID, err = f.short("client_id"); err != nil {
		return n, err
	}
	if n.Key, err = f.long("key"); err != nil {
		return n, err
	}
	if n.RequestID, err = f.long("request_id"); err != nil {
		return n, err
	}
	if n.RequestID == "" {
		n.RequestID = bounded(src.RequestID)
	}
	if n.RunAt, err = f.moment("run_at"); err != nil {
		return n, err
	}
	if n.Band, err = f.band(s, n.Queue); err != nil {
		return n, err
	}
	if n.Root, err = f.root(); err != nil {
		return n, err
	}
	if err = f.arrival(&n, before); err != nil {
		return n, err
	}
	if err = f.moved(&n); err != nil {
		return n, err
	}
	payload, ok := f.raw["payload"]
	if !ok {
		return n, fault.Field(f.name("payload"), "is missing; give the JSON value that the runner gets")
	}
	n.Payload = append([]byte(nil), payload...)
	n.ID = in.node.Mint()
	if n.ClientID != "" {
		n.Source = jobqueue.Source{Name: "c:" + n.ClientID}
	}
	rules := s.rules(n.Queue)
	var params []byte
	if rules.SerializeBy != "" {
		params = member(n.Payload, "params")
	}
	rules.arrive(&n, params)
	n.MaxPending = rules.MaxPending
	return n, nil
}

// moved reads what a job has that comes from another queue.
func (f fields) moved(n *jobqueue.New) (err error) {
	if n.Dead, err = f.text("dead"); err != nil {
		return err
	}
	if len(n.Dead) > event.MaxText {
		return fault.Field(f.name("dead"), "has %d bytes; at most %d are allowed", len(n.Dead), event.MaxText)
	}
	if n.Domain, err = f.long("domain"); err != nil {
		return err
	}
	n.FromEvent, err = f.flag("from_event")
	return err
}

// flag reads true or false; absent and null are false.
func (f fields) flag(key string) (bool, error) {
	switch string(f.raw[key]) {
	case "", "null", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fault.Field(f.name(key), "is %s; true or false is expected", fault.Short(f.raw[key]))
	}
}

func (f fields) moment(key string) (time.Time, error) {
	s, err := f.text(key)
	if err != nil || s == "" {
		return time.Time{}, err
	}
	return event.Time(f.name(key), s)
}

func (f fields) band(s *Settings, queue string) (jobqueue.Band, error) {
	p, err := f.text("priority")
	if err != nil {
		return 0, err
	}
	switch p {
	case "":
		return s.band(queue), nil
	case "interactive":
		return jobqueue.Interactive, nil
	case "normal":
		return jobqueue.Normal, nil
	case "bulk":
		return jobqueue.Bulk, nil
	default:
		return 0, fault.Field(f.name("priority"), "%q is no priority; choose interactive, normal or bulk", fault.Short(p))
	}
}

// root reads {signature, timestamp, is_root}.
func (f fields) root() (jobqueue.Root, error) {
	var r jobqueue.Root
	if !f.has("root") {
		return r, nil
	}
	g, err := readFields(f.name("root"), f.raw["root"], "signature", "timestamp", "is_root")
	if err != nil {
		return r, err
	}
	if r.Signature, err = g.text("signature"); err != nil {
		return r, err
	}
	if err = event.CheckName(g.name("signature"), r.Signature); err != nil {
		return r, err
	}
	stamp, err := g.text("timestamp")
	if err != nil {
		return r, err
	}
	if r.Timestamp, err = rootStamp(g.name("timestamp"), stamp); err != nil {
		return r, err
	}
	r.IsRoot, err = g.flag("is_root")
	return r, err
}

// rootStamp reads MediaWiki's 14 digits, or RFC 3339.
func rootStamp(field, s string) (string, error) {
	const layout = "20060102150405"
	if _, err := time.Parse(layout, s); err == nil && len(s) == len(layout) {
		return s, nil
	}
	t, err := event.Time(field, s)
	if err != nil {
		return "", fault.Field(field, "%q is no time; write it as 20260102030405 or 2026-01-02T03:04:05Z", fault.Short(s))
	}
	return t.Format(layout), nil
}
