# shellcheck shell=bash
# What the scripts share: plain messages, and installing what a fresh Debian or Ubuntu lacks.
# Sourced, never run. The scripts need a Rust toolchain; all else is installed when missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
[ "${target#/}" != "$target" ] || target=$root/$target

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$(basename "$0"): $*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root, and sudo is not installed. As root, run: $*"
    fi
}

apt_is_fresh=
# Fetches the lists of packages, once.
refresh_packages() {
    [ -z "$apt_is_fresh" ] || return 0
    local log
    log=$(mktemp)
    as_root apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get update failed"; }
    rm -f "$log"
    apt_is_fresh=yes
}

# Installs packages without a question and without a word unless it fails.
install_packages() {
    command -v apt-get >/dev/null || fail "please install $*: only apt-get is known here"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        fail "$* is missing. As root, run: apt-get install --no-install-recommends $*"
    fi
    say "Installing $*."
    refresh_packages
    local log
    log=$(mktemp)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" \
        >"$log" 2>&1 || { cat "$log" >&2; fail "$* could not be installed"; }
    rm -f "$log"
}

# need_package COMMAND PACKAGE...: installs the packages if the command is missing.
need_package() {
    local command=$1
    shift
    command -v "$command" >/dev/null || install_packages "$@"
}

# Metrics and alert rules are judged by promtool. The package that has it would start a Prometheus,
# which nobody asked for: it is unpacked under target, and not installed.
need_promtool() {
    local folder=$target/promtool
    if ! command -v promtool >/dev/null && [ ! -x "$folder/usr/bin/promtool" ]; then
        command -v apt-get >/dev/null || fail "please install promtool: only apt-get is known here"
        say "Fetching promtool."
        refresh_packages
        local fetched
        fetched=$(mktemp -d)
        # Else apt's own account could not write there.
        chmod 777 "$fetched"
        (cd "$fetched" && apt-get download -qq prometheus >/dev/null) ||
            fail "the package prometheus could not be fetched"
        mkdir -p "$folder"
        dpkg -x "$fetched"/prometheus_*.deb "$folder"
        rm -rf "$fetched"
    fi
    if [ -x "$folder/usr/bin/promtool" ]; then
        PATH=$PATH:$folder/usr/bin
    fi
}

need_rust() {
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || fail "no Rust toolchain: install one with rustup, then try again"
    need_package cc gcc libc6-dev
}

# with_progress WHAT COMMAND...: runs a command that takes minutes. On a terminal cargo draws its own
# bar; elsewhere a line a minute says that it is at work.
with_progress() {
    local what=$1 begun=$SECONDS work code=0
    shift
    say "$what"
    if [ -t 2 ]; then
        "$@"
        return
    fi
    "$@" --quiet &
    work=$!
    while kill -0 $work 2>/dev/null; do
        sleep 1
        local passed=$((SECONDS - begun))
        ((passed % 60)) || ((passed == 0)) || say "  still at work after $((passed / 60)) min"
    done
    wait $work || code=$?
    return $code
}

# need_tool NAME VERSION: builds a program of Cargo's unless it is there. Hardly optimised: it runs
# for seconds, and a build that is takes minutes.
need_tool() {
    local name=$1 version=$2
    "$target/tools/bin/$name" --version 2>/dev/null | grep -qF "$version" && return
    say "Installing $name $version (a minute on two cores, once)."
    CARGO_TARGET_DIR=$target/tools-build CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install "$name" --debug --force --locked --quiet --version "$version" \
        --root "$target/tools" || return
    rm -rf "$target/tools-build"
}

# Debian keeps the server's programs outside PATH.
has_postgresql() {
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null
}

need_postgresql() {
    has_postgresql && return
    # Herald runs a server of its own: the package need not make and start one. Only where the
    # package was not there before, so nobody's choice is overruled.
    if [ ! -e /etc/postgresql-common ]; then
        as_root mkdir -p /etc/postgresql-common/createcluster.d
        printf '%s\n' '# Herald runs a PostgreSQL of its own and needs no main cluster.' \
            'create_main_cluster = false' |
            as_root tee /etc/postgresql-common/createcluster.d/herald.conf >/dev/null
    fi
    install_packages postgresql
    has_postgresql || fail "PostgreSQL is installed, but its server is not in /usr/lib/postgresql"
}

# Signatures are verified by a published library; playwright-core drives the browser (this one
# still runs on the Node.js of Debian 12), axe-core judges how accessible a page is; the API's document
# is read by redocly, and a strict client is made from it.
need_node_packages() {
    local packages=(standardwebhooks@1.1.1 playwright-core@1.60.0 axe-core@4.14.1
        @redocly/cli@1.34.5 @hey-api/openapi-ts@0.80.16 typescript@5.9.3 @types/node@20.19.0)
    local folder=$target/test-node
    need_package node nodejs
    # What is installed stands in the mark, so that a new package is not missed.
    if [ "$(cat "$folder/ready" 2>/dev/null)" != "${packages[*]}" ]; then
        need_package npm npm
        say "Installing ${packages[*]} from npm."
        rm -rf "$folder"
        mkdir -p "$folder"
        npm install --prefix "$folder" --silent --no-audit --no-fund "${packages[@]}" >/dev/null
        printf '%s\n' "${packages[*]}" >"$folder/ready"
    fi
    export HERALD_TEST_NODE_MODULES=$folder/node_modules
}

# The browser, with letters to draw.
need_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
        HERALD_TEST_CHROMIUM=$(command -v "$name") && export HERALD_TEST_CHROMIUM && return
    done
    install_packages chromium fonts-liberation fonts-dejavu-core
    export HERALD_TEST_CHROMIUM=/usr/bin/chromium
}

# Debian with systemd and PostgreSQL as an archive: tests boot it and install the package there.
# systemd-nspawn needs root, so for others there is none, and the tests say so.
need_machine() {
    local contents=systemd,systemd-sysv,dbus,postgresql,adduser,ca-certificates,curl,openssl
    local folder=$target/machine mirror log
    need_package debootstrap debootstrap
    need_package systemd-nspawn systemd-container
    need_package wrk wrk
    need_package readelf binutils
    # What is installed stands in the mark, so that a new package is not missed.
    if [ "$(cat "$folder/ready" 2>/dev/null)" != "$contents" ]; then
        # shellcheck disable=SC2016  # apt-get puts in what it knows
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1)
        say "Making a Debian to test on, from ${mirror:=http://deb.debian.org/debian} (once)."
        rm -rf "$folder"
        mkdir -p "$folder"
        log=$folder/debootstrap.log
        debootstrap --variant=minbase "--include=$contents" bookworm "$folder/new" "$mirror" \
            >"$log" 2>&1 || { cat "$log" >&2; fail "debootstrap failed"; }
        rm -rf "$folder/new/var/cache/apt/archives"/*.deb
        tar -C "$folder/new" -cf "$folder/bookworm.tar" .
        rm -rf "$folder/new"
        printf '%s\n' "$contents" >"$folder/ready"
    fi
    export HERALD_TEST_MACHINE=$folder/bookworm.tar
}
