"""The loop of a Skein agent (kind = "exec", mode = "lines"). Copy this file beside your bot.

    def handle(turn):
        turn.state = (turn.state or 0) + 1              # kept for this agent and key
        return f"hello, this is message {turn.state}"   # the reply
    skein_worker.run(handle)

One turn at a time. Reply, state and emitted events count together when handle returns, or not at
all. An exception fails the attempt, and Skein tries again.
"""
import json
import re
import sys
import traceback


class Retry(Exception):
    """Not now: raise Retry("the API is busy", "1m30s"); a number is seconds."""

    def __init__(self, message="", after=""):
        super().__init__(message)
        self.after = after if isinstance(after, str) else f"{round(after * 1000)}ms"
        if not re.fullmatch(r"(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?", self.after, re.ASCII):
            raise ValueError(f'Retry after {after!r}: write seconds, or a text such as "1m30s"')


class Sleep(Exception):
    """Not yet: raise Sleep("10m"), and the turn runs again after that, with its state. No failure;
    what it has emitted is dropped."""

    def __init__(self, time):
        super().__init__(time)
        self.time = time


class Fail(Exception):
    """Trying again would not help: the event becomes a dead letter."""


class Turn:
    def __init__(self, message):
        self.event = message["event"]      # a CloudEvent as a dict
        self.data = self.event.get("data")
        self.state = message["state"]      # None: none yet; set it to None to delete it
        self.attempt = message["attempt"]  # 1, 2, ...
        self.sleeps = message.get("sleeps", 0)  # how often it slept before
        self.token = message["token"]      # the same at each attempt: send it along with calls
        self.deadline = message["deadline"]
        self.emitted = []

    def emit(self, type, data, **attributes):  # turn.emit("reminder", "tea is ready", due="+10m")
        self.emitted.append({"type": type, "data": data, **attributes})


def answer(handle, turn):
    try:
        reply = handle(turn)
        effects = {"reply": reply, "state": turn.state, "emit": turn.emitted}
        json.dumps(effects, allow_nan=False)  # what is no JSON fails this turn, not the program
        return effects
    except Sleep as until:
        return {"sleep": until.time, "state": turn.state}
    except Fail as problem:
        return {"error": {"kind": "fail", "message": str(problem)}}
    except Retry as problem:
        return {"error": {"kind": "retry", "message": str(problem), "after": problem.after}}
    except Exception as problem:
        traceback.print_exc()  # standard error is Skein's log
        return {"error": {"kind": "retry", "message": f"{type(problem).__name__}: {problem}"}}


def run(handle):
    answers, sys.stdout = sys.stdout, sys.stderr  # print() is for the log, too
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "turn" in message:  # else a cancel: when it is read here, its turn has been answered
            effects = answer(handle, Turn(message))
            print(json.dumps({"turn": message["turn"], **effects}), file=answers, flush=True)
