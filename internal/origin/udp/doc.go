// Package udp receives the packets by which a stock wiki tells of its changes: MediaWiki's RCFeed over
// UDP ($wgRCFeeds, class UDPRCFeedEngine). A packet is only a hint that something happened on a wiki;
// its text is not kept.
//
// # Words
//
//	packet   one datagram: one recent change, as JSON or as the line of an IRC channel
//	name     what a packet says of its wiki: a database name, a host, or both
//	hint     what the service does about a named wiki: it wakes it
//
// # What names the wiki
//
//	udp://HOST:PORT/NAME       MediaWiki puts "NAME " before the text; it is taken first
//	JSONRCFeedFormatter        "wiki" (its database name) and "server_name"
//	IRCColourfulRCFeedFormatter  the host of the URL in the line; a log entry has none, so such a
//	                           feed needs the prefix
//
// # Failures
//
//	a packet is lost           nobody knows; who needs certainty polls
//	it is cut off at 64 KiB    the names stand at the end of the JSON, so only a prefix is left
//	it names no wiki           counted; the first is logged
//	it names an unknown wiki   counted; the first of each name, up to 100 names, is logged
//	its sender may not send    counted; the first of each address is logged
//	the socket breaks          Run returns the error
//
// # Invariants
//
//   - A packet never makes the receiver wait: Hint must not block.
//   - What a packet can do is what any packet can: wake a configured wiki. A flood of them costs one
//     wake-up, since a wiki that is awake is not woken.
//
// # Files
//
//	parse.go   from a packet to a name     udp.go   the socket
package udp
