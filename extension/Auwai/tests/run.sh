#!/bin/bash
# Tests of the extension Auwai on a real wiki that this script makes and throws away.
#
#   tests/run.sh [arguments for phpunit]
#
# Needs MediaWiki 1.39 or later (MW_INSTALL_PATH, default /usr/share/mediawiki), PHP with SQLite and
# curl, and phpunit 9. It installs nothing. Everything it makes is in a temporary folder, and the
# servers that it starts listen on loopback and end with it.
#
# AUWAI_TEST_DB=mysql runs the wiki on a private MariaDB (needs mariadb-server and php-mysql),
# AUWAI_TEST_DB=postgres on a private PostgreSQL (needs postgresql and php-pgsql).
set -euo pipefail

extension=$(cd "$(dirname "$0")/.." && pwd)
core=${MW_INSTALL_PATH:-/usr/share/mediawiki}
export AUWAI_TEST_DB=${AUWAI_TEST_DB:-sqlite}
pgbin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)

missing=()
command -v php >/dev/null || missing+=("php-cli")
command -v phpunit >/dev/null || missing+=("phpunit")
command -v curl >/dev/null || missing+=("curl")
[ -f "$core/includes/Setup.php" ] || missing+=("mediawiki (none in $core)")
if command -v php >/dev/null; then
	modules=$(php -m)
	case $AUWAI_TEST_DB in
		sqlite) drivers=(pdo_sqlite:php-sqlite3) ;;
		mysql) drivers=(mysqli:php-mysql) && { command -v mariadbd >/dev/null || missing+=(mariadb-server); } ;;
		postgres) drivers=(pgsql:php-pgsql) && { [ -n "$pgbin" ] || missing+=(postgresql); } ;;
		*) echo "AUWAI_TEST_DB is sqlite, mysql or postgres, not $AUWAI_TEST_DB" >&2 && exit 1 ;;
	esac
	for module in "${drivers[@]}" mbstring:php-mbstring intl:php-intl xml:php-xml curl:php-curl; do
		grep -qix "${module%%:*}" <<<"$modules" || missing+=("${module##*:}")
	done
fi
if [ ${#missing[@]} -gt 0 ]; then
	echo "tests/run.sh needs what is not installed (names of Debian packages):" >&2
	printf '  %s\n' "${missing[@]}" >&2
	exit 1
fi

find "$extension" -name '*.php' -print0 | xargs -0 -n1 php -l >/dev/null

dir=$(mktemp -d)
pids=()
finish() {
	# Each server leads a group of its own, with its workers in it.
	for pid in "${pids[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

free_port() {
	php -r '$s = stream_socket_server("tcp://127.0.0.1:0"); echo substr(strrchr(stream_socket_get_name($s, false), ":"), 1);'
}
answers() {
	for _ in $(seq 200); do
		curl -s -o "$dir/answer" --max-time 5 "$1" && return 0
		sleep 0.05
	done
	echo "no answer from $1" >&2
	return 1
}

mkdir "$dir/data" "$dir/cache" "$dir/fake" "$dir/install"
wiki_port=$(free_port)
fake_port=$(free_port)
closed_port=$(free_port)
export AUWAI_TEST_DIR=$dir AUWAI_TEST_EXTENSION=$extension
export AUWAI_TEST_WIKI=http://127.0.0.1:$wiki_port AUWAI_TEST_SERVER=http://127.0.0.1:$fake_port
export AUWAI_TEST_CLOSED=http://127.0.0.1:$closed_port
export AUWAI_FAKE_DIR=$dir/fake AUWAI_WIKI_CONFIG=$extension/tests/wiki/LocalSettings.php
export MW_INSTALL_PATH=$core

setsid php -S "127.0.0.1:$fake_port" "$extension/tests/fake/server.php" >"$dir/fake.log" 2>&1 &
pids+=($!)
answers "$AUWAI_TEST_SERVER/healthz"

database=(--dbtype "$AUWAI_TEST_DB" --dbname aawiki)
case $AUWAI_TEST_DB in
	sqlite)
		database+=(--dbpath "$dir/data")
		;;
	mysql)
		chmod 755 "$dir" && mkdir "$dir/mysql" && chown mysql "$dir/mysql"
		mariadb-install-db --no-defaults --user=mysql --datadir="$dir/mysql/data" --auth-root-authentication-method=normal \
			>"$dir/db.log" 2>&1
		setsid mariadbd --no-defaults --user=mysql --datadir="$dir/mysql/data" --socket="$dir/mysql/sock" \
			--pid-file="$dir/mysql/pid" --skip-networking --innodb-flush-log-at-trx-commit=0 >>"$dir/db.log" 2>&1 &
		pids+=($!)
		for _ in $(seq 200); do mariadb-admin --no-defaults -uroot --socket="$dir/mysql/sock" ping >/dev/null 2>&1 && break || sleep 0.1; done
		export AUWAI_TEST_DB_SERVER=localhost:$dir/mysql/sock AUWAI_TEST_DB_USER=root
		database+=(--dbserver "$AUWAI_TEST_DB_SERVER" --dbuser root --dbpass '' --installdbuser root --installdbpass '')
		;;
	postgres)
		chmod 755 "$dir" && mkdir "$dir/pg" && chown postgres "$dir/pg"
		db_port=$(free_port)
		setpriv --reuid=postgres --regid=postgres --clear-groups \
			"$pgbin/initdb" -D "$dir/pg/data" -A trust -E UTF8 --locale=C >"$dir/db.log" 2>&1
		setsid setpriv --reuid=postgres --regid=postgres --clear-groups \
			"$pgbin/postgres" -D "$dir/pg/data" -k "$dir/pg" -h 127.0.0.1 -p "$db_port" -c fsync=off \
			>>"$dir/db.log" 2>&1 &
		pids+=($!)
		for _ in $(seq 200); do "$pgbin/pg_isready" -q -h 127.0.0.1 -p "$db_port" && break || sleep 0.1; done
		export AUWAI_TEST_DB_SERVER=127.0.0.1 AUWAI_TEST_DB_USER=postgres AUWAI_TEST_DB_PORT=$db_port
		database+=(--dbserver 127.0.0.1 --dbport "$db_port" --dbuser postgres --dbpass '' --installdbuser postgres --installdbpass '')
		;;
esac

# The installer must not find settings, and update.php must find ours.
MW_CONFIG_FILE=$dir/install/none.php php "$core/maintenance/install.php" "${database[@]}" \
	--confpath "$dir/install" --pass 'a-long-test-password' --scriptpath /w \
	--server "$AUWAI_TEST_WIKI" 'Auwai test' Admin >"$dir/install.log" 2>&1 || { cat "$dir/install.log"; exit 1; }
MW_CONFIG_FILE=$AUWAI_WIKI_CONFIG php "$core/maintenance/update.php" --quick >"$dir/update.log" 2>&1 ||
	{ cat "$dir/update.log"; exit 1; }

MW_CONFIG_FILE=$AUWAI_WIKI_CONFIG PHP_CLI_SERVER_WORKERS=4 \
	setsid php -d memory_limit=128M -d display_errors=0 -d output_buffering=4096 -d zlib.output_compression=1 -S "127.0.0.1:$wiki_port" \
	"$extension/tests/wiki/router.php" >"$dir/web.log" 2>&1 &
pids+=($!)
answers "$AUWAI_TEST_WIKI/w/api.php?action=query&format=json"

status=0
php -d "auto_prepend_file=$extension/tests/phpunit/bootstrap.php" "$(command -v phpunit)" \
	--no-configuration --do-not-cache-result --colors=never "$@" "$extension/tests/phpunit" || status=$?
if [ $status -ne 0 ]; then
	echo "--- log of the extension" && tail -n 20 "$dir/auwai.log" 2>/dev/null || true
	echo "--- errors of the web server" && grep -v 'Accepted\|Closing\|\[200\]' "$dir/web.log" | tail -n 20 || true
fi
exit $status
