"""What a run under faults writes down, and how it is read again.

A run keeps a folder of JSON lines, each a list: `client.jsonl` (what was offered and what was answered), `turns.jsonl`
(what the programs of agents did), `grants.jsonl` (which node got which shard, as the store saw it), `timeline.jsonl`
(the faults), and `store.json`, what the store held at the end. A line is one write, so that those of several threads
and programs do not mix, and what a killed program was about to write is missing as a whole.
"""
import dataclasses
import json
import os

# What becomes of an event of the load, by its kind: events that its turn emits, attempts that fail first, its end.
EMITS = {"plain": 0, "spread": 2, "later": 1, "retried": 0, "poison": 0}
FAILS = {"plain": 0, "spread": 0, "later": 0, "retried": 1, "poison": 0}
ENDS = {"plain": "done", "spread": "done", "later": "done", "retried": "done", "poison": "dead"}
WORKER, SINK, BELL, OUTBOX = "worker", "sink", "bell", "!outbox"  # agents
LATER_S = 2.0  # how long what a turn of kind `later` emits is delayed


@dataclasses.dataclass(slots=True)
class Offer:
    """One try to publish an event."""
    id: str
    key: str
    kind: str
    node: str
    at: int  # ns since 1970, as all times here


@dataclasses.dataclass(slots=True)
class Answer:
    """What a try came to."""
    id: str
    verdict: str  # accepted, refused (a definite no) or unknown
    event: str  # its number, if it was accepted
    node: str
    at: int


@dataclasses.dataclass(slots=True)
class Turn:
    """A program got a turn, or was about to answer it."""
    what: str  # start or end
    token: str
    id: str
    key: str
    attempt: int
    owner: str  # the node's process
    at: int


@dataclasses.dataclass(slots=True)
class Grant:
    """A node got a shard; as the store recorded it, in its own time."""
    shard: int
    epoch: int
    owner: str
    at: int


@dataclasses.dataclass(slots=True)
class Delivery:
    agent: str
    index: int
    state: str
    attempt: int = 0
    started: int = 0
    emitted: int = 0
    reply: object = None
    at: int = 0  # when its end was committed, in the store's order
    owner: str = ""  # who committed it


@dataclasses.dataclass(slots=True)
class Event:
    """An event as the store has it at the end."""
    number: str
    id: str
    key: str
    accepted: int
    at: int  # when it was committed, in the store's order
    owner: str  # who committed it
    due: int = 0
    deliveries: list = dataclasses.field(default_factory=list)

    @property
    def shard(self):
        return int(self.number.split("-")[0])

    @property
    def place(self):
        """In its lane."""
        return max(self.accepted, self.due), int(self.number.split("-")[1])

    def to(self, agent):
        """Its delivery to this agent, or None."""
        return next((each for each in self.deliveries if each.agent == agent), None)


@dataclasses.dataclass
class History:
    offers: list = dataclasses.field(default_factory=list)
    answers: list = dataclasses.field(default_factory=list)
    turns: list = dataclasses.field(default_factory=list)
    grants: list = dataclasses.field(default_factory=list)
    events: list = dataclasses.field(default_factory=list)
    states: dict = dataclasses.field(default_factory=dict)  # what the worker keeps, by key
    jobs: dict = dataclasses.field(default_factory=dict)  # records by name, oldest first
    ledger: dict = dataclasses.field(default_factory=dict)


class Recorder:
    """Appends to a file of the history; for several threads."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, *rows):
        """Each a list of values."""
        os.write(self.descriptor, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def close(self):
        os.close(self.descriptor)


def rows_of(path):
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def save_store(folder, events, states, jobs, ledger):
    """What the store held at the end."""
    with open(os.path.join(folder, "store.json"), "w", encoding="utf-8") as file:
        json.dump({"states": states, "jobs": jobs, "ledger": ledger}, file)
    with open(os.path.join(folder, "events.jsonl"), "w", encoding="utf-8") as file:
        for each in events:
            file.write(json.dumps(dataclasses.astuple(each)) + "\n")


def read_history(folder):
    found = History()
    for what, *rest in rows_of(os.path.join(folder, "client.jsonl")):
        if what == "offer":
            found.offers.append(Offer(*rest))
        else:
            found.answers.append(Answer(*rest))
    found.turns = [Turn(*row) for row in rows_of(os.path.join(folder, "turns.jsonl"))]
    found.grants = [Grant(*row) for row in rows_of(os.path.join(folder, "grants.jsonl"))]
    for *head, deliveries in rows_of(os.path.join(folder, "events.jsonl")):
        found.events.append(Event(*head, [Delivery(*each) for each in deliveries]))
    with open(os.path.join(folder, "store.json"), encoding="utf-8") as file:
        stored = json.load(file)
    found.states, found.jobs, found.ledger = stored["states"], stored["jobs"], stored["ledger"]
    return found
