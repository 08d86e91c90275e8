#!/usr/bin/env bash
# The engines that people query logs with, from PyPI, for the tests that read a shipped archive: DuckDB, as a Python module and
# as its command, and PySpark, which needs Java. And sqlglot, which parses Athena's SQL.
#
#   engines.sh install DIR   fetch them into DIR (once; at once when they are there already): 380 MB to fetch, 600 MB on disk
#
# DIR may be moved or copied. The programs in DIR/venv/bin begin with the path of the Python that they were installed for: they
# are given to DIR/venv/bin/python as its first argument, and never started by themselves.
set -eu

# Of Spark the last release before 4: a third smaller, and it runs on each Java from 8 on that Debian has.
readonly PACKAGES='duckdb==2.0.0 duckdb-cli==1.5.6 pyspark==3.5.8 sqlglot==30.30.0'

die() {
    printf 'engines.sh: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is missing" "apt-get install $2"
}

# A Python that was updated or removed takes its environments with it.
is_installed() {
    [ "$(cat "$TOOLS/installed" 2>/dev/null)" = "$PACKAGES" ] && "$BIN/python" -c '' 2>/dev/null
}

# Several may want it at the same time: one fetches it, the others wait.
install_engines() {
    need java default-jre-headless
    ! is_installed || return 0
    need flock util-linux
    mkdir -p "$TOOLS"
    (
        flock 9
        is_installed || fetch_engines
    ) 9>"$TOOLS/lock"
}

# The stamp is written last: an install that was interrupted starts anew, and so does one of other versions.
fetch_engines() {
    local packages
    need python3 "python3 python3-venv"
    rm -rf "$TOOLS/venv"
    python3 -m venv "$TOOLS/venv" || die "can't make a virtual environment" "apt-get install python3-venv"
    read -ra packages <<<"$PACKAGES"
    "$BIN/python" -m pip install -q --no-cache-dir "${packages[@]}" ||
        die "can't install $PACKAGES" "is PyPI reached? see pip's words above"
    printf '%s\n' "$PACKAGES" >"$TOOLS/installed"
}

COMMAND=${1:-}
[ $# -eq 2 ] || die "usage: engines.sh install DIR"
TOOLS=$(realpath -m "$2")
readonly COMMAND TOOLS BIN="$TOOLS/venv/bin"
case $COMMAND in
install) install_engines ;;
*) die "unknown command $COMMAND" "install" ;;
esac
