"""Three nodes and one store on PostgreSQL: any node takes any event, and a node that goes is missed for moments."""
import os
import sys
import threading
import time

import support
from support import event, ready, until
from postgres_process import Postgres, programs

if programs() is None:
    print("PostgreSQL is not installed", file=sys.stderr)
    sys.exit(77)

NAMES = ("n1", "n2", "n3")


class Cluster(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.server = Postgres()
        self.addCleanup(self.server.close)
        nodes = "".join(f'[[node]]\nname = "{name}"\nhttp = "127.0.0.1:0"\nloops = 1\ndata = "{name}"\n'
                        f'broker = "ipc://{self.folder}/{name}"\n' for name in NAMES)
        self.config = f"""
[cluster]
store = "{self.server.url}"
durability = "single"
shards = 24
[limits]
drain_deadline = "20s"
{nodes}
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
"""
        self.nodes = {}
        for name in NAMES:
            made = self.unstarted(self.config, arguments=["--node", name])
            made.verb = "start"
            self.nodes[name] = made

    def start_all(self):
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            until(lambda node=node: ready(node), 30, "a node is ready")
        self.settled(NAMES)

    def settled(self, names):
        """Waits until those nodes, and no others, have their shares of the 24 shards."""
        share = {name: 24 // len(names) for name in names}
        for name in names:
            def shares(client=self.client(self.nodes[name])):
                cluster = client.get("/v1/status").json()["cluster"]
                return {each["node"]: each["shards"] for each in cluster["nodes"] if each["shards"]} == share
            until(shares, 30, f"{name} sees {share}")

    def send(self, node, first, count):
        """Events of as many keys, at one node; their numbers."""
        client = self.client(node)
        return client.accept([event(first + i, f"k{first + i}", data={"i": i}) for i in range(count)])

    def test_any_node_takes_any_event_and_tells_of_it(self):
        self.start_all()
        numbers = []
        for index, node in enumerate(self.nodes.values()):
            numbers += self.send(node, 1000 * index, 60)
        self.assertEqual(len(set(numbers)), 180)
        for node in self.nodes.values():
            client = self.client(node)
            for number in numbers:
                self.assertEqual(client.ended(number)["state"], "done")
        for name in NAMES:  # all three take part
            self.assertIn("frames go to it", self.nodes[name].log())

    def test_a_repeat_at_another_node_is_known(self):
        self.start_all()
        first = self.send(self.nodes["n1"], 0, 20)
        again = self.client(self.nodes["n2"]).publish([event(i, f"k{i}", data={"i": i}) for i in range(20)])
        self.assertIn(again.status, (200, 202), again)
        self.assertEqual([each["event"] for each in again.json()["accepted"]], first)
        self.assertTrue(all(each["duplicate"] for each in again.json()["accepted"]))

    def test_the_work_of_a_node_that_was_killed_is_taken_over(self):
        self.start_all()
        self.send(self.nodes["n1"], 0, 50)
        self.nodes["n2"].kill()
        killed = time.monotonic()
        numbers = self.send(self.nodes["n1"], 1000, 100)  # some are of its shards: they wait at the door
        support.say(f"accepted {time.monotonic() - killed:.2f} s after the kill")
        client = self.client(self.nodes["n3"])
        for number in numbers:
            self.assertEqual(client.ended(number)["state"], "done")
        support.say(f"done {time.monotonic() - killed:.2f} s after the kill")
        self.settled(("n1", "n3"))
        self.nodes["n2"].start()
        until(lambda: ready(self.nodes["n2"]), 30, "it is back")
        self.settled(NAMES)
        self.send(self.nodes["n2"], 2000, 50)

    def test_a_node_that_drains_is_not_missed(self):
        self.start_all()
        stop = threading.Event()
        slowest, sent, problems = 0.0, 0, []

        def load():
            nonlocal slowest, sent
            client = self.client(self.nodes["n1"])
            while not stop.is_set() and sent < 100_000:
                began = time.monotonic()
                answer = client.publish(event(f"l{sent}", f"k{sent}"))
                slowest = max(slowest, time.monotonic() - began)
                if answer.status != 202:
                    problems.append(answer)
                sent += 1

        sender = threading.Thread(target=load)
        sender.start()
        try:
            until(lambda: sent > 100, 30, "a load")
            self.nodes["n2"].terminate()
            self.assertEqual(self.nodes["n2"].wait(30), 0)
            at = sent
            until(lambda: sent > at + 100, 30, "more of it")
        finally:
            stop.set()
            sender.join(60)
        support.say(f"{sent} events, the slowest took {slowest * 1000:.0f} ms")
        self.assertEqual(problems, [])
        self.assertIn("drain-ended", self.nodes["n2"].log())
        self.settled(("n1", "n3"))

    def test_a_job_and_a_store_without_a_standby_are_refused(self):
        node = self.unstarted(self.config.replace('durability = "single"\n', ""), arguments=["--node", "n1"])
        node.verb = "start"
        done = support.skein("start", "--config", node.config, "--node", "n1", "--data", node.data)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("store-not-durable", done.stderr)
        self.assertIn("durability", done.stderr)


if __name__ == "__main__":
    os.umask(0o022)
    support.main()
