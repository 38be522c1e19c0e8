// Package e2e holds the tests with everything real: MediaWiki, Varnish, the Auwai extension and the
// auwai binary. `make e2e` installs what they need and runs them; a plain `go test` skips them.
//
// Files: stand_test.go puts the pieces together; cascade_test.go follows an edit to its pages;
// absence_test.go takes the service, the wiki or its writability away; restart_test.go restarts
// the service under load; own_table_test.go has wikis without an extension, whose jobs are in their
// own tables, purges_test.go their purges by PURGE and HTCP, purge_restart_test.go restarts the service under these;
// rpc_test.go has a farm's runner script; migrate_test.go imports a wiki's job table; scripts_test.go runs core's scripts on the service's jobs;
// stock_test.go checks the rig itself, with MediaWiki alone.
package e2e
