#!/usr/bin/env bash
# Looks whether /dev/null is what it is taken for: null-device.sh [PATH]
#
# A program of root's that makes its output anew under a temporary name, or removes it first, leaves a regular file where the
# device was. From then on each program that reads from it reads what others have thrown away: `rustc -` compiled that once,
# and said so at length. Root gets the device back, put in place of what is there by one rename, so that it is missing for no
# instant; everyone else is told what is wrong.
#
# Exit code 0: it is the device, or is again. 1: it is not.
set -euo pipefail

readonly DEVICE=${1:-/dev/null}

die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    printf '  hint: %s\n' "$2" >&2
    exit 1
}

# The numbers are in hexadecimal; the null device is 1, 3 on Linux (its Documentation/admin-guide/devices.txt). Everyone may
# write to it.
is_null_device() {
    [ -c "$1" ] && [ "$(stat -L -c '%t:%T %a' "$1")" = '1:3 666' ]
}

# What is there instead, in words.
found() {
    if [ ! -e "$DEVICE" ] && [ ! -L "$DEVICE" ]; then
        printf 'there is nothing'
    elif [ -f "$DEVICE" ]; then
        printf 'it is a file of %s bytes, in which programs find what others wrote' "$(stat -L -c %s "$DEVICE")"
    elif [ -c "$DEVICE" ]; then
        printf 'it is the device %s, mode %s' "$(stat -L -c '%t:%T' "$DEVICE")" "$(stat -L -c %a "$DEVICE")"
    else
        printf 'it is a %s' "$(stat -c %F "$DEVICE")"
    fi
}

# mknod(1) minds the umask, and chmod(1) does not.
put_back() {
    local beside=$DEVICE.$$
    mknod "$beside" c 1 3 && chmod 666 "$beside" && is_null_device "$beside" && mv -fT "$beside" "$DEVICE" && return
    rm -f "$beside"
    return 1
}

is_null_device "$DEVICE" && exit 0
wrong="$DEVICE is not the null device: $(found)"
if [ "$(id -u)" -ne 0 ]; then
    die "$wrong" "as root: mknod -m 666 $DEVICE.new c 1 3 && mv -fT $DEVICE.new $DEVICE"
fi
printf '%s: %s; putting it back\n' "${0##*/}" "$wrong" >&2
if ! put_back; then
    die "can't put the null device back at $DEVICE" "where it is mounted into a container, mount it anew from outside"
fi
