#!/bin/sh
# Makes a virtual environment with a Python that is new enough and a pip that is, too.
# usage: venv.sh PYTHON-OR-EMPTY FOLDER
set -eu

wanted=$1
folder=$2

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -n "$wanted" ]; then
    new_enough "$wanted" || fail "PYTHON=$wanted is not Python 3.11 or newer" \
        "name one that is, such as PYTHON=/usr/bin/python3.11"
    python=$wanted
else
    python=
    for candidate in python3 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "found no Python 3.11 or newer" \
        "install it (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python) or name it with PYTHON="
fi

# Debian and Ubuntu keep ensurepip, which makes the pip of an environment, in a package of its own.
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
    "$("$python" --version) can't make virtual environments" \
    "Debian, Ubuntu: apt-get install python3-venv"

rm -rf "$folder"
# An interrupted set-up must not look like a finished one.
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
"$python" -m venv "$folder"
trap - EXIT
