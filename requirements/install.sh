#!/bin/sh
# Makes .venv from a lock file, or brings it up to date; says and does nothing when it already is.
#
#   sh requirements/install.sh run     what the service needs
#   sh requirements/install.sh test    that, and what the tests need
#
# .venv/lock is a copy of the lock file that .venv was last made from; what test needs covers run. .venv/bin/inbox is the
# command, run from this checkout wherever it is called.
set -eu
cd "$(dirname "$0")/.."
wanted="requirements/$1.txt"

fail() {
    echo "inbox: $1" >&2
    exit 1
}

is_current() {
    .venv/bin/python -c '' 2>/dev/null || return 1
    cmp -s "$wanted" .venv/lock || { [ "$1" = run ] && cmp -s requirements/test.txt .venv/lock; }
}

find_python() {
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

add_command() {
    [ ! -e .venv/bin/inbox ] || return 0
    cat >.venv/bin/inbox <<'END'
#!/bin/sh
checkout=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}" exec "$checkout/.venv/bin/python" -P -m inbox "$@"
END
    chmod +x .venv/bin/inbox
}

# A line for each package as it comes, with a terminal or without; what goes wrong pip says on standard error.
install_packages() {
    {
        PYTHONUNBUFFERED=1 .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
            --require-hashes --no-deps -r "$wanted" || echo failed
    } | while read -r word package _; do
        case $word in
        Collecting | Processing) echo "  ${package##*/}" ;; # from an index, from a folder
        Installing) echo "  writing files ..." ;;
        failed) exit 1 ;;
        esac
    done
}

if is_current "$1"; then
    add_command
    exit 0
fi

python=$(find_python)
[ -n "$python" ] || fail "Python 3.11 or newer is needed (set PYTHON to its path if it has another name)"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments: install its venv module (Debian, Ubuntu: apt-get install python3-venv)"

echo "Installing $wanted into .venv ..."
rm -f .venv/lock
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
install_packages || fail "the packages of $wanted could not be installed: see above"
add_command
cp "$wanted" .venv/lock
