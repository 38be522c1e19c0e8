#!/bin/sh
# engines.sh installs the database servers that the engine tests need, then runs those tests.
#
#   tools/engines.sh            install what is missing, run every engine test
#   tools/engines.sh install    only install
#   tools/engines.sh bench      run the engines' benchmarks
#
# The tests start private servers in a temporary folder and end them. No daemon of the machine is
# started, stopped or changed: while packages are installed a policy-rc.d says no to every start, and
# the one that was there before comes back afterwards.
set -eu

cd "$(dirname "$0")/.."

policy=/usr/sbin/policy-rc.d
saved=

restore_policy() {
	if [ -n "$saved" ]; then
		mv -f "$saved" "$policy"
		saved=
	elif [ -n "${made_policy:-}" ]; then
		rm -f "$policy"
	fi
	made_policy=
}

forbid_daemons() {
	trap restore_policy EXIT
	trap 'exit 130' INT TERM
	if [ -e "$policy" ]; then
		saved=$(mktemp "$policy.saved.XXXXXX")
		cp -p "$policy" "$saved"
	fi
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy.new"
	chmod 755 "$policy.new"
	mv -f "$policy.new" "$policy"
}

# missing prints the packages whose programs are not there.
missing() {
	[ -x /usr/sbin/mariadbd ] || echo mariadb-server
	[ -e /usr/lib/galera/libgalera_smm.so ] || echo galera-4
	command -v rsync >/dev/null || echo rsync
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo postgresql
	# The state transfer of a joining Galera node looks at ports and processes with these.
	command -v ss >/dev/null || echo iproute2
	command -v lsof >/dev/null || echo lsof
	command -v ps >/dev/null || echo procps
}

install_missing() {
	packages=$(missing)
	if [ -z "$packages" ]; then
		return
	fi
	# Word splitting is wanted: one argument for each package.
	# shellcheck disable=SC2086
	set -- $packages
	if [ "$(id -u)" != 0 ]; then
		echo "engines.sh: missing packages: $*; run as root, or install them" >&2
		exit 1
	fi
	echo "engines.sh: installing $*"
	forbid_daemons
	export DEBIAN_FRONTEND=noninteractive
	lock='-o DPkg::Lock::Timeout=600'
	# shellcheck disable=SC2086
	if ! apt-get $lock install -y -q --no-install-recommends "$@"; then
		apt-get $lock update -q
		apt-get $lock install -y -q --no-install-recommends "$@"
	fi
	restore_policy
	still=$(missing)
	if [ -n "$still" ]; then
		echo "engines.sh: still missing after the installation:" $still >&2
		exit 1
	fi
}

case "${1:-test}" in
install)
	install_missing
	;;
bench)
	install_missing
	AUWAI_TEST_REQUIRE=mariadb,galera,postgresql \
		exec go test -run '^$' -bench . ./internal/kv/mysqlkv ./internal/kv/pgkv
	;;
test)
	install_missing
	AUWAI_TEST_REQUIRE=mariadb,galera,postgresql exec go test -count=1 ./internal/testenv ./internal/kv/...
	;;
*)
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
