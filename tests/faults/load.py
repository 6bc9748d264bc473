"""A load on all nodes: events of some hundred keys at a bounded rate, each sent again, with the same id, until it is
acknowledged, as a client does that must not lose any.
"""
import http.client
import random
import threading
import time

from history import Recorder

WEIGHTS = {"plain": 70, "spread": 20, "later": 4, "retried": 4, "poison": 2}  # of the kinds of events
TRY_WITHIN = 12.0  # seconds for an answer, more than an event waits at a door
WAIT_MAX = 1.0  # between two tries


class Load:
    def __init__(self, nodes, record_file, seed, rate=250, keys=300, senders=12):
        self.nodes, self.seed, self.keys = list(nodes), seed, keys
        self.record = Recorder(record_file)
        self.problems = []
        self.pause = senders / rate  # seconds an event of one sender
        self.stopping, self.given_up = threading.Event(), threading.Event()
        self.slowest = 0.0  # seconds from an event's first try to its acknowledgement
        self.threads = [threading.Thread(target=self.send, args=(number,)) for number in range(senders)]

    def start(self):
        for each in self.threads:
            each.start()

    def stop(self, within=120):
        """No new events; those that were offered go on until they are acknowledged."""
        self.stopping.set()
        deadline = time.monotonic() + within
        for each in self.threads:
            each.join(max(0.0, deadline - time.monotonic()))
            if each.is_alive():
                self.problems.append("an event is not acknowledged although all is well")
                break
        self.give_up()

    def give_up(self):
        """Nothing is sent any more."""
        self.stopping.set()
        self.given_up.set()
        for each in self.threads:
            each.join()

    def probe(self, place, within):
        """An event of each key, so that each shard has some, at each node: comes back when all are acknowledged."""
        deadline = time.monotonic() + within
        dice = random.Random(f"{self.seed}/probe/{place}")
        for node in self.nodes:
            batch = [{**self.made(dice, f"p{place}-{node.name}-{number}"), "partitionkey": f"k{number}"}
                     for number in range(self.keys)]
            clients = {}
            while (batch := self.attempt(node, clients, batch)):
                if time.monotonic() > deadline:
                    raise AssertionError(f"{node.name} does not get {len(batch)} events acknowledged")
                time.sleep(0.2)  # between two tries
            for each in clients.values():
                each.close()

    def made(self, dice, name):
        kind = dice.choices(list(WEIGHTS), WEIGHTS.values())[0]
        work = 0.005 if dice.random() < 0.1 else 0
        key = f"k{min(dice.randrange(self.keys), dice.randrange(self.keys))}"
        return {"specversion": "1.0", "id": name, "source": "/faults", "type": "fault.work", "partitionkey": key,
                "data": {"kind": kind, "near": key, "far": f"k{dice.randrange(self.keys)}", "work": work}}

    def send(self, number):
        dice = random.Random(f"{self.seed}/{number}")
        clients, made, due = {}, 0, time.monotonic()
        try:
            while not self.stopping.is_set():
                batch = []
                for _ in range(dice.choice((1, 1, 2, 4, 8, 12))):
                    made += 1
                    batch.append(self.made(dice, f"c{number}-{made}"))
                self.publish(dice, clients, batch)
                due = max(due + self.pause * len(batch), time.monotonic() - 1.0)  # what was missed is not made up for
                self.stopping.wait(max(0.0, due - time.monotonic()))
        except Exception as problem:  # noqa: BLE001  (told at the end, by the thread that asks)
            self.problems.append(f"sender {number}: {problem!r}")
        finally:
            for each in clients.values():
                each.close()

    def publish(self, dice, clients, batch):
        began = time.monotonic()
        while batch and not self.given_up.is_set():
            if (batch := self.attempt(dice.choice(self.nodes), clients, batch)):
                self.given_up.wait(dice.uniform(0.05, WAIT_MAX))
        self.slowest = max(self.slowest, time.monotonic() - began)

    def attempt(self, node, clients, batch):
        """The events that are not acknowledged yet."""
        client = clients.get(node.name)
        if client is None or client.port != node.port:
            client = clients[node.name] = node.client(TRY_WITHIN)
        if client is None:
            del clients[node.name]
            return batch
        now = time.time_ns()
        self.record.note(*(["offer", each["id"], each["partitionkey"], each["data"]["kind"], node.name, now]
                           for each in batch))
        try:
            answer = client.publish(batch if len(batch) > 1 else batch[0])
        except (OSError, http.client.HTTPException):
            client.close()
            self.note(node, {each["id"]: ("unknown", "") for each in batch})
            return batch
        verdicts = verdicts_of(answer, batch)
        if verdicts is None:
            raise AssertionError(f"{node.name}: {answer}")
        self.note(node, verdicts)
        return [each for each in batch if verdicts[each["id"]][0] != "accepted"]

    def note(self, node, verdicts):
        now = time.time_ns()
        self.record.note(*(["answer", name, verdict, event, node.name, now]
                           for name, (verdict, event) in verdicts.items()))


def verdicts_of(answer, batch):
    """Of each event (verdict, number); None if the answer is none that is expected."""
    told = answer.json()
    if answer.status == 202:
        verdicts = {each["id"]: ("accepted", each["event"]) for each in told["accepted"]}
        return verdicts if len(verdicts) == len(batch) else None
    if answer.status not in (429, 500, 503):
        return None
    if "accepted" not in told:  # all of them
        verdict = "unknown" if answer.status == 500 else "refused"
        return {each["id"]: (verdict, "") for each in batch}
    verdicts = {each["id"]: ("accepted", each["event"]) for each in told["accepted"]}
    verdicts.update((each["id"], ("refused", "")) for each in told["refused"])
    verdicts.update((each["id"], ("unknown", "")) for each in told["unknown"])
    return verdicts if verdicts.keys() == {each["id"] for each in batch} else None
