#!/usr/bin/env python3
"""A small chat bot: keeps notes for each chat and reminds people. See README.md."""
import re

import skein_worker

HELP = """I keep notes for this chat. Try:
  note buy milk                 keep a note
  notes                         show them
  forget                        drop all of them
  remind 10m call the bank      say something later (s, m, h, d)"""


def remember(turn, text):
    notes = turn.state or []
    turn.state = notes + [text]
    return f"Noted. That makes {len(turn.state)}."


def show(turn):
    if not turn.state:
        return "No notes yet."
    return "\n".join(f"{number}. {note}" for number, note in enumerate(turn.state, 1))


def forget(turn):
    turn.state = None
    return "All forgotten."


def remind(turn, delay, text):
    turn.emit("reminder.due", text, due=f"+{delay}")
    return f"I will remind you in {delay}."


def handle(turn):
    if turn.event["type"] == "reminder.due":
        return f"Reminder: {turn.data}"
    if not isinstance(turn.data, str):
        raise skein_worker.Fail("this bot reads text only")
    text = turn.data.strip()
    if match := re.fullmatch(r"note (.+)", text, re.S):
        return remember(turn, match[1])
    if text == "notes":
        return show(turn)
    if text == "forget":
        return forget(turn)
    if match := re.fullmatch(r"remind (\d+[smhd]) (.+)", text, re.S):
        return remind(turn, match[1], match[2])
    return HELP


if __name__ == "__main__":
    skein_worker.run(handle)
