#!/usr/bin/env python3
"""The program of the fault runs' agent: counts the events of a key, emits what it is asked for, and notes what it does.

Data is an object: {"kind": one of history.EMITS, "near": key, "far": key, "work": seconds}. TURNS names the file of notes,
NODE the node whose program it is.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from history import EMITS, FAILS, LATER_S, Recorder  # noqa: E402

turns = Recorder(os.environ["TURNS"])
owner = f"{os.environ['NODE']}:{os.getppid()}"


def emitted(asked):
    kind = asked["kind"]
    keys = [asked["near"], asked["far"]]
    made = [{"type": "fault.child", "partitionkey": keys[index % 2], "data": index} for index in range(EMITS[kind])]
    if kind == "later":
        for each in made:
            each["due"] = f"+{LATER_S:g}s"
    return made


def effects(message):
    cause, asked, attempt = message["event"], message["event"]["data"], message["attempt"]
    if asked["kind"] == "poison":
        return {"error": {"kind": "fail", "message": "it is poison"}}
    if attempt <= FAILS[asked["kind"]]:
        return {"error": {"kind": "retry", "message": "the first attempt fails", "after": "100ms"}}
    count = (message["state"] or 0) + 1
    made = {"reply": {"id": cause["id"], "count": count}, "state": count}
    emits = emitted(asked)
    return {**made, "emit": emits} if emits else made


for line in sys.stdin.buffer:
    message = json.loads(line)
    if "turn" not in message:
        continue
    event = message["event"]
    row = [message["token"], event["id"], event["partitionkey"], message["attempt"], owner]
    turns.note(["start", *row, time.time_ns()])
    if event["data"].get("work"):
        time.sleep(event["data"]["work"])  # the work of the turn
    answer = {"turn": message["turn"], **effects(message)}
    turns.note(["end", *row, time.time_ns()])
    os.write(1, (json.dumps(answer) + "\n").encode())
