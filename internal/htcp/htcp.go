package htcp

import (
	"encoding/binary"

	"auwai/internal/fault"
)

// MaxPacket is the greatest length of a packet: what a UDP datagram over IPv4 holds.
const MaxPacket = 65_507

const (
	opCLR     = 4
	method    = "HEAD"     // what MediaWiki's HTCP and Squid's name
	version   = "HTTP/1.0" // likewise
	headerLen = 4          // length and version
	fixedLen  = 10         // from the second length to the reason
	authLen   = 2
	// overhead is a packet without its URL.
	overhead = headerLen + fixedLen + 4*2 + len(method) + len(version) + authLen
	// MaxURL is the greatest length of a URL in a packet, in bytes.
	MaxURL = MaxPacket - overhead
)

// Append appends the packet that asks to forget url, which is written as it is. The error has the
// kind TooLarge or Invalid.
func Append(dst []byte, transaction uint32, url string) ([]byte, error) {
	switch {
	case url == "":
		return dst, fault.Field("url", "is empty; name what is to be forgotten")
	case len(url) > MaxURL:
		return dst, fault.Newf(fault.TooLarge, "url: has %d bytes; an HTCP packet has room for %d", len(url), MaxURL)
	}
	total := uint16(overhead + len(url)) //nolint:gosec // bounded by MaxPacket
	dst = binary.BigEndian.AppendUint16(dst, total)
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, total-headerLen-authLen)
	dst = append(dst, opCLR, 0)
	dst = binary.BigEndian.AppendUint32(dst, transaction)
	dst = append(dst, 0, 0)
	for _, s := range [...]string{method, url, version, ""} {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s))) //nolint:gosec // bounded by MaxURL
		dst = append(dst, s...)
	}
	return binary.BigEndian.AppendUint16(dst, authLen), nil
}

// Read returns what a packet asks to forget, with its transaction. The URL is a copy, and is not
// checked further. The error has the kind Invalid.
func Read(packet []byte) (url string, transaction uint32, err error) {
	if least := headerLen + fixedLen + authLen; len(packet) < least || len(packet) > MaxPacket {
		return "", 0, fault.Field("packet", "has %d bytes; an HTCP packet has %d to %d", len(packet), least, MaxPacket)
	}
	total := int(binary.BigEndian.Uint16(packet))
	data := int(binary.BigEndian.Uint16(packet[headerLen:]))
	switch {
	case total != len(packet):
		return "", 0, fault.Field("length", "is %d; the packet has %d bytes", total, len(packet))
	case packet[2] != 0:
		return "", 0, fault.Field("version", "is %d.%d; 0.0 is expected", packet[2], packet[3])
	case data < fixedLen || data > total-headerLen-authLen:
		return "", 0, fault.Field("data length", "is %d; the packet has room for %d to %d", data, fixedLen, total-headerLen-authLen)
	case packet[6]&0x0f != opCLR || packet[6]>>4 != 0:
		return "", 0, fault.Field("operation", "is %#02x; only CLR (0x04) is understood", packet[6])
	}
	transaction = binary.BigEndian.Uint32(packet[8:])
	rest := packet[headerLen+fixedLen : headerLen+data]
	for _, field := range [...]string{"method", "url", "http version", "headers"} {
		var s []byte
		var ok bool
		if s, rest, ok = text(rest); !ok {
			return "", 0, fault.Field(field, "is longer than the packet has room for")
		}
		if field == "url" {
			url = string(s)
		}
	}
	if url == "" {
		return "", 0, fault.Field("url", "is empty; name what is to be forgotten")
	}
	return url, transaction, nil
}

// text cuts a counted text off b.
func text(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
