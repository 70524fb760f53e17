#!/usr/bin/env bash
# Set up a fresh machine: the virtual environment and, for full and dev, MariaDB, Redis and headers.
#   ops/setup.sh embedded   everything `make up` needs, no compiler and no server
#   ops/setup.sh full       the same with mysqlclient, MariaDB and Redis
#   ops/setup.sh dev        full, and what the tests need
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-embedded}
say() { printf '%s\n' "$*" >&2; }

install_servers() {
    local wanted=()
    command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || wanted+=(mariadb-server)
    command -v redis-server >/dev/null || wanted+=(redis-server)
    command -v pkg-config >/dev/null || wanted+=(pkg-config)
    pkg-config --exists libmariadb 2>/dev/null || wanted+=(libmariadb-dev)
    command -v cc >/dev/null || wanted+=(gcc)
    [ ${#wanted[@]} -eq 0 ] && return
    local apt="apt-get"
    if [ "$(id -u)" -ne 0 ]; then apt="sudo -n apt-get"; fi
    say "installing ${wanted[*]} ..."
    export DEBIAN_FRONTEND=noninteractive
    if ! { $apt update -qq && $apt install -y -qq "${wanted[@]}"; } >/dev/null 2>&1; then
        say "Could not install them. Please install by hand: ${wanted[*]} (Debian's names), then try again."
        exit 1
    fi
}

[ "$mode" = embedded ] || install_servers

stamp=.venv/stamp-$mode
want=$(cat requirements.txt requirements-dev.txt | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

python=$(command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "Python 3.11 or newer is needed; python3 is ${python:-missing}."
    exit 1
fi
if [ ! -x .venv/bin/pip ]; then
    say "making the virtual environment ..."
    if ! "$python" -m venv .venv >/dev/null; then
        say "python3 -m venv failed; on Debian: apt-get install python3-venv"
        exit 1
    fi
fi
say "installing Python packages ($mode; a minute at most) ..."
pip() { .venv/bin/pip install --quiet --disable-pip-version-check "$@" 2> >(grep -v WARNING >&2); }
case $mode in
    # mysqlclient has no wheel; nothing else needs a compiler, and this proves it.
    embedded) grep -v '^mysqlclient' requirements.txt > .venv/embedded.txt
              pip --only-binary :all: -r .venv/embedded.txt ;;
    full)     pip -r requirements.txt ;;
    dev)      pip -r requirements.txt -r requirements-dev.txt ;;
    *)        say "ops/setup.sh embedded|full|dev"; exit 2 ;;
esac
printf '%s\n' "$want" > "$stamp"
