#!/usr/bin/env bash
# fuzz.sh runs every fuzz target of the module, one after the other, each for a time.
#
#   tools/fuzz.sh [TIME]      default 30s
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}

# "go test -list" prints the targets of a package and then a line that names the package.
targets=$(go test -list '^Fuzz' ./... | awk '/^Fuzz/ {names[++n] = $1} /^ok/ {for (i = 1; i <= n; i++) print $2, names[i]; n = 0}')
if [ -z "$targets" ]; then
	echo "fuzz.sh: no fuzz target found" >&2
	exit 1
fi
while read -r package name; do
	echo "== $package $name, $time"
	# "go test" refuses several targets at a time, and -run keeps the other tests out of the way.
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package"
done <<<"$targets"
