#!/bin/sh
# Builds the wheel of what is committed, installs it into a fresh environment outside of the
# checkout, and runs the product from there.
# usage: wheel.sh PYTHON [--no-demo]     the wheel lies in dist/ afterwards
# WHEEL_SITE=<site-packages>: take the requirements from there instead of installing them.
set -eu

python=$1
demo=${2:-}
home=$(pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# of an export: a build in the checkout would take along what an earlier one left there
mkdir "$folder/source"
git archive HEAD | tar -x -C "$folder/source"
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$folder/dist" "$folder/source"
wheel=$(ls "$folder"/dist/commonspace-*.whl)
mkdir -p dist
cp "$wheel" dist/
printf 'wheel    %s\n' "dist/$(basename "$wheel")"

"$python" -m venv "$folder/venv"
bin=$folder/venv/bin
if [ -n "${WHEEL_SITE:-}" ]; then
    "$bin/python" -m pip install --quiet --no-deps "$wheel"
    site=$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$WHEEL_SITE" >"$site/requirements.pth"
else
    "$bin/python" -m pip install --quiet 'pip>=26'
    "$bin/python" -m pip install --quiet --constraint "$home/constraints.txt" "$wheel"
fi

cd "$folder"
unset PYTHONPATH COMMONSPACE_WORKSPACE MLFLOW_TRACKING_URI || true
version=$("$bin/commonspace" --version)
printf 'version  %s\n' "$version"
case "$wheel" in
*"commonspace-${version#commonspace }-"*) ;;
*)
    printf 'error: the wheel is %s\n' "$(basename "$wheel")" >&2
    exit 1
    ;;
esac
"$bin/commonspace" doctor
if [ "$demo" != --no-demo ]; then
    "$bin/commonspace" demo --to "$folder/demo"
    "$bin/python" - "$folder/demo/summary.json" <<'CHECK'
import json, pathlib, sys, training
summary = json.loads(pathlib.Path(sys.argv[1]).read_text())
assert summary["champion"] and all(summary["recommendations"].values()), summary
assert "site-packages" in training.__file__, training.__file__
print("demo     from", pathlib.Path(training.__file__).parent.parent, "in", summary["elapsed_s"], "s")
CHECK
fi
