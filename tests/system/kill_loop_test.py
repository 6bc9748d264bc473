"""kill -9 at any moment: what was acknowledged is there afterwards, has run, and in order.

    kill_loop_test.py [ROUNDS] [SEED]

Publishers outside the node note each acknowledgement in files. The node, whose turns are run by programs that note
what they do, is killed after a random 20 to 400 ms, started again, and so on for ROUNDS rounds (5 if not said). In
every other round its disk is slow, so that much waits for a sync when it is killed.
Then all of it must come to its end, and what the store tells must agree with the notes.
"""
import collections
import os
import random
import subprocess
import sys
import time

import support
from support import HERE, Client, say, until, worker

BAD_DISK = os.environ["SKEIN_BAD_DISK_LIBRARY"]
KEYS = 24
PUBLISHERS = 2
READY_WITHIN = 5.0  # seconds after a kill
rounds = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 5
seed = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else int.from_bytes(os.urandom(4), "big")


def config(notes):
    return f"""
[[node]]
name = "n1"
loops = 2
[agent.worker]
kind = "exec"
command = {worker("journal_worker.py")}
environment = {{ NOTES = "{notes}" }}
processes = 4
concurrency = 4
timeout = "30s"
[agent.echo]
kind = "echo"
[[route]]
type = "test.work"
agent = "worker"
[[route]]
type = "test.both"
agent = "worker"
[[route]]
type = "test.both"
agent = "echo"
[[route]]
type = "test.echo"
agent = "echo"
[[route]]
type = "test.child"
agent = "echo"
"""


class KillLoop(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(seed)
        self.notes = os.path.join(self.folder, "notes.txt")
        self.port_file = os.path.join(self.folder, "port")
        self.orders = os.path.join(self.folder, "orders")  # for the disk
        os.mkdir(self.orders)
        self.publishers = []
        self.addCleanup(self.end_publishers)

    def record_file(self, name):
        return os.path.join(self.folder, f"record-{name}.txt")

    def start_publishers(self):
        for number in range(PUBLISHERS):
            name = f"p{number}"
            self.publishers.append(subprocess.Popen(
                [sys.executable, os.path.join(HERE, "publisher.py"), self.port_file, self.record_file(name), name,
                 str(seed), str(KEYS)], stdin=subprocess.PIPE))

    def end_publishers(self):
        for each in self.publishers:
            each.stdin.close()
        for each in self.publishers:
            try:
                each.wait(30)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
        statuses = [each.returncode for each in self.publishers]
        self.publishers = []
        return statuses

    def tell_port(self, node):
        with open(self.port_file + ".new", "w", encoding="ascii") as file:
            file.write(str(node.port))
        os.replace(self.port_file + ".new", self.port_file)

    def recorded(self):
        """Bytes of the records."""
        names = [self.record_file(f"p{number}") for number in range(PUBLISHERS)]
        return sum(os.path.getsize(each) for each in names if os.path.exists(each))

    def records(self):
        """What was submitted, and the acknowledgements: id -> the set of events that they named."""
        submitted, acknowledged = set(), collections.defaultdict(set)
        for number in range(PUBLISHERS):
            with open(self.record_file(f"p{number}"), encoding="utf-8") as file:
                for line in file:
                    words = line.split()
                    if words[0] == "submit":
                        submitted.add(words[1])
                    elif words[0] == "ack":
                        acknowledged[words[1]].add(words[2])
                    else:
                        self.fail(f"a publisher was refused: {line}")
        return submitted, acknowledged

    def restart(self, node):
        """Kills it after a while and starts it again; the seconds until it is ready."""
        self.change_disk()
        before = self.recorded()
        until(lambda: self.recorded() > before, 30, "an acknowledgement after a start")
        time.sleep(self.random.uniform(0.020, 0.400))  # the moment of the kill
        node.kill()
        began = time.monotonic()
        node.start(within=READY_WITHIN)
        until(lambda: support.ready(node), READY_WITHIN, "readiness after a kill")
        took = time.monotonic() - began
        self.assertLess(took, support.patience(READY_WITHIN), "seconds from a start to readiness")
        self.tell_port(node)
        client = Client(node)
        client.status()  # checks the balance
        client.close()
        return took

    def change_disk(self):
        """From fast to slow or back."""
        slow = os.path.join(self.orders, "slow")
        if os.path.exists(slow):
            os.remove(slow)
        else:
            with open(slow, "wb"):
                pass

    def test_nothing_acknowledged_is_lost_and_order_is_kept_when_the_node_is_killed_again_and_again(self):
        node = self.node(config(self.notes), environment={"LD_PRELOAD": BAD_DISK, "SKEIN_BAD_DISK": self.orders})
        self.tell_port(node)
        self.start_publishers()
        starts = [self.restart(node) for _ in range(rounds)]
        self.assertEqual(self.end_publishers(), [0] * PUBLISHERS)
        client = self.client(node)
        status = client.idle(within=120)
        submitted, acknowledged = self.records()
        stored = list(client.events())
        say(f"seed {seed}: {rounds} kills, {len(acknowledged)} events acknowledged, {len(stored)} stored; "
            f"ready after {max(starts):.2f} s at most")
        self.check_acknowledged(stored, submitted, acknowledged)
        self.check_ends(stored, status)
        self.check_children(stored)
        self.check_lanes(stored)
        self.check_notes(stored)

    def check_acknowledged(self, stored, submitted, acknowledged):
        self.assertGreater(len(acknowledged), rounds, "the publishers got something through")
        by_identity = collections.defaultdict(list)
        for each in stored:
            if each["type"] != "test.child":
                by_identity[each["id"]].append(each)
        lost = [id for id in acknowledged if id not in by_identity]
        self.assertEqual(lost, [], f"LOST: {len(lost)} of {len(acknowledged)} acknowledged events are not in the store")
        for id, found in by_identity.items():
            self.assertEqual(len(found), 1, f"one event for an identity: {found}")
            self.assertIn(id, submitted, "no event that nobody sent")
        for id, numbers in acknowledged.items():
            self.assertEqual(numbers, {by_identity[id][0]["event"]}, f"each acknowledgement of {id} names its event")

    def check_ends(self, stored, status):
        for each in stored:
            self.assertEqual(each["state"], "done", each)
            for delivery in each["deliveries"]:
                self.assertEqual(delivery["state"], "done", each)
        self.assertEqual(status["ledger"]["accepted"], len(stored))
        self.assertEqual(status["ledger"]["done"], len(stored))
        self.assertEqual(status["deliveries"]["done"], sum(len(each["deliveries"]) for each in stored))

    def check_children(self, stored):
        """Each delivery to the worker emitted one event, whatever number of times it ran."""
        expected = collections.Counter()
        for each in stored:
            if each["type"] in ("test.work", "test.both"):
                expected[f"{each['event']}.worker.0"] += 1
        children = collections.Counter(each["id"] for each in stored if each["type"] == "test.child")
        self.assertEqual(children, expected)

    def check_lanes(self, stored):
        """Within a lane: each delivery was committed before the next one started."""
        lanes = collections.defaultdict(list)
        for each in stored:
            for delivery in each["deliveries"]:
                if delivery["agent"] == "worker":  # echo is pure: its turns may overlap their commits
                    lanes[each["key"]].append((self.position(each), delivery))
        self.assertGreater(len(lanes), 1)
        for key, lane in lanes.items():
            lane.sort(key=lambda entry: entry[0])
            for (_, before), (place, after) in zip(lane, lane[1:]):
                self.assertLessEqual(before["committed"], after["started"], f"lane of {key} at {place}")

    @staticmethod
    def position(each):
        return each["accepted"], int(each["event"].split("-")[1])

    def check_notes(self, stored):
        """What the programs saw: in each lane the turns in order, repeats only of one that had not ended."""
        place = {}
        for each in stored:
            place[each["id"]] = (each["key"], self.position(each))
        last = {}
        repeats = 0
        started = set()
        with open(self.notes, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if words[0] != "start":
                    continue
                token, key, id, attempt = words[1:]
                self.assertEqual(place[id][0], key)
                self.assertEqual(attempt, "1", f"a kill is no attempt: {line}")
                repeats += token in started
                started.add(token)
                self.assertLessEqual(last.get(key, ("", 0)), place[id][1], f"{id} started after a later one of {key}")
                last[key] = place[id][1]
        self.assertEqual(len(started), sum(each["type"] in ("test.work", "test.both") for each in stored))
        say(f"{len(started)} deliveries to programs, {repeats} of them started twice")


if __name__ == "__main__":
    support.main()
