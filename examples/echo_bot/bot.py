#!/usr/bin/env python3
"""The smallest agent that keeps running: a line of JSON in, a line of JSON out."""
import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    if "turn" in message:  # else it asks to give a turn up, and this one has answered by then
        text = message["event"].get("data")
        print(json.dumps({"turn": message["turn"], "reply": f"you said: {text}"}), flush=True)
