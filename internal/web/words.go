package web

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"auwai/api"
	"auwai/internal/farm"
)

// functions are what templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"number": number, "age": age, "seconds": func(s int64) string { return age(time.Duration(s) * time.Second) },
		"moment": moment, "ago": ago, "queueURL": queueURL, "wikiURL": wikiURL, "jobURL": jobURL, "jobsURL": jobsURL,
		"deadURL": deadURL, "stateClass": stateClass, "rate": rate, "sentence": sentence,
		"number64": func(n int) string { return number(int64(n)) }, "later": func(p api.Queue) int64 { return p.Delayed + p.Blocked },
		"millis": func(ms *int64) string { return age(time.Duration(*ms) * time.Millisecond) },
		"part":   part, "setting": settingText, "may": func(v *visit, wiki string) bool { return v.admin(wiki) },
	}
}

// part joins names and values to what a template is called with.
func part(pairs ...any) map[string]any {
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if name, ok := pairs[i].(string); ok {
			out[name] = pairs[i+1]
		}
	}
	return out
}

// settingText writes a setting as the configuration does; one of another version as a number.
func settingText(name string, value float64) string {
	for _, s := range farm.Settings() {
		if s.Name == name {
			return name + "=" + s.Text(value)
		}
	}
	return name + "=" + strconv.FormatFloat(value, 'f', -1, 64)
}

// number writes a count with thin spaces between thousands.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// rate writes how often something happens a second.
func rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0"
	case perSecond < 10:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	default:
		return number(int64(perSecond + 0.5))
	}
}

// age writes a duration by its two largest units.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0 s"
	case d < 100*time.Millisecond:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return units(d, time.Second, "s", 0, "")
	case d < time.Hour:
		return units(d, time.Minute, "min", time.Second, "s")
	case d < day:
		return units(d, time.Hour, "h", time.Minute, "min")
	default:
		return units(d, day, "d", time.Hour, "h")
	}
}

func units(d, large time.Duration, name string, small time.Duration, second string) string {
	out := strconv.FormatInt(int64(d/large), 10) + " " + name
	if small == 0 || d%large < small {
		return out
	}
	return out + " " + strconv.FormatInt(int64(d%large/small), 10) + " " + second
}

// moment writes a time in full, UTC.
func moment(t any) string {
	switch t := t.(type) {
	case time.Time:
		if !t.IsZero() {
			return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
		}
	case *time.Time:
		if t != nil {
			return moment(*t)
		}
	}
	return ""
}

// ago writes how long before now a time is, or how long after it.
func ago(now time.Time, at any) string {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		t = *at
	}
	if d := now.Sub(t); d >= 0 {
		return age(d) + " ago"
	}
	return "in " + age(t.Sub(now))
}

func jobsWord(n int) string {
	if n == 1 {
		return "1 job"
	}
	return number(int64(n)) + " jobs"
}

// sentence gives a text of the program a capital and a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	s = string(unicode.ToUpper(first)) + s[size:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// link makes a URL of ours: names are in queries, since one may have slashes and dots.
func link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func queueURL(queue, wiki string) string { return link("/queue", "queue", queue, "wiki", wiki) }
func wikiURL(wiki string) string         { return link("/wiki", "wiki", wiki) }
func jobURL(id string) string            { return link("/job", "id", id) }
func deadURL(queue, wiki string) string  { return link("/dead", "queue", queue, "wiki", wiki) }
func jobsURL(state, queue, wiki string) string {
	return link("/jobs", "state", state, "queue", queue, "wiki", wiki)
}

// stateClass is the kind of chip that shows a state.
func stateClass(state string) string {
	switch state {
	case api.StateDone:
		return "success"
	case api.StateDead:
		return "error"
	case api.StateRunning:
		return "progress"
	case api.StateBlocked, api.StateDelayed:
		return "warning"
	default:
		return "plain"
	}
}
