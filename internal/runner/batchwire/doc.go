// Package batchwire is the form in which many jobs of one wiki go to the Auwai extension, and their
// results come back: the same for its run endpoint, by HTTP, and for its worker script, by pipes.
//
// # Words
//
//	request   one JSON object with the jobs of a work; by pipe it is one line
//	line      one JSON object of the answer: of a job, sent as soon as it ended, or the last one
//	last      the line that says that the wiki has ended the request, and why jobs were left over
//	part      a job of the request that has no line yet
//
// # Outcome of a line
//
//	ok                     done; an error that the job caught is noted
//	readonly               hold
//	permanent              dead, with its remedy
//	retry is false         done, the error noted: the class forbids retries (as EventBus answers)
//	else                   failed; of the class of the first exception, where one was thrown
//
// # Outcome of the parts when the last line is there
//
//	readonly, lag, database     hold
//	time, memory, changed, …    no result: they go back to their place, if any job got one;
//	                            else the first of them failed, since it would be so for ever
//	request                     the first of them is dead: the wiki cannot read it
//	nothing                     the first of them failed: the wiki forgot it
//
// An answer without its last line is the reader's to judge: it knows how the connection ended.
//
// # Invariants
//
//   - A payload is written byte for byte as it was received.
//   - Keys of an event are matched exactly, and of two alike the last counts, as in PHP.
//
// # Files
//
//	request.go   what goes to the wiki     line.go   what comes back
package batchwire
