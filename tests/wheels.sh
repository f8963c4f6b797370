#!/usr/bin/env bash
# Build every package, then test each plugin alone: installed from its wheel, in an environment without its
# neighbours and outside this repository, with one line of configuration. A shared environment would hide an
# import that no plugin declares, and an empty wheel.
# Usage: wheels.sh BIN BUILD  (the virtual environment's bin folder; where to build)
set -euo pipefail
uv=$(realpath "$1")/uv
build=$(realpath -m "$2")
root=$(pwd)
rm -rf "$build"
mkdir -p "$build"
"$uv" build --quiet --all-packages --wheel --out-dir "$build/wheels"
unset VIRTUAL_ENV
# One plugin can build on another, which then stands among the wheels: this one, and none of an earlier build.
among=(--find-links "$build/wheels")
for plugin in plugins/*/; do
    name=$(basename "$plugin")
    among+=(--refresh-package "delivrd-${name//_/-}")
done

for plugin in plugins/*/; do
    name=$(basename "$plugin")
    module="delivrd_$name"
    place="$build/$name"
    mkdir -p "$place/fixtures"
    "$uv" venv --quiet --python "$(realpath "$1")/python" "$place/venv"
    "$uv" pip install --quiet --python "$place/venv" "${among[@]}" \
        "delivrd[test] @ file://$(echo "$build"/wheels/delivrd-*.whl)" "$build/wheels/$module"-*.whl
    printf '[pytest]\ndelivrd_fixtures = fixtures\n' > "$place/pytest.ini"
    cd "$place"
    providers=$(venv/bin/python -c "import delivrd; print(*delivrd.Registry.installed())")
    for provider in $providers; do
        cp -r "$root/fixtures/$provider" fixtures/
    done
    echo "== $module alone, from its wheel: $(echo $providers)"
    venv/bin/python -m pytest -q -p no:cacheprovider --delivrd-hostile=10
    cd "$root"
done

place="$build/ledger"
mkdir -p "$place"
"$uv" venv --quiet --python "$(realpath "$1")/python" "$place/venv"
"$uv" pip install --quiet --python "$place/venv" "delivrd[ledger] @ file://$(echo "$build"/wheels/delivrd-*.whl)"
cd "$place"
echo "== the ledger, from the wheel and its extra"
venv/bin/delivrd ledger init
venv/bin/delivrd ledger pending
(venv/bin/delivrd serve --accounts none 2>&1 || true) | grep -F "pip install 'delivrd[serve]'"
"$uv" pip install --quiet --python venv/bin/python "delivrd[serve] @ file://$(echo "$build"/wheels/delivrd-*.whl)"
echo "== the receiver with its page, from the wheel and its extra"
venv/bin/python -c 'from importlib.resources import files; import delivrd.serve; [(files("delivrd.serve") / f"page.{each}").read_bytes() for each in ("html", "css", "js")]'
"$uv" pip install --quiet --python venv/bin/python "delivrd[opentelemetry] @ file://$(echo "$build"/wheels/delivrd-*.whl)"
echo "== metrics, from the wheel and its extra, which brings no SDK"
venv/bin/python -c 'import delivrd.telemetry; delivrd.telemetry.Telemetry()'
(venv/bin/python -c 'import opentelemetry.sdk' 2>&1 || true) | grep -F "No module named 'opentelemetry.sdk'"
cd "$root"
