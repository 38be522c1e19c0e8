package udp

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a database name or a host, in bytes.
const maxName = 255

// Name is what a packet says of its wiki. Each may be "".
type Name struct {
	Prefix string // of the feed's address: a database name or a host, as the operator chose
	Wiki   string // MediaWiki's id of the wiki: its database name, with a table prefix where it has one
	Domain string // its host, without a port, in lower case
}

// IsZero reports whether the packet names no wiki.
func (n Name) IsZero() bool { return n == Name{} }

// Parse reads a packet. What is neither of MediaWiki's two formats gives the zero Name, or only the
// prefix.
func Parse(packet []byte) Name {
	text := bytes.TrimSpace(packet)
	var n Name
	// The text begins with { or, in an IRC line, with the colour code \x03. Before it may stand a prefix,
	// which has no space in it.
	if len(text) > 0 && text[0] != '{' && text[0] != '\x03' {
		prefix, rest, found := bytes.Cut(text, []byte(" "))
		if !found || len(rest) == 0 || rest[0] != '{' && rest[0] != '\x03' {
			return Name{}
		}
		n.Prefix, text = name(string(prefix)), rest
	}
	switch {
	case len(text) == 0:
	case text[0] == '{':
		n.Wiki, n.Domain = fromJSON(text)
	default:
		n.Domain = fromIRC(text)
	}
	return n
}

// fromJSON reads a line of MediaWiki's class JSONRCFeedFormatter. Keys are matched exactly.
func fromJSON(text []byte) (wiki, domain string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return "", ""
	}
	read := func(key string) string {
		var s string
		if json.Unmarshal(fields[key], &s) != nil {
			return ""
		}
		return name(s)
	}
	if domain = host(read("server_name")); domain == "" {
		domain = hostOfURL(read("server_url"))
	}
	return read("wiki"), domain
}

// fromIRC reads a line of MediaWiki's class IRCColourfulRCFeedFormatter. The URL of the change stands
// between the colour code for it, \x0302, and the end of a colour, \x03. Others of the code \x0302 are
// links to pages in the comment of a log entry, which are no URLs.
func fromIRC(text []byte) string {
	const blue = "\x0302"
	for line := string(text); ; {
		_, rest, found := strings.Cut(line, blue)
		if !found {
			return ""
		}
		address, _, _ := strings.Cut(rest, "\x03")
		if domain := hostOfURL(address); domain != "" {
			return domain
		}
		line = rest
	}
}

// hostOfURL returns the host of an absolute or protocol-relative URL, "" for anything else.
func hostOfURL(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "" {
		return ""
	}
	return host(u.Hostname())
}

// host returns a host in lower case, "" when it cannot be one.
func host(s string) string {
	s = name(s)
	if strings.ContainsAny(s, "/?#@ ") {
		return ""
	}
	return strings.ToLower(s)
}

// name returns the text when it may name something, "" otherwise.
func name(s string) string {
	if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.TrimSpace(s) != s {
		return ""
	}
	return s
}
