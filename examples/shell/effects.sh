#!/bin/sh
# With output = "effects" the script prints JSON: a reply, events to emit, a state, or an error. This one
# answers a first event and sends itself a second, five seconds later. Exit 75 means "not now".
set -eu
if [ "$SKEIN_TYPE" = shell.later ]; then
  echo '{"reply": "five seconds have passed"}'
elif [ "$(cat)" = busy ]; then
  echo "try me later" >&2
  exit 75
else
  echo '{"reply": "see you in five seconds", "emit": [{"type": "shell.later", "due": "+5s"}]}'
fi
