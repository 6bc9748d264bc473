#!/usr/bin/env python3
"""A program for mode = "lines" that takes turns and answers none, as one that hangs does.

Appends "start TURN" to the file that NOTES names. While the file that RELEASE names exists, it answers each turn
at once. With --stubborn it ignores SIGTERM.
"""
import json
import os
import signal
import sys

if "--stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin.buffer:
    message = json.loads(line)
    if "turn" not in message:
        continue
    notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(notes, f"start {message['turn']} {os.getpid()}\n".encode())
    os.close(notes)
    if os.path.exists(os.environ["RELEASE"]):
        os.write(1, (json.dumps({"turn": message["turn"], "reply": message["attempt"]}) + "\n").encode())
    else:
        while "--stubborn" in sys.argv:
            signal.pause()
