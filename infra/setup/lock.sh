#!/bin/sh
# Writes a constraints file from a fresh installation of the latest versions that fit together.
# usage: lock.sh PYTHON FILE
set -eu

python=$1
file=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet 'pip>=26'
"$folder/venv/bin/python" -m pip install --quiet '.[dev]'

{
    sed -n '/^#/p' "$file" # the heading stays
    # registry releases only: nothing that was installed from a path or a URL
    "$folder/venv/bin/python" -m pip freeze | grep -v '^commonspace' |
        grep -E '^[A-Za-z0-9._-]+==[^ ]+$' | LC_ALL=C sort -f
} >"$folder/constraints.txt"
mv "$folder/constraints.txt" "$file"
