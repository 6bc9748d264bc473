#!/usr/bin/env python3
"""Waits for a person, for days if need be: an order is done when there is a file approved/ORDER.
Between two looks its turn sleeps: nothing runs and nothing is lost, whatever happens to the node."""
import json
import os
import sys

for line in sys.stdin:
    message = json.loads(line)
    if "turn" not in message:
        continue
    order = os.path.basename(message["event"]["partitionkey"])
    looks = message.get("sleeps", 0) + 1  # 0 sleeps: this is the first turn
    if os.path.exists(os.path.join("approved", order)):
        effects = {"reply": f"{order} is approved", "state": None}
    elif looks == 1:
        print(f"please approve {order}", file=sys.stderr, flush=True)  # Skein's log; a mail, in earnest
        effects = {"sleep": "1s", "state": {"asked_for": order}}
    else:
        effects = {"sleep": "1s"}  # the state stays
    print(json.dumps({"turn": message["turn"], **effects}), flush=True)
