"""An agent that sleeps until there is a file RELEASE. NOTES gets a line for each turn: what it was given, and when; and,
before it sleeps, when that was. Event data {"crash": N}: the Nth turn fails instead; {"answer": ...}: it says that."""
import json
import os
import sys
import time


def note(**what):
    with open(os.environ["NOTES"], "a", encoding="utf-8") as notes:
        notes.write(json.dumps({"at": time.time(), **what}) + "\n")


for line in sys.stdin:
    message = json.loads(line)
    if "turn" not in message:
        continue
    data = message["event"].get("data") or {}
    given = {name: message.get(name) for name in ("turn", "attempt", "sleeps", "state", "token")}
    note(event=message["event"]["id"], **given)
    looks = (message["state"] or {"looks": 0})["looks"] + 1
    if "answer" in data:
        effects = data["answer"]
    elif data.get("crash") == looks and message["attempt"] == 1:
        effects = {"error": {"kind": "retry", "message": "not today", "after": "10ms"}}
    elif os.path.exists(os.environ["RELEASE"]):
        effects = {"reply": looks, "state": None}
    else:
        effects = {"sleep": data.get("for", "200ms"), "state": {"looks": looks}}
        note(event=message["event"]["id"], sleeps_now=message["turn"])
    print(json.dumps({"turn": message["turn"], **effects}), flush=True)
