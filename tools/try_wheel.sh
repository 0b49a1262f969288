#!/bin/sh
# Builds the wheel, installs it into an empty environment, and outside the checkout separates a song
# and opens the page.
set -eu
cd "$(dirname "$0")/.."
build=$PWD/build
work=$(mktemp -d)
server=
stop() { # and wait: a worker that is still starting must not lose its packages
    test -z "$server" || { kill "$server"; wait "$server" || true; }
    rm -rf "$work" "$build"
}
trap stop EXIT
rm -rf "$build" # what an older build left would be taken into the wheel
PYTHON="${PYTHON:-python3}" sh tools/venv.sh "$work/venv"
pip() { "$work/venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
pip wheel --no-deps --wheel-dir "$work" .
pip install --no-compile --constraint constraints.txt "$work"/kuielab_mdx_net-*.whl
cd "$work"
venv/bin/python - <<'END'
import numpy as np
import soundfile as sf

time = np.arange(3 * 44100) / 44100
sf.write("song.mp3", 0.3 * np.sin(2 * np.pi * 220 * time), 44100)
END
venv/bin/mdx --version
venv/bin/mdx systems | grep -q '^synthetic .* yes '
venv/bin/mdx separate song.mp3 --format flac --precision auto
venv/bin/mdx fetch synthetic
venv/bin/mdx describe venv/lib/python3.*/site-packages/mdx/_repository/models/weights/demo/bass.onnx
for stem in bass drums other vocals; do
    test -s "separated/song/$stem.flac" || { echo "error: no $stem.flac" >&2; exit 1; }
done
venv/bin/mdx serve 2>&1 | grep -q "pip install '[.]\[serve\]'"
cd - >/dev/null
pip install --no-compile --constraint constraints.txt "$(ls "$work"/kuielab_mdx_net-*.whl)[serve]"
cd "$work"
venv/bin/mdx serve --port 0 --folder kept >serve.log &
server=$!
venv/bin/python - <<'END'
import pathlib
import time
import urllib.request

while not (line := pathlib.Path("serve.log").read_text()):
    time.sleep(0.1)
address = line.split()[-1]
page = urllib.request.urlopen(address).read().decode()
names = [part.split('"')[0] for part in page.split('"/page/')[1:]]
assert len(names) > 15, names
for name in names:
    assert urllib.request.urlopen(f"{address}page/{name}").read()
END
