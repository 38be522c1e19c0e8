// Package purgerunner carries out purges: it tells HTTP caches to forget a URL.
//
// # Words
//
//	purge     a job of the queue Queue; its payload is a resource-purge event, meta.uri the URL
//	server    one cache, "host:port"
//	layer     servers that stand side by side; each layer fetches from the one before it
//	refusal   an answer other than 2xx and 404
//	receiver  an address that is told by HTCP; a packet to it is not answered
//
// # A purge
//
// The URL is purged on all servers of the first layer at the same time; when all of these have
// answered or failed, on all of the next. A layer is never asked before the one it fetches from,
// else it could take the old page from there again. The second purge of a URL, after the rebound,
// is a job of its own that intake makes.
//
//	PURGE http://wiki.example/wiki/A HTTP/1.1      absolute form, as MediaWiki's CdnCacheUpdate
//	Host: wiki.example                             sends it: caches are addressed like proxies
//	Content-Length: 0
//
// The URL stands there byte for byte, with three exceptions. A fragment is left out. The host is in
// lower case, as browsers send it. The scheme is always http: what stands before caches takes TLS
// off, caches know pages by host and path, and Varnish reads no https in a request line.
//
// # Outcomes
//
//	all servers answered 2xx or 404        done
//	a server refused, failed, was late     failed; the other servers have been purged all the same
//	a server cannot be reached             failed; not asked again by this Work
//	a packet cannot be sent                failed; that a sent one is lost is not noticed
//	no URL in the payload                  permanent
//	the Work's time-out                    failed
//	ctx cancelled                          no result
//
// A server that is down never holds the purges of the others, nor those of the layers behind it: a
// stale page on one server is better than on all. Its purges fail, are tried again later, and end
// as dead letters that can be sent again when it is back with old pages on its disk.
//
// # Invariants
//
//   - A URL that stands in several jobs of a Work is purged once, and all of them get the result.
//   - Only configured servers are contacted, whatever the URL names; redirects are not followed.
//   - At most Config.Conns requests are under way to one server, over all Works.
//   - Purges of one URL by two Works at once may interleave. Each of them goes through the layers in
//     their order after its own change, so none can leave an older page than without the other.
//
// # Files
//
//	purgerunner.go   configuration, Run: from jobs to URLs     layers.go   one URL through the layers
//	target.go        a payload's URL as a request's target     server.go   one request to one server
//	htcp.go          one packet to one receiver
package purgerunner
