#!/usr/bin/env bash
# Builds a skein with one planted bug of tests/planted_bugs.txt and prints where it is. With the flags of the release
# build and at the depth of its folder, so that a compiler cache has all but the sources that name the bug.
#   scripts/planted_program.sh NAME
set -euo pipefail
cd "$(dirname "$0")/.."
folder=build/with_$1
cmake --preset release -B "$folder" -DSKEIN_PLANTED_BUG="$1" >/dev/null
ninja -C "$folder" skein >&2
echo "$PWD/$folder/skein"
