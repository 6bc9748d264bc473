#!/usr/bin/env bash
# The kill loop must be able to fail: a program that acknowledges before it writes has to be caught by it.
# planted_bug_test.sh SOURCE BUILD_FOLDER PYTHON
set -euo pipefail
source=$1
build=$2
python=$3
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSKEIN_DEVELOPER_MODE=OFF \
  -DSKEIN_PLANTED_BUG=ack_before_sync >/dev/null
cmake --build "$build" --target skein
cd "$(dirname "$0")"
export SKEIN_BINARY=$build/skein
for round in 1 2 3; do
  if "$python" kill_loop_test.py 20 >"$build/kill-loop-$round.txt" 2>&1; then
    echo "round $round: 20 kills showed nothing" >&2
  elif grep -q 'LOST: ' "$build/kill-loop-$round.txt"; then
    grep 'LOST: ' "$build/kill-loop-$round.txt"
    echo "caught, in round $round"
    exit 0
  elif grep -q 'names its event' "$build/kill-loop-$round.txt"; then
    echo "round $round: 20 kills lost nothing; the early answers only had no number" >&2
  else
    cat "$build/kill-loop-$round.txt" >&2
    echo "the kill loop failed for another reason" >&2
    exit 1
  fi
done
echo "the planted bug was not caught" >&2
exit 1
