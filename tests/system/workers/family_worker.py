#!/usr/bin/env python3
"""A program for mode = "lines" that is hard to be rid of: it ignores SIGTERM and the end of its input, has a
child that does the same, and answers each turn. Appends its pids to the file that NOTES names.
"""
import json
import os
import signal
import sys

signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    while True:
        signal.pause()
with open(os.environ["NOTES"], "a", encoding="utf-8") as notes:
    notes.write(f"{os.getpid()} {child}\n")
for line in sys.stdin.buffer:
    message = json.loads(line)
    if "turn" in message:
        print(json.dumps({"turn": message["turn"], "reply": 1}), flush=True)
while True:
    signal.pause()
