// Command demo shows Auwai's main job on a fresh Debian machine with Go: two real wikis, an edit of
// the template that every page uses through another template, and every page fresh in the cache.
//
//	go run ./test/demo            the whole demonstration; exit status 0 only if all is right
//	KEEP=1 go run ./test/demo     leave everything running at the end, and say where
//	go run ./test/demo -install   install the Debian packages and stop
//	go run ./test/demo -install -tests   also those that the end-to-end tests need
//
// Everything but the packages is in a temporary folder and on loopback. Ctrl-C ends all processes;
// so does a crash of this one.
//
// Files: main.go arguments and exit; steps.go the steps; screen.go the display; summary.go what
// auwai's interface says about what happened.
package main
