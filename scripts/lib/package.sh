# What scripts/package is made of: each function does one step and says what it refuses.

# The target whose binaries need no library of the machine they run on.
static_target() {
    local machine
    machine=$(rustc -vV | sed -n 's/^host: \([^-]*\)-.*/\1/p')
    printf '%s-unknown-linux-musl\n' "$machine"
}

# Rust's part of a static target comes from rustup, the C compiler for it (ring is partly in C) from musl-tools.
need_static_toolchain() {
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$1" ]; then
        need rustup "install Rust's standard library for $1, or name another target: scripts/package --target TRIPLE"
        say "fetching Rust's standard library for $1 ..." >&2
        rustup --quiet target add "$1" >&2 ||
            die "Rust's standard library for $1 can't be had" "scripts/package --target $(rustc -vV | sed -n 's/^host: //p') \
makes a package for machines whose C library is this one's or a later one"
    fi
    local variable=CC_${1//-/_}
    if [ -n "${!variable:-}" ] || command -v musl-gcc >/dev/null; then return; fi
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        say "installing musl-tools ..." >&2
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends musl-tools >/dev/null
    fi
    need musl-gcc "as root: apt-get install musl-tools (name as in Debian)"
}

# build_release TARGET: prints where the binary is
build_release() {
    local begun
    case $1 in *-musl) need_static_toolchain "$1" ;; esac
    begun=$(now)
    cargo build --locked --release --bins --target "$1" >&2
    say "release binary for $1 built in $(seconds $(($(now) - begun)))" >&2
    printf '%s/%s/release/logferry\n' "$(target_dir)" "$1"
}

# refuse_fault_points BINARY DIRECTORY: a binary that the environment can kill between two steps is for tests only.
# It is asked to, at the first point that any run comes to; and it must not even know the variable.
refuse_fault_points() {
    local room=$2/fault-points
    mkdir -p "$room/log" "$room/store"
    printf 'shipped\n' >"$room/log/web.log"
    if grep -qaF LOGFERRY_FAULT "$1" ||
        ! env -i LOGFERRY_FAULT=kill@discovered LOGFERRY_FAULT_TRACE="$room/trace" AWS_EC2_METADATA_DISABLED=true \
            LOGFERRY_CONFIG=/dev/null "$1" run --state-dir "$room/state" --to "file://$room/store" "$room/log" ||
        [ -e "$room/trace" ] || [ -e "$room/log/web.log" ]; then
        die "$1 obeys LOGFERRY_FAULT: it was built for tests" "cargo build --release --bins builds one for use"
    fi
}

# architecture_of BINARY: Debian's name of it, read from the ELF header (e_machine, two bytes at 18)
architecture_of() {
    case $(od -An -tx1 -j18 -N2 "$1" | tr -d ' ') in
        3e00) say amd64 ;;
        b700) say arm64 ;;
        f300) say riscv64 ;;
        *) die "the package's architecture is not known from $1" "add it to architecture_of in scripts/lib/package.sh" ;;
    esac
}

# depends_of BINARY: the packages whose libraries it needs; nothing when it is linked statically
depends_of() {
    local directory
    case $(LC_ALL=C ldd "$1" 2>&1) in *statically\ linked* | *not\ a\ dynamic*) return ;; esac
    need dpkg-shlibdeps "apt-get install dpkg-dev (name as in Debian)"
    directory=$(mktemp -d "$stage/shlibdeps.XXXXXX")
    mkdir "$directory/debian"
    : >"$directory/debian/control" # dpkg-shlibdeps wants one
    (cd "$directory" && dpkg-shlibdeps -O "$1" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
}

# field KEY: of Cargo.toml's first section
field() {
    sed -n '/^\[package\]/,/^\[dep/s/^'"$1"' *= *"\(.*\)"$/\1/p' Cargo.toml
}

# put MODE FILE... DIRECTORY: into the tree
put() {
    install -d -m 755 "${@: -1}"
    install -m "$1" "${@:2}"
}

# stage_tree TREE BINARY VERSION ARCHITECTURE TARGET KIND: everything that the package holds
stage_tree() {
    local tree=$1 doc=$1/usr/share/doc/logferry
    put 755 "$2" "$tree/usr/bin"
    strip --strip-all "$tree/usr/bin/logferry"
    stage_generated "$tree" "$6"
    stage_documents "$doc" "$3" "$5"
    put 644 docs/logferry.toml.example "$tree/etc"
    put 644 scripts/debian/lintian-overrides "$tree/usr/share/lintian/overrides"
    mv "$tree/usr/share/lintian/overrides/lintian-overrides" "$tree/usr/share/lintian/overrides/logferry"
    put 755 scripts/debian/postinst scripts/debian/prerm scripts/debian/postrm "$tree/DEBIAN"
    (cd "$tree" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) >"$tree/DEBIAN/conffiles"
    (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
    control "$2" "$3" "$4" "$(du -k -s --apparent-size --exclude=DEBIAN "$tree" | cut -f 1)" >"$tree/DEBIAN/control"
    chmod 644 "$tree/DEBIAN/conffiles" "$tree/DEBIAN/md5sums" "$tree/DEBIAN/control"
}

# stage_generated TREE KIND: man pages and completions, made from the command definitions; the entry for cron that waits
stage_generated() {
    local tree=$1 generated=$stage/generated program
    program=$(target_dir)/debug/examples/package-files
    if [ "$2" != development ]; then cargo build --locked --bins --examples; fi
    [ -x "$program" ] || die "there is no program at $program" "cargo build --locked --bins --examples"
    "$program" "$generated"
    put 644 "$generated/cron.d/logferry-waiting" "$tree/etc/cron.d"
    gzip -9n "$generated"/man/*.1
    put 644 "$generated"/man/*.1.gz "$tree/usr/share/man/man1"
    put 644 "$generated/completions/bash/logferry" "$tree/usr/share/bash-completion/completions"
    put 644 "$generated/completions/zsh/_logferry" "$tree/usr/share/zsh/vendor-completions"
    put 644 "$generated/completions/fish/logferry.fish" "$tree/usr/share/fish/vendor_completions.d"
}

# stage_documents DIRECTORY VERSION TARGET
stage_documents() {
    put 644 README.md src/spool/FORMAT.md "$1"
    put 644 docs/*.md "$1/docs"
    put 644 docs/iam/*.json "$1/docs/iam"
    put 644 scripts/athena.sql scripts/fleet.yaml "$1/scripts"
    {
        cat scripts/debian/copyright
        printf 'License: MIT\n'
        sed -n '/^Permission/,$s/^$/./; /^Permission/,$s/^/ /p' LICENSE-MIT
    } >"$1/copyright"
    third_party "$3" | gzip -9nc >"$1/third-party.gz"
    gzip -9nc CHANGELOG.md >"$1/changelog.gz"
    {
        printf 'logferry (%s) stable; urgency=medium\n\n' "$2"
        printf '  * What has changed is in changelog.gz.\n\n'
        printf ' -- %s  %s\n' "$MAINTAINER" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9nc >"$1/changelog.Debian.gz"
    chmod 644 "$1"/copyright "$1"/*.gz
}

# third_party TARGET: what is linked into the binary, and under which licences; each text once
third_party() {
    local crate licence version text digest texts=$stage/licences
    mkdir "$texts"
    say "logferry's binary is linked with Rust's standard library (MIT OR Apache-2.0), on musl targets with musl (MIT),"
    say "and with these crates:"
    say ""
    while IFS='|' read -r crate licence; do
        version=${crate#* v}
        crate=${crate%% *} version=${version%% *}
        say "$crate $version: $licence"
        for text in "${CARGO_HOME:-$HOME/.cargo}/registry/src/"*"/$crate-$version/"{LICEN[CS]E,COPY,NOTICE,UNLICENSE}*; do
            [ -f "$text" ] || continue
            digest=$(sha256sum <"$text")
            cp "$text" "$texts/${digest%% *}"
            printf '%s %s\n' "$crate" "$version" >>"$texts/${digest%% *}.crates"
        done
    done < <(cargo tree --locked --edges normal --target "$1" --prefix none --format '{p}|{l}' |
        sed 's/ (\*)//' | grep -v '^logferry ' | LC_ALL=C sort -u)
    for text in "$texts"/*.crates; do
        printf '\n---- The licence of %s\n\n' "$(LC_ALL=C sort -u "$text" | paste -s -d , | sed 's/,/, /g')"
        cat "${text%.crates}"
    done
}

readonly MAINTAINER="The logferry authors <logferry@users.noreply.github.com>"

# control BINARY VERSION ARCHITECTURE KILOBYTES
control() {
    local depends
    depends=$(depends_of "$1")
    cat <<CONTROL
Package: logferry
Version: $2
Architecture: $3
Maintainer: $MAINTAINER
Installed-Size: $4
${depends:+Depends: $depends
}Recommends: ca-certificates, cron | cron-daemon | systemd
Suggests: logrotate
Section: admin
Priority: optional
Homepage: $(field repository)
CONTROL
    sed 's/^/ /; 1s/^ /Description: /' scripts/debian/description
}
