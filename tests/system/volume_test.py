"""100,000 events over 1,000 keys: every one done, in the order of its key, and the stream tells all of it.

    volume_test.py [EVENTS]
"""
import collections
import sys
import threading
import time

import support
from stream import Stream
from support import Client, event, say, skein, until

EVENTS = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 100_000
KEYS = 1_000
BATCH = 1_000
SENDERS = 2

CONFIG = """
[[node]]
name = "n1"
loops = 2
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
"""


def send(node, part, problems):
    """The batches of one sender: event N has key N mod KEYS, and the senders share no key."""
    client = Client(node, timeout=120)
    try:
        for first in range(0, EVENTS, BATCH):
            batch = [event(n, f"k{n % KEYS}", data=n) for n in range(first, min(first + BATCH, EVENTS))
                     if n % KEYS % SENDERS == part]
            while (answer := client.publish(batch)).status in (429, 500, 503):
                if answer.status != 429:
                    say(f"sent again after {answer.status} {answer.json()['code']}: repeats are dropped")
                time.sleep(0.01)  # before it is sent again, as the answer says
            if answer.status != 202:
                raise AssertionError(answer)
    except Exception as problem:  # noqa: BLE001  (told to the test)
        problems.append(problem)
    finally:
        client.close()


class Volume(support.SystemTest):
    def test_many_events_over_many_keys_are_all_done_in_the_order_of_their_keys(self):
        node = self.node(CONFIG)
        client = self.client(node)
        first = client.accept(event("first", "k0"))  # for a cursor before all of them
        client.ended(first)
        cursor = self.cursor_at_end(node)
        began = time.monotonic()
        self.send_all(node)
        acknowledged = time.monotonic() - began
        status = client.idle(within=120)
        took = time.monotonic() - began
        say(f"{EVENTS} events acknowledged in {acknowledged:.1f} s, done in {took:.1f} s: {EVENTS / took:,.0f} a second")
        self.assertEqual(status["ledger"]["accepted"], EVENTS + 2)
        self.assertEqual(status["ledger"]["done"], EVENTS + 2)
        self.assertEqual(status["deliveries"]["done"], EVENTS + 2)
        self.check_loops(client, node)
        self.check_stream(node, cursor)
        self.check_restart(node)

    def cursor_at_end(self, node):
        client = Client(node)
        with Stream(node.port, "?type=test.mark") as stream:
            self.assertEqual(stream.status, 200)
            number = client.accept(event("mark", "mark", "test.mark"))
            messages = iter(stream)
            seen = [next(messages), next(messages)]
        client.close()
        self.assertEqual([(kind, each["event"]) for _, kind, each in seen],
                         [("accepted", number), ("outcome", number)])
        return seen[1][0]

    def send_all(self, node):
        problems = []
        threads = [threading.Thread(target=send, args=(node, part, problems)) for part in range(SENDERS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(problems, [])

    def check_loops(self, client, node):
        loops = client.get("/v1/loops").json()["loops"]
        self.assertEqual([each["loop"] for each in loops], [0, 1])
        self.assertEqual([each["shards"] for each in loops], [128, 128])
        self.assertEqual(sum(each["turns"] for each in loops), EVENTS + 2)
        for each in loops:
            self.assertGreater(each["turns"], EVENTS / 10, "both loops work")
            self.assertGreater(each["cpu_s"], 0)
        listed = skein("loop", "list", "--server", node.url)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        rows = [line.split() for line in listed.stdout.splitlines()]
        self.assertEqual(len(rows), 3, listed.stdout)
        for row, loop in zip(rows[1:], loops):
            self.assertIn("128", row)
            self.assertTrue(any(word.replace(",", "") == str(loop["turns"]) for word in row), listed.stdout)

    def check_stream(self, node, cursor):
        """Reads all of it from the cursor on, connecting again as often as it is dropped."""
        accepted, ended = collections.defaultdict(list), collections.defaultdict(list)
        connections = 0

        def read():
            nonlocal cursor, connections
            connections += 1
            with Stream(node.port, last_id=cursor) as stream:
                before = cursor
                for number, kind, message in stream:
                    if kind == "lagging":
                        self.assertNotEqual(cursor, before, "a reader that reads gets on")
                        return False
                    self.assertIn(kind, ("accepted", "outcome"))
                    cursor = number
                    if kind == "accepted":
                        accepted[message["key"]].append(int(message["id"]))
                    else:
                        self.assertEqual(message["state"], "done")
                        ended[message["key"]].append(int(message["id"]))
                        read.left -= 1
                        if read.left == 0:
                            return True
            return False

        read.left = EVENTS
        began = time.monotonic()
        until(read, 120, "all of the stream")
        say(f"the stream of {2 * EVENTS} messages was read in {time.monotonic() - began:.1f} s "
            f"over {connections} connections")
        self.assertEqual(len(accepted), KEYS)
        for key, numbers in accepted.items():
            self.assertEqual(numbers, sorted(numbers), f"{key} was taken in the order it was sent")
            self.assertEqual(len(numbers), EVENTS // KEYS)
            self.assertEqual(ended[key], numbers, f"{key} ran in that order, and each event once")

    def check_restart(self, node):
        node.terminate()
        self.assertEqual(node.wait(30), 0)
        node.start()
        client = self.client(node)
        ledger = client.ledger()
        self.assertEqual((ledger["accepted"], ledger["done"], ledger["pending"]), (EVENTS + 2, EVENTS + 2, 0))
        again = client.publish([event(n, f"k{n % KEYS}", data=n) for n in range(BATCH)])
        self.assertEqual({each["duplicate"] for each in again.json()["accepted"]}, {True})
        self.assertEqual(client.ledger()["accepted"], EVENTS + 2)


if __name__ == "__main__":
    support.main()
