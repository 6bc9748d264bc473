"""A disk that really has no room: the node's folder lies on a small ext4 of its own."""
import json
import os

import support
from support import Client, event, until
import loop_disk  # (support has put its folder on the path)

MIB = 1 << 20
REPLY_BYTES = 100_000
TURNS = 24
WAITS = f"""while [ ! -e "$RELEASE" ]; do sleep 0.05; done; head -c {REPLY_BYTES} /dev/zero | tr '\\\\0' x"""


class FullDisk(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.release = os.path.join(self.folder, "release")
        images = loop_disk.memory_folder(os.path.join(self.folder, "disks"), 256)
        image = loop_disk.make_image(os.path.join(images, "disk"), 64)
        self.disk = loop_disk.Disk(image, os.path.join(self.folder, "mount"))

    def config(self, limits='disk_free_min = "16MiB"\ndisk_ballast = "8MiB"'):
        return f"""
[agent.echo]
kind = "echo"
[agent.slow]
kind = "exec"
mode = "oneshot"
command = ["sh", "-c", {json.dumps(WAITS)}]
environment = {{ RELEASE = "{self.release}" }}
concurrency = {TURNS}
[[route]]
type = "test.event"
agent = "echo"
[[route]]
type = "test.slow"
agent = "slow"
[limits]
{limits}
"""

    def started(self, **how):
        node = self.unstarted(self.config(**how))
        node.data = os.path.join(self.disk.folder, "data")
        node.start()
        return node

    def begin_turns(self, client):
        """Turns that wait for the file `release`; the numbers of their events."""
        numbers = [client.accept(event(f"slow-{each}", f"k{each}", "test.slow")) for each in range(TURNS)]
        until(lambda: client.status()["agents"][1]["running"] == TURNS, 20, "the turns to run")
        return numbers

    def let_turns_end(self):
        with open(self.release, "wb"):
            pass

    def metric(self, client, name):
        for line in client.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None

    def wait_until_low(self, client):
        until(lambda: client.get("/readyz").status == 503, 10, "the free space to be seen")
        self.assert_problem(client.get("/readyz"), 503, "disk-low")

    def test_below_the_mark_new_events_are_refused_and_what_runs_ends(self):
        node = self.started()
        client = self.client(node)
        client.ended(client.accept(event("before", "k")))
        numbers = self.begin_turns(client)
        self.assertEqual(self.metric(client, "skein_disk_ballast_bytes"), 8 * MIB)
        self.disk.fill(leave=12 * MIB)
        self.wait_until_low(client)
        for offered in (event("new", "k"), event("before", "k"), [event("a"), event("b")]):
            refused = client.publish(offered)
            self.assert_problem(refused, 503, "disk-low")
            self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        status = client.status()
        self.assertEqual((status["ready"], status["not_ready_because"], status["disk"]["low"]), (False, "disk-low", True))
        self.assertEqual(self.metric(client, "skein_disk_low"), 1)
        self.let_turns_end()
        for number in numbers:
            self.assertEqual(client.ended(number)["state"], "done")
        self.disk.free_up()
        until(lambda: client.publish(event("new", "k")).status == 202, 10, "an event to be taken again")
        self.assertEqual(client.idle()["ledger"]["done"], TURNS + 2)
        self.assertEqual(client.get("/readyz").status, 200)
        log = node.log()
        self.assertEqual((log.count("disk-low"), log.count("disk-recovered")), (1, 1), log)
        self.assertNotIn("ballast-released", log)

    def test_a_full_disk_takes_its_ballast_and_what_runs_ends(self):
        node = self.started()
        client = self.client(node)
        numbers = self.begin_turns(client)
        self.disk.fill()
        self.let_turns_end()
        for number in numbers:
            self.assertEqual(client.ended(number)["state"], "done")
        self.assertFalse(os.path.exists(os.path.join(node.data, "ballast")))
        self.assertEqual(node.log().count("ballast-released"), 1, node.log())
        self.assert_problem(client.publish(event("new", "k")), 503, "disk-low")
        self.disk.free_up()
        until(lambda: client.publish(event("new", "k")).status == 202, 30, "an event to be taken again")
        until(lambda: self.metric(client, "skein_disk_ballast_bytes") == 8 * MIB, 10, "new ballast")
        self.assertEqual(client.idle()["ledger"]["done"], TURNS + 1)
        for number in numbers:
            self.assertEqual(len(client.look_up(number)["reply"]), REPLY_BYTES)

    def test_without_ballast_nothing_is_lost_either(self):
        node = self.started(limits='disk_free_min = "1MiB"\ndisk_ballast = "0"')
        client = self.client(node)
        numbers = self.begin_turns(client)
        self.disk.fill()
        self.let_turns_end()
        until(lambda: client.get("/readyz").status == 503, 10, "a refusal")
        self.assertIn(client.publish(event("new", "k")).json()["code"], ("disk-low", "disk-full"))
        self.assertTrue(node.running())
        self.disk.free_up()
        for number in numbers:
            self.assertEqual(client.ended(number, within=60)["state"], "done")
        until(lambda: client.publish(event("new", "k")).status == 202, 30, "an event to be taken again")
        self.assertEqual(client.idle()["ledger"]["done"], TURNS + 1)

    def test_a_node_starts_on_a_full_disk_and_finishes_what_it_has(self):
        node = self.started()
        client = self.client(node)
        numbers = self.begin_turns(client)
        node.kill()
        client.close()
        self.disk.fill()
        self.let_turns_end()
        node.start()
        client = self.client(node)
        for number in numbers:
            self.assertEqual(client.ended(number)["state"], "done")
        self.assert_problem(client.publish(event("new", "k")), 503, "disk-low")
        self.disk.free_up()
        until(lambda: client.publish(event("new", "k")).status == 202, 30, "an event to be taken again")
        self.assertEqual(client.idle()["ledger"]["done"], TURNS + 1)

    def test_a_store_is_not_made_on_a_full_disk(self):
        self.disk.fill()
        folder = os.path.join(self.disk.folder, "data")
        refused = support.skein("dev", "--data", folder, "--port", "0")
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("disk-full", refused.stderr)
        self.disk.free_up()
        node = self.started()
        client = self.client(node)
        client.ended(client.accept(event("a", "k")))

    def test_an_end_on_a_full_disk_loses_nothing(self):
        node = self.started(limits='disk_ballast = "0"')
        client = self.client(node)
        numbers = [client.accept(event(f"e-{each}", "k")) for each in range(50)]
        client.idle()
        client.close()
        self.disk.fill()
        node.terminate()
        self.assertEqual(node.wait(20), 0)
        self.disk.free_up()
        node.start()
        client = self.client(node)
        for number in numbers:
            self.assertEqual(client.look_up(number)["state"], "done")

    def test_a_disk_that_fills_up_under_load_loses_nothing_acknowledged(self):
        node = self.started(limits='disk_free_min = "0"\ndisk_ballast = "0"')
        client = Client(node)
        acknowledged = []
        refusals = 0
        body = "x" * 200_000
        for number in range(4000):  # to the end of the disk, log and file
            answer = client.publish(event(f"e-{number}", f"k{number % 7}", data=body))
            if answer.status == 202:
                acknowledged.append(answer.json()["accepted"][0]["event"])
                continue
            self.assert_problem(answer, 503, "disk-full")
            refusals += 1
            if refusals == 20:
                break
        self.assertEqual(refusals, 20)
        self.assertGreater(len(acknowledged), 50)
        support.say(f"{len(acknowledged)} events of 200 kB until the disk was full")
        node.kill()
        client.close()
        self.start_on_a_full_disk(node)
        self.disk.grow(192)
        node.start()
        client = self.client(node)
        client.idle()
        for number in acknowledged:
            self.assertEqual(client.look_up(number)["state"], "done")

    def start_on_a_full_disk(self, node):
        """It may be refused: what is in the log may need room to be moved."""
        try:
            node.start()
            support.say("it starts on the full disk")
        except AssertionError as problem:
            self.assertIn("disk-full", str(problem))
            support.say("it is refused on the full disk")
            node.wait(10)
        else:
            node.kill()


if __name__ == "__main__":
    loop_disk.in_a_world_of_its_own("resize2fs", "e2fsck")
    support.main()
