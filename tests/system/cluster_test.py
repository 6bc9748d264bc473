"""Three nodes and one store on PostgreSQL: any node takes any event, and a node that goes is missed for moments."""
import json
import os
import re
import sys
import threading
import time

import job_ledger
import support
from support import event, ready, skein, until
from postgres_process import Postgres, programs

if programs() is None:
    print("PostgreSQL is not installed", file=sys.stderr)
    sys.exit(77)

NAMES = ("n1", "n2", "n3")


class OnPostgres(support.SystemTest):
    """Three nodes that can be started."""
    more_of_config = ""

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
{self.more_of_config}
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


class Cluster(OnPostgres):
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
        page = self.client(self.nodes["n1"]).get("/metrics").body.decode()
        leases = {name: float(value) for name, value in re.findall(r"^skein_lease_(\w+) (\S+)$", page, re.M)}
        self.assertEqual(leases["shards"], 8)
        self.assertEqual(leases["taken_shards_total"] - leases["given_shards_total"] - leases["lost_shards_total"], 8)
        self.assertGreater(leases["beats_total"], 0)
        self.assertLess(leases["silence_seconds"], 5)

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

    def test_a_node_is_drained_and_takes_part_again_by_command(self):
        self.start_all()
        n1, n2, n3 = self.nodes.values()
        whole = skein("cluster", "health", "--exit-when-healthy", "--server", n1.url)
        self.assertEqual(whole.returncode, 0, whole)
        done = skein("node", "drain", "n2", "--server", n3.url)  # asked of another
        self.assertEqual(done.returncode, 0, done)
        self.settled(("n1", "n3"))
        listed = [json.loads(line) for line in skein("node", "list", "-o", "jsonl", "--server", n1.url).stdout.splitlines()]
        self.assertEqual({each["node"]: (each["state"], each["shards"]) for each in listed},
                         {"n1": ("up", 12), "n2": ("draining", 0), "n3": ("up", 12)})
        self.send(n2, 0, 50)  # it is up, and a door to the others
        none = skein("shard", "list", "--node", "n2", "-o", "jsonl", "--server", n1.url)
        self.assertEqual((none.returncode, none.stdout), (0, ""), none)
        self.assertEqual(skein("node", "drain", "n3", "--server", n1.url).returncode, 0)
        until(lambda: self.client(n2).get("/v1/nodes/n3").json()["state"] == "draining", 10, "n2 knows of it")
        self.settled(("n1",))
        last = skein("node", "drain", "n1", "--server", n2.url)
        self.assertIn("no other node takes part", last.stderr)
        self.assertEqual(skein("node", "undrain", "n3", "--server", n1.url).returncode, 0)
        done = skein("node", "undrain", "n2", "--server", n2.url)
        self.assertEqual(done.returncode, 0, done)
        self.settled(NAMES)
        self.nodes["n2"].terminate()  # an orderly stop after that gives its shards up once more
        self.assertEqual(self.nodes["n2"].wait(30), 0)
        self.settled(("n1", "n3"))
        unknown = skein("node", "drain", "n9", "--server", n1.url)
        self.assertIn("no node is named 'n9'", unknown.stderr)

    def test_a_second_process_of_a_name_gives_way(self):
        self.start_all()
        twin = self.unstarted(self.config.replace(f"{self.folder}/n1", f"{self.folder}/twin"), arguments=["--node", "n1"])
        twin.verb = "start"
        twin.start()
        self.assertEqual(twin.wait(15), 1)
        self.assertIn("node-runs-already", twin.log())
        self.settled(NAMES)
        self.send(self.nodes["n2"], 0, 50)

    def test_without_the_server_it_is_told(self):
        self.start_all()
        client = self.client(self.nodes["n1"])
        self.server.crash()
        until(lambda: client.get("/readyz").status == 503, 15, "it is not ready")
        until(lambda: skein("cluster", "health", "--server", self.nodes["n1"].url).returncode == 6, 15, "it is not whole")

    def test_a_store_without_a_standby_is_refused(self):
        node = self.unstarted(self.config.replace('durability = "single"\n', ""), arguments=["--node", "n1"])
        node.verb = "start"
        done = support.skein("start", "--config", node.config, "--node", "n1", "--data", node.data)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("store-not-durable", done.stderr)
        self.assertIn("durability", done.stderr)


class Keepers(OnPostgres):
    """Jobs, tokens and the audit are the cluster's: one node keeps them, and all take what is asked of them."""
    # Its runs go to an agent that no route names.
    more_of_config = """
[agent.bell]
kind = "echo"
[job.tick]
every = "1s"
agent = "bell"
overlap = "allow"
"""

    def keeper(self):
        """The node that keeps them now, as the others know."""
        for node in self.nodes.values():
            if node.running():
                name = self.client(node).get("/v1/status").json()["cluster"]["keeper"]
                return self.nodes.get(name)

    def records(self, node):
        return job_ledger.history(node, "tick")

    def wait_for_runs(self, node, more):
        had = len(self.records(node))
        until(lambda: len(self.records(node)) >= had + more, 30, f"{more} more records")

    def test_jobs_go_on_at_another_node(self):
        self.start_all()
        keeper = self.keeper()
        others = [node for node in self.nodes.values() if node is not keeper]
        self.wait_for_runs(others[0], 2)
        done = skein("job", "trigger", "tick", "--server", others[1].url)
        self.assertEqual(done.returncode, 0, done)
        keeper.kill()
        killed = time.monotonic()
        self.wait_for_runs(others[0], 2)
        support.say(f"jobs went on {time.monotonic() - killed:.2f} s after the kill of their keeper")
        keeper.start()
        until(lambda: ready(keeper), 30, "it is back")
        self.settled(NAMES)
        self.keeper().terminate()  # in order, this time
        self.wait_for_runs(next(node for node in self.nodes.values() if node.running()), 3)
        running = [node for node in self.nodes.values() if node.running()]
        histories = [self.records(node) for node in running]
        self.assertEqual(len(running), 2)
        for records in histories:
            job_ledger.check_once(self, "tick", records)
        bell = {each["event"]: each for each in self.client(running[0]).events(source="skein/job/tick", agent="bell")}
        self.assertEqual(len([each for each in histories[0] if each["verdict"] == "triggered"]), 1)
        ran = [each for each in histories[0] if each["verdict"] in job_ledger.RUNS and each.get("state") == "done"]
        self.assertGreaterEqual(len(ran), 5)
        self.assertEqual(len({each["event"] for each in ran}), len(ran))
        self.assertEqual([each for each in ran if each["event"] not in bell], [])

    def test_tokens_and_records_of_any_node_are_those_of_all(self):
        self.start_all()
        n1, n2, n3 = self.nodes.values()
        made = skein("token", "create", "--role", "read", "--name", "eyes", "--server", n2.url, "-o", "json")
        self.assertEqual(made.returncode, 0, made)
        for node in self.nodes.values():
            listed = skein("token", "list", "--server", node.url)
            self.assertIn("eyes", listed.stdout)
        later = self.client(n1).accept([event(0, "k", due="+1h")])[0]
        done = skein("event", "cancel", later, "--yes", "--server", n3.url)
        self.assertEqual(done.returncode, 0, done)
        revoked = skein("token", "revoke", "eyes", "--yes", "--server", n3.url)
        self.assertEqual(revoked.returncode, 0, revoked)
        told = skein("audit", "list", "--server", n1.url, "-o", "jsonl")
        records = [json.loads(line) for line in told.stdout.splitlines()]
        self.assertEqual({each["what"] for each in records}, {"token.create", "event.cancel", "token.revoke"}, records)


if __name__ == "__main__":
    os.umask(0o022)
    support.main()
