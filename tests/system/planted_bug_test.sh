#!/usr/bin/env bash
# The kill loop must be able to fail: a program that acknowledges before it writes has to be caught by it.
# planted_bug_test.sh SOURCE PYTHON
set -euo pipefail
python=$2
cd "$(dirname "$0")"
SKEIN_BINARY=$("$1/scripts/planted_program.sh" ack_before_sync)
export SKEIN_BINARY
notes=$(dirname "$SKEIN_BINARY")
for round in 1 2 3; do
  if "$python" kill_loop_test.py 20 >"$notes/kill-loop-$round.txt" 2>&1; then
    echo "round $round: 20 kills showed nothing" >&2
  elif grep -q 'LOST: ' "$notes/kill-loop-$round.txt"; then
    grep 'LOST: ' "$notes/kill-loop-$round.txt"
    echo "caught, in round $round"
    exit 0
  elif grep -q 'names its event' "$notes/kill-loop-$round.txt"; then
    echo "round $round: 20 kills lost nothing; the early answers only had no number" >&2
  else
    cat "$notes/kill-loop-$round.txt" >&2
    echo "the kill loop failed for another reason" >&2
    exit 1
  fi
done
echo "the planted bug was not caught" >&2
exit 1
