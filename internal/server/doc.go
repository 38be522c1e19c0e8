// Package server builds all parts of the service from a checked configuration, starts them in order
// and stops them in reverse.
//
//	listener ─▶ HTTP ─▶ intake ─▶ node loop ─▶ engine
//	                     inspect ─┘    │ ▲
//	                                   ▼ │
//	                    dispatch (driver) ─▶ runners ─▶ wikis, caches
//	                    upkeep             spool rounds ─▶ wikis
//
// # Start
//
//  1. The sockets are bound, or taken from systemd: from then on nobody is refused, connections wait.
//     A socket of systemd is told by its address: that of cdn.purge_listen, of cdn.htcp_listen, or else
//     the HTTP interface's.
//  2. The store is opened; its lock proves that no other process has it.
//  3. The loop starts: session, ownership, partitions.
//  4. When all partitions are open, the socket is served, and systemd is told.
//
// # Stop
//
//  1. Dispatch starts nothing more; requests are answered as before, and their answers ask for another
//     connection.
//  2. Running jobs may end until the drain time; what still runs is stored as cut short.
//  3. The sockets are left (systemd keeps its own), every request on a connection that was accepted is
//     answered, and purges that came by HTCP are taken.
//  4. The node gives its partitions and its session up in one commit; the store is closed.
//
// # Failures
//
//	killed at any point        the next start finds the session, and is cautious
//	a write to the store fails the process ends with an error: the store is read anew at the restart
//	a second signal            the process ends at once, as if killed
package server
