#!/usr/bin/env bash
# What would be released: every package is built, and tested as built. Each environment below holds wheels only, stands
# outside this repository, and is made without an index, from a folder that has everything that the extras name. A shared
# environment would hide an import that no plugin declares, and an empty wheel.
# Usage: wheels.sh BIN BUILD  (the virtual environment's bin folder; where to build)
set -euo pipefail
bin=$(realpath "$1")
build=$(realpath -m "$2")
root=$(pwd)
rm -rf "$build"
mkdir -p "$build"

say() { echo "== $*"; }

say "built: wheels as the tests below take them, and sdists with the wheels that come of those"
"$bin/uv" build --quiet --all-packages --wheel --out-dir "$build/wheels"
"$bin/uv" build --quiet --all-packages --out-dir "$build/dists"
"$bin/python" tests/releases.py "$build/wheels" "$build/dists"
"$bin/twine" check --strict "$build"/wheels/*.whl "$build"/dists/*

say "everything that the extras name, in one folder"
extras=$("$bin/python" tests/releases.py --extras "$build/wheels")
house="$build/house"
# hatchling builds what new-provider makes; FastStream's own extras are its users' to choose; the others are the tests'.
brokers="faststream[kafka,nats,rabbit,redis]"
"$bin/python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --constraint .ci/constraints.txt \
    --dest "$house" --find-links "$build/wheels" "delivrd[${extras// /,}]" "$brokers" hatchling jsonschema tzdata
unset VIRTUAL_ENV
offline=(--no-index --find-links "$house")
# These wheels, and none of an earlier build that uv has kept.
for wheel in "$build"/wheels/*.whl; do
    name=$(basename "${wheel%%-*}")
    offline+=(--refresh-package "${name//_/-}")
done

# environment PLACE REQUIREMENT…: a new one there, with these alone and what they declare.
environment() {
    mkdir -p "$1"
    "$bin/uv" venv --quiet --python "$bin/python" "$1/venv"
    "$bin/uv" pip install --quiet --python "$1/venv" "${offline[@]}" "${@:2}"
}

# kit PLACE OPTION…: the conformance kit there, switched on by one line.
kit() (
    cd "$1"
    printf '[pytest]\ndelivrd_fixtures = fixtures\n' > pytest.ini
    venv/bin/python -m pytest -q -p no:cacheprovider "${@:2}"
)

for extra in $extras; do
    "$bin/uv" venv --quiet --clear --python "$bin/python" "$build/extra/venv"
    "$bin/uv" pip install --quiet --dry-run --python "$build/extra/venv" "${offline[@]}" "delivrd[$extra]"
done
say "each resolves without an index: $extras"
environment "$build/messente-alone" "delivrd[messente]"
"$build/messente-alone/venv/bin/delivrd" codes messente-legacy UNDELIV

for plugin in plugins/*/; do
    name=$(basename "$plugin")
    place="$build/$name"
    environment "$place" "delivrd[test]" "delivrd-${name//_/-}"
    mkdir "$place/fixtures"
    providers=$("$place/venv/bin/python" -c "import delivrd; print(*delivrd.Registry.installed())")
    for provider in $providers; do
        cp -r "fixtures/$provider" "$place/fixtures/"
    done
    say "delivrd_$name alone, from its wheel: $providers"
    kit "$place" --delivrd-hostile=10
done

say "the ledger, from the wheel and its extra"
environment "$build/ledger" "delivrd[ledger]"
cd "$build/ledger"
venv/bin/delivrd ledger init
venv/bin/delivrd ledger pending
(venv/bin/delivrd serve --accounts none 2>&1 || true) | grep -F "pip install 'delivrd[serve]'"
cd "$root"

say "the receiver with its page, from the wheel and its extra"
environment "$build/serve" "delivrd[serve]"
"$build/serve/venv/bin/python" -c 'from importlib.resources import files; import delivrd.serve; [(files("delivrd.serve") / f"page.{each}").read_bytes() for each in ("html", "css", "js")]'

say "metrics, from the wheel and its extra, which brings no SDK"
environment "$build/metrics" "delivrd[opentelemetry]"
"$build/metrics/venv/bin/python" -c 'import delivrd.telemetry; delivrd.telemetry.Telemetry()'
("$build/metrics/venv/bin/python" -c 'import opentelemetry.sdk' 2>&1 || true) | grep -F "No module named 'opentelemetry.sdk'"

say "every module, from the wheels"
place="$build/whole"
environment "$place" "delivrd[${extras// /,}]" "$brokers" jsonschema tzdata
cp tests/releases.py "$place/"
(cd "$place" && venv/bin/python releases.py --import)

say "tests of the core and the plugins, on the wheels"
cp -r tests fixtures "$place/"
cd "$place"
printf '[pytest]\npythonpath = tests\naddopts = -p pytester --strict-config\nfilterwarnings = error\n' > pytest.ini
# Those that reach what a wheel can lack (modules, data, metadata, entry points), and need neither the checkout, nor a
# server, nor a library that no extra names. The one left out runs a module by its name, which no loader of pytest's can.
venv/bin/python -m pytest -q -p no:cacheprovider -k "not called_as_a_module" \
    tests/test_{accountfile,cli,explain,files,messente_legacy,messente_omnichannel,provider,readers,registry,report}.py \
    tests/test_{secrets,upside_wireless}.py tests/ledger/test_ledger_cli.py
cd "$root"

say "what new-provider makes, of each shape: built, installed, and tested where it was made"
place="$build/new"
environment "$place" "delivrd[test,smpp]"
shapes=$("$place/venv/bin/python" -c "from delivrd.cli.scaffold import Form; print(*Form)")
for shape in $shapes; do
    "$place/venv/bin/delivrd" new-provider "acme-$shape" --shape "$shape" --into "$place/$shape" > /dev/null 2>&1
    "$bin/uv" build --quiet --wheel --no-index --find-links "$house" --out-dir "$place/wheels" "$place/$shape"
done
# Away from where they were made, so that the wheels are what is imported.
environment "$place/user" "delivrd[test]" "$place"/wheels/*.whl
mkdir "$place/user/fixtures"
cp -r "$place"/*/fixtures/acme-* "$place/user/fixtures/"
kit "$place/user" --delivrd-hostile=2

say "an import that a plugin does not declare is found"
place="$build/undeclared"
cp -r "$build/new/get" "$place"
sed -i 's/^from delivrd import (/import delivrd_messente\n\n&/' "$place"/delivrd_*/acme_get.py
"$bin/uv" build --quiet --wheel --no-index --find-links "$house" --out-dir "$place/wheels" "$place"
environment "$place/user" "delivrd[test]" "$place"/wheels/*.whl
cp -r "$place/fixtures" "$place/user/"
if kit "$place/user" --delivrd-hostile=0 > "$place/said"; then
    echo "a plugin that imports what it does not declare passed" >&2
    exit 1
fi
grep -F "No module named 'delivrd_messente'" "$place/said" | head -n 1
