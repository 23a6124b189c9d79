#!/bin/sh
# Writes what an environment consists of as CycloneDX JSON: every package, version and licence.
# usage: sbom.sh PYTHON FILE      PYTHON: of the environment that is described
set -eu

python=$1
file=$2
cyclonedx=$(dirname "$python")/cyclonedx-py
if [ ! -x "$cyclonedx" ]; then
    printf 'error: there is no %s\nhint: pip install cyclonedx-bom\n' "$cyclonedx" >&2
    exit 1
fi
mkdir -p "$(dirname "$file")"
"$cyclonedx" environment --output-reproducible --output-format JSON --output-file "$file" \
    --pyproject pyproject.toml --mc-type application "$python"
printf 'SBOM     %s\n' "$file"
