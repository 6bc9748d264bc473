#!/usr/bin/env bash
# The power-cut test must be able to fail: a program that does not sync has to lose acknowledged events in it.
# control_test.sh SOURCE BUILD_FOLDER PYTHON
set -euo pipefail
source=$1
build=$2
python=$3
[ "$(id -u)" -eq 0 ] || { echo "SKIPPED: disks of one's own need root"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
cd "$source"
# With the flags and at the depth of the release build, so that a compiler cache has all but the sources that name the bug.
cmake --preset release -B "$build" -DSKEIN_PLANTED_BUG=no_sync >/dev/null
ninja -C "$build" skein
cd "$here"
SKEIN_BINARY=$build/skein SKEIN_EXPECT_LOSS=1 exec "$python" power_cut_test.py 10
