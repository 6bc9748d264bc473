#!/usr/bin/env python3
"""A program for mode = "lines" that notes what it does, so that a test can see order and repeats.

Appends "start TOKEN KEY EVENT ATTEMPT" when it gets a turn and "end TOKEN" before it answers to the file
that NOTES names; a line is one write, so lines of several programs do not mix. Data may be an object that
asks for something: {"emit": N, "work": seconds, "fail_attempts": N, "retry_attempts": N, "count": true}.
"""
import json
import os
import sys
import time

notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if "NOTES" in os.environ else -1


def note(*words):
    if notes >= 0:
        os.write(notes, (" ".join(map(str, words)) + "\n").encode())


def answer(turn, **effects):
    os.write(1, (json.dumps({"turn": turn, **effects}) + "\n").encode())


def handle(message):
    turn, cause, attempt = message["turn"], message["event"], message["attempt"]
    asked = cause.get("data")
    asked = asked if isinstance(asked, dict) else {}
    note("start", message["token"], cause.get("partitionkey", cause["id"]), cause["id"], attempt)
    if asked.get("work"):
        time.sleep(asked["work"])  # the work of the turn
    if attempt <= asked.get("fail_attempts", 0):
        answer(turn, error={"kind": "fail", "message": f"attempt {attempt} was not to be"})
    elif attempt <= asked.get("retry_attempts", 0):
        answer(turn, error={"kind": "retry", "message": f"attempt {attempt} was too early"})
    else:
        emits = [{"type": "test.child", "data": {"of": cause["id"]}} for _ in range(asked.get("emit", 0))]
        effects = {"emit": emits} if emits else {}
        if asked.get("count"):
            effects["state"] = (message["state"] or 0) + 1
        note("end", message["token"])
        answer(turn, reply={"id": cause["id"], "attempt": attempt, "state": message["state"]}, **effects)


for line in sys.stdin.buffer:
    received = json.loads(line)
    if "turn" in received:
        handle(received)
