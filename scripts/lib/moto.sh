#!/usr/bin/env bash
# The moto server on the loopback: a third S3 server for tests, and what there is of CloudFormation, Auto Scaling and IAM
# to test against. With it come boto3, to speak to it, and cfn-lint, which judges templates.
#
#   moto.sh install DIR   fetch it into DIR (once; at once when it is there already)
#   moto.sh serve DIR     start it on a free port; prints endpoint=; ends when stdin ends, so with whoever holds it
#
# It keeps everything in memory: each server begins with nothing.
#
# DIR may be moved or copied. The programs in DIR/venv/bin begin with the path of the Python that they were installed for, which
# is another one then, or none: they are given to DIR/venv/bin/python as its first argument, and never started by themselves.
set -eu

# boto3 stands for botocore too, whose model of the services moto answers by.
readonly PACKAGES='moto[server]==5.2.5 boto3==1.44.5 cfn-lint==1.58.0'

die() {
    printf 'moto.sh: %s\n' "$1" >&2
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
install_moto() {
    ! is_installed || return 0
    need flock util-linux
    mkdir -p "$TOOLS"
    (
        flock 9
        is_installed || fetch_moto
    ) 9>"$TOOLS/lock"
}

# The stamp is written last: an install that was interrupted starts anew, and so does one of other versions.
fetch_moto() {
    local packages
    need python3 "python3 python3-venv"
    rm -rf "$TOOLS/venv"
    python3 -m venv "$TOOLS/venv" || die "can't make a virtual environment" "apt-get install python3-venv"
    read -ra packages <<<"$PACKAGES"
    "$BIN/python" -m pip install -q "${packages[@]}" || die "can't install $PACKAGES" "is PyPI reached? see pip's words above"
    printf '%s\n' "$PACKAGES" >"$TOOLS/installed"
}

# The kernel chooses the port, and the server is asked for it: nothing is guessed, and nothing has to be waited for.
serve_moto() {
    install_moto
    exec "$BIN/python" -c '
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("endpoint=http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
'
}

COMMAND=${1:-}
[ $# -eq 2 ] || die "usage: moto.sh install|serve DIR"
TOOLS=$(realpath -m "$2")
readonly COMMAND TOOLS BIN="$TOOLS/venv/bin"
case $COMMAND in
install) install_moto ;;
serve) serve_moto ;;
*) die "unknown command $COMMAND" "install or serve" ;;
esac
