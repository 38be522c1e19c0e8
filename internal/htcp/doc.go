// Package htcp writes and reads the one HTCP message that wikis and caches use: CLR, "forget this
// URL" (RFC 2756, as Squid and MediaWiki write it).
//
// # Words
//
//	packet       one UDP datagram; it is all that is ever said, nobody answers
//	transaction  a number that a sender raises by one with each packet, so that a receiver can tell
//	             how many were lost
//
// # A packet
//
// All numbers are big-endian.
//
//	 0  uint16    length of the whole packet
//	 2  2 bytes   version, major 0 and minor 0
//	 4  uint16    length of what follows, without the last two bytes
//	 6  byte      operation 4 (CLR) in the low half; RFC 2756 draws it in the high one, nobody does it
//	 7  byte      flags, 0: no answer is wanted
//	 8  uint32    transaction
//	12  uint16    reason, 0
//	14  4 texts   method, URL, version of HTTP, headers; each a uint16 length and its bytes
//	end uint16    length of the authentication with these two bytes: 2, there is none
//
// # Invariants
//
//   - What Append writes, Read reads as the same URL and transaction.
//   - Read accepts nothing that lies about a length.
//   - Read does no more work than the packet is long, and keeps no part of it.
//
// # Failures
//
//	a URL that no packet has room for   Append returns an error of kind TooLarge
//	a packet that is no CLR             Read returns an error that names the field
//
// # Files
//
//	htcp.go   Append, Read
package htcp
