#!/bin/sh
# Counts the events of each key. SKEIN_STATE names a file with the state: one JSON value, empty at
# first. What it holds when the script ends with 0 is the new state; remove it to delete the state.
set -eu
count=$(cat "$SKEIN_STATE")
count=$((${count:-0} + 1))
echo "$count" > "$SKEIN_STATE"
printf '%s: event number %d' "$SKEIN_KEY" "$count"
