#!/bin/sh
# Installs the product with its requirements at the versions of constraints.txt.
# usage: install.sh PYTHON REQUIREMENT
set -eu

python=$1
requirement=$2

quiet=--quiet
if [ -t 1 ]; then quiet=; fi # downloads show their progress to whoever is there to see it

printf 'installing %s (a first time: 2 to 3 minutes on a fast line, 7 GB with CUDA)\n' "$requirement"
# pip before 26 resolves this set slowly or not at all
"$python" -m pip install --quiet 'pip>=26'
PYTHONWARNINGS="ignore:Editable installation" "$python" -m pip install $quiet --constraint constraints.txt --editable "$requirement"
