#!/usr/bin/env bash
# The power-cut test must be able to fail: a program that does not sync has to lose acknowledged events in it.
# control_test.sh SOURCE PYTHON
set -euo pipefail
[ "$(id -u)" -eq 0 ] || { echo "SKIPPED: disks of one's own need root"; exit 77; }
cd "$(dirname "$0")"
SKEIN_BINARY=$("$1/scripts/planted_program.sh" no_sync)
export SKEIN_BINARY SKEIN_EXPECT_LOSS=1
exec "$2" power_cut_test.py 10
