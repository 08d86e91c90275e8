#!/usr/bin/env bash
# OpenStack Swift with its S3 API on the loopback, as a second, independent store for tests.
#
#   swift.sh install DIR                fetch it into DIR (once; at once when it is there already)
#   swift.sh start DIR [DATA] [--tls]   start it on free ports; prints endpoint=, access_key=, secret_key=, ca= lines
#   swift.sh stop DATA                  end what start started, and wait for it
#   swift.sh serve DIR [DATA] [--tls]   start; stop when stdin ends, so with whoever holds it, however that one ends
#
# The programs live in DIR; objects, logs and settings in DATA, which is DIR where it isn't given. Several may run at
# the same time, each with its own DATA. Objects survive stop and start. Logs of the servers are in DATA/log.
#
# DIR may be moved or copied: what is in DIR/venv/bin is given to the Python there as its first argument (see moto.sh).
set -eu

readonly VERSION=2.38.3
readonly ACCESS_KEY=test:tester
readonly SECRET_KEY=testing
readonly SERVERS="account container object proxy"
readonly READY_SECONDS=30
readonly STOP_SECONDS=10

die() {
    printf 'swift.sh: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is missing" "apt-get install $2"
}

# A Python that was updated or removed takes its environments with it.
is_installed() {
    [ -f "$TOOLS/installed-$VERSION" ] && "$BIN/python" -c '' 2>/dev/null
}

# Several may want it at the same time: one fetches it, the others wait.
install_swift() {
    ! is_installed || return 0
    need flock util-linux
    mkdir -p "$TOOLS"
    (
        flock 9
        is_installed || fetch_swift
    ) 9>"$TOOLS/lock"
}

# The stamp is written last: an install that was interrupted starts anew.
fetch_swift() {
    need python3 "python3 python3-venv"
    rm -rf "$TOOLS/venv"
    python3 -m venv "$TOOLS/venv" || die "can't make a virtual environment" "apt-get install python3-venv"
    # setuptools: Swift still uses pkg_resources. anycrc: the CRC checksums of S3.
    "$BIN/python" -m pip install -q "swift==$VERSION" anycrc 'setuptools<81' ||
        die "can't install swift $VERSION" "apt-get install build-essential python3-dev liberasurecode-dev, if a build failed"
    take_configuration_from_environment
    : >"$TOOLS/installed-$VERSION"
}

# Swift reads a fixed path at import; a second one on this machine must not meet ours.
take_configuration_from_environment() {
    local module
    for module in "$TOOLS"/venv/lib/python3*/site-packages/swift/common/utils/__init__.py; do
        sed -i "s#^SWIFT_CONF_FILE = .*#SWIFT_CONF_FILE = os.environ['SWIFT_CONF_FILE']#" "$module"
        grep -q "^SWIFT_CONF_FILE = os.environ" "$module" || die "swift $VERSION has changed: $module"
    done
}

# Four ports at once, so that none is given twice. Between this and the bind another process may take
# one: then start fails and says so.
choose_ports() {
    "$BIN/python" - <<'PY'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*[one.getsockname()[1] for one in held])
PY
}

ring_builder() {
    "$BIN/python" "$BIN/swift-ring-builder" "$@"
}

write_rings() {
    local server port
    (
        cd "$ROOT/etc"
        rm -f ./*.builder ./*.ring.gz
        for server in account container object; do
            port=$1
            shift
            ring_builder "$server.builder" create 4 1 1
            ring_builder "$server.builder" add "r1z1-127.0.0.1:$port/disk" 100
            ring_builder "$server.builder" rebalance
        done
    ) >"$ROOT/log/rings.log" 2>&1 || die "can't build the rings" "see $ROOT/log/rings.log"
}

# common_section PORT
common_section() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
workers = 0
user = $(id -un)
swift_dir = $ROOT/etc
devices = $ROOT/srv
mount_check = false
fallocate_reserve = 0
CONF
}

# write_storage_configuration SERVER PORT
write_storage_configuration() {
    {
        common_section "$2"
        cat <<CONF
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
CONF
    } >"$ROOT/etc/$1-server.conf"
}

# write_proxy_configuration PORT SCHEME: s3api comes before the authentication, which it asks for its keys.
write_proxy_configuration() {
    local filter
    {
        common_section "$1"
        if [ "$2" = https ]; then
            printf 'cert_file = %s\nkey_file = %s\n' "$ROOT/etc/server.pem" "$ROOT/etc/server.key"
        fi
        cat <<CONF
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy_logging listing_formats s3api tempauth bulk slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_${ACCESS_KEY/:/_} = $SECRET_KEY .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
CONF
        for filter in catch_errors gatekeeper healthcheck proxy_logging listing_formats bulk slo dlo symlink; do
            printf '[filter:%s]\nuse = egg:swift#%s\n' "$filter" "$filter"
        done
    } >"$ROOT/etc/proxy-server.conf"
}

# An authority of our own and a certificate for the loopback: what a client of https must trust is ca.pem.
write_certificates() {
    need openssl openssl
    (
        cd "$ROOT/etc"
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=logferry test authority' \
            -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
            -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >server.ext
        openssl x509 -req -days 30 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
            -extfile server.ext -out server.pem
    ) >"$ROOT/log/certificates.log" 2>&1 || die "can't make certificates" "see $ROOT/log/certificates.log"
}

# A process id alone may have been given to another process since: its start time tells.
start_time() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

launch() {
    local server pid
    : >"$ROOT/run/processes"
    for server in $SERVERS; do
        # A session of its own: a Ctrl-C meant for the caller doesn't reach it, stop does.
        setsid "$BIN/python" "$BIN/swift-$server-server" "$ROOT/etc/$server-server.conf" \
            >"$ROOT/log/$server.log" 2>&1 </dev/null &
        pid=$!
        printf '%s %s\n' "$pid" "$(start_time "$pid")" >>"$ROOT/run/processes"
    done
}

# wait_until_ready ENDPOINT: all four answer, or one of them has ended.
wait_until_ready() {
    local tries=$((READY_SECONDS * 10)) pid started
    until curl -fs ${CA:+--cacert "$CA"} "$1/healthcheck" >/dev/null && storage_listens; do
        while read -r pid started; do
            is_running "$pid" "$started" || { stop_swift; die "a server has ended" "see $ROOT/log"; }
        done <"$ROOT/run/processes"
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { stop_swift; die "not ready after $READY_SECONDS s" "see $ROOT/log"; }
        sleep 0.1
    done
}

storage_listens() {
    local server port
    for server in account container object; do
        port=$(sed -n 's/^bind_port = //p' "$ROOT/etc/$server-server.conf")
        curl -s "http://127.0.0.1:$port/healthcheck" >/dev/null || return 1
    done
}

# start_swift SCHEME
start_swift() {
    local scheme=$1 CA='' account container object proxy
    need curl curl
    [ ! -s "$ROOT/run/processes" ] || die "$ROOT is started already" "swift.sh stop $ROOT"
    install_swift
    mkdir -p "$ROOT/etc" "$ROOT/srv/disk" "$ROOT/log" "$ROOT/run"
    read -r account container object proxy <<<"$(choose_ports)"
    printf '[swift-hash]\nswift_hash_path_suffix = logferry\nswift_hash_path_prefix = logferry\n' >"$ROOT/etc/swift.conf"
    write_rings "$account" "$container" "$object"
    write_storage_configuration account "$account"
    write_storage_configuration container "$container"
    write_storage_configuration object "$object"
    write_proxy_configuration "$proxy" "$scheme"
    if [ "$scheme" = https ]; then
        write_certificates
        CA=$ROOT/etc/ca.pem
    fi
    launch
    wait_until_ready "$scheme://127.0.0.1:$proxy"
    printf 'endpoint=%s://127.0.0.1:%s\naccess_key=%s\nsecret_key=%s\nca=%s\n' \
        "$scheme" "$proxy" "$ACCESS_KEY" "$SECRET_KEY" "$CA"
}

# is_running PID STARTED
is_running() {
    [ "$(start_time "$1")" = "$2" ] && [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 1)" != Z ]
}

stop_swift() {
    local pid started tries
    [ -f "$ROOT/run/processes" ] || return 0
    while read -r pid started; do
        if is_running "$pid" "$started"; then kill "$pid"; fi
    done <"$ROOT/run/processes"
    while read -r pid started; do
        tries=$((STOP_SECONDS * 10))
        while is_running "$pid" "$started"; do
            tries=$((tries - 1))
            [ "$tries" -gt 0 ] || { kill -KILL "$pid"; break; }
            sleep 0.1
        done
    done <"$ROOT/run/processes"
    rm "$ROOT/run/processes"
}

# serve_swift SCHEME: a caller that is killed can't stop anything, but its end of the pipe is closed.
serve_swift() {
    trap stop_swift EXIT
    trap 'exit 0' INT TERM HUP
    start_swift "$1"
    while read -r _; do :; done
}

COMMAND=${1:-}
TOOLS=''
ROOT=''
SCHEME=http
[ $# -eq 0 ] || shift
for argument; do
    case $argument in
    --tls) SCHEME=https ;;
    *) if [ -z "$TOOLS" ]; then TOOLS=$(realpath -m "$argument"); else ROOT=$(realpath -m "$argument"); fi ;;
    esac
done
[ -n "$TOOLS" ] || die "usage: swift.sh install|start|stop|serve DIR [DATA] [--tls]"
ROOT=${ROOT:-$TOOLS}
readonly COMMAND SCHEME TOOLS ROOT BIN="$TOOLS/venv/bin"
export SWIFT_CONF_FILE="$ROOT/etc/swift.conf"
case $COMMAND in
install) install_swift ;;
start) start_swift "$SCHEME" ;;
stop) stop_swift ;;
serve) serve_swift "$SCHEME" ;;
*) die "unknown command $COMMAND" "install, start, stop or serve" ;;
esac
