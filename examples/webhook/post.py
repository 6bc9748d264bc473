#!/usr/bin/env python3
"""Posts the event's data to WEBHOOK_URL, once a turn. What comes back decides about the turn.

The header webhook-id is the token of the turn: the same in every attempt, so that a receiver that has
seen it can drop the repeat.
"""
import json
import os
import sys
import urllib.error
import urllib.request

NOT_NOW = (408, 425, 429, 500, 502, 503, 504)


def finish(**effects):
    print(json.dumps(effects))
    sys.exit(0)


def fail(kind, message, **more):
    finish(error={"kind": kind, "message": message, **more})


request = urllib.request.Request(os.environ["WEBHOOK_URL"], data=sys.stdin.buffer.read(), headers={
    "Content-Type": os.environ.get("SKEIN_CONTENTTYPE", "text/plain"),
    "webhook-id": os.environ["SKEIN_TOKEN"],
})
try:
    with urllib.request.urlopen(request, timeout=20) as answer:
        finish(reply=f"delivered: {answer.status}")
except urllib.error.HTTPError as problem:
    if problem.code in NOT_NOW:
        after = problem.headers.get("Retry-After", "")
        fail("retry", f"the receiver says {problem.code}", **({"after": f"{after}s"} if after.isdigit() and len(after) < 6 else {}))
    fail("fail", f"the receiver refuses it: {problem.code}")
except OSError as problem:  # nobody there, or too slow
    fail("retry", f"no answer: {problem}")
