#!/usr/bin/env bash
# What the scripts have in common; each sources it first. Leaves the caller in the repository's top directory.

say() {
    printf '%s\n' "$*"
}

# die MESSAGE [HINT]
die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    if [ $# -gt 1 ]; then printf '  hint: %s\n' "$2" >&2; fi
    exit 1
}

# need COMMAND HINT
need() {
    command -v "$1" >/dev/null 2>&1 || die "$1 is missing" "$2"
}

need_toolchain() {
    need cargo "install Rust: https://rustup.rs"
    command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 ||
        die "a C compiler is missing" "on Debian or Ubuntu: apt-get install gcc libc6-dev"
}

# Where cargo builds: the environment or its configuration may have moved it.
target_dir() {
    cargo metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# now: milliseconds
now() {
    printf '%s\n' $((${EPOCHREALTIME/[.,]/} / 1000))
}

# seconds MILLISECONDS: with one decimal
seconds() {
    printf '%d.%d s\n' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# A number with commas in it is easier to read; `printf "%'d"` knows none in the C locale.
grouped() {
    printf '%s\n' "$1" | sed -e ':again' -e 's/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/' -e 't again'
}

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
