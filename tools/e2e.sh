#!/bin/sh
# e2e.sh installs real MediaWiki, Varnish and a browser, then runs every test that needs them: the Go
# tests of test/e2e, which leave pictures of the dashboard under artifacts/dashboard, and, where the
# extension has them, its own PHPUnit tests on a real wiki.
#
#   tools/e2e.sh            install what is missing, run everything
#   tools/e2e.sh install    only install
#
# Needs Debian 12, Go and, for the installation, root. Everything else is kept in temporary folders;
# no daemon of the machine is started. Nothing may be skipped here.
set -eu

cd "$(dirname "$0")/.."

go run ./test/demo -install -tests

if [ "${1:-}" = install ]; then
	exit 0
fi

AUWAI_TEST_REQUIRE=mediawiki,varnish,systemd,chromium go test -count=1 -timeout 30m ./test/e2e
AUWAI_TEST_REQUIRE=php go test -count=1 -timeout 10m ./internal/runner/phppool

# A rate is watched for a whole minute here; "make test" watches it for seconds.
AUWAI_LIMITS_SECONDS=60 go test -count=1 -timeout 10m ./test/limits

if [ -x extension/Auwai/tests/run.sh ]; then
	extension/Auwai/tests/run.sh
fi
