"""The disk gets full in the middle of a backup or an export: it is told, what is there by half goes, and the node
whose store it was goes on.
"""
import json
import os
import threading

import support
from support import Client, event, until
import loop_disk  # (support has put its folder on the path)

MIB = 1 << 20
STORE_MIB = 24  # more than the target has room for
CONFIG = """
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
[limits]
disk_free_min = "2MiB"
disk_ballast = "4MiB"
"""


class FullTarget(support.SystemTest):
    def setUp(self):
        super().setUp()
        images = loop_disk.memory_folder(os.path.join(self.folder, "disks"), 256)
        image = loop_disk.make_image(os.path.join(images, "disk"), 96)
        self.disk = loop_disk.Disk(image, os.path.join(self.folder, "mount"))

    def filled(self, data=None):
        """A node that runs, with so much in its store, and a client of it."""
        node = self.unstarted(CONFIG)
        node.data = data or node.data
        node.start()
        client = self.client(node)
        for number in range(STORE_MIB):
            client.accept([event(f"e{number}-{part}", "k", data="x" * (MIB // 4)) for part in range(4)])
        client.idle()
        return node, client

    def commands(self, node):
        """What writes a file with all of the store, and that file on the disk."""
        backup = os.path.join(self.disk.folder, "b.skein-backup")
        export = os.path.join(self.disk.folder, "e.jsonl")
        return ((["backup", "create", "--data", node.data, "--out", backup], backup),
                (["journal", "export", "--data", node.data, "--out", export], export))

    def assert_refused(self, command, file):
        before = sorted(os.listdir(self.disk.folder))
        ended = support.skein(*command, "-o", "json")
        self.assertEqual(ended.returncode, 75, ended)
        self.assertEqual(ended.stdout, "")
        problem = json.loads(ended.stderr.splitlines()[-1])
        self.assertEqual((problem["code"], problem["exit"]), ("disk-full", 75), problem)
        self.assertIn(file, problem["why"])
        self.assertIn("free some space", problem["try"])
        self.assertEqual(sorted(os.listdir(self.disk.folder)), before, "nothing is left of it")

    def assert_unharmed(self, node, client):
        client.ended(client.accept(event(f"after-{client.ledger()['accepted']}", "k")))
        verified = support.skein("journal", "verify", "--data", node.data)
        self.assertEqual(verified.returncode, 0, verified)

    def test_a_full_target_is_told_and_nothing_is_left_of_the_half(self):
        node, client = self.filled()
        for command, file in self.commands(node):
            self.disk.fill(leave=8 * MIB)
            self.assert_refused(command, file)
            self.assert_unharmed(node, client)
            self.disk.free_up()
            made = support.skein(*command)
            self.assertEqual(made.returncode, 0, made)
            self.assertGreater(os.path.getsize(file), STORE_MIB * MIB)
            os.remove(file)

    def test_a_disk_that_the_copy_fills_up_serves_the_node_again_at_once(self):
        node, client = self.filled(os.path.join(self.disk.folder, "data"))
        acknowledged, problems, ending = [], [], threading.Event()

        def publish():
            own = Client(node)
            while not ending.is_set():
                answer = own.publish(event(f"meanwhile-{len(acknowledged)}", "k2"))
                if answer.status == 202:
                    acknowledged.append(answer.json()["accepted"][0]["event"])
                elif answer.status != 503:
                    problems.append(answer)
            own.close()

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            for command, file in self.commands(node):
                self.disk.fill(leave=12 * MIB)
                ended = support.skein(*command)
                self.assertEqual(ended.returncode, 75, ended)
                self.assertFalse(os.path.exists(file) or os.path.exists(file + ".unfinished"))
                self.disk.free_up()
        finally:
            ending.set()
            publisher.join(30)
        self.assertEqual(problems, [])
        until(lambda: client.publish(event("after", "k")).status == 202, 30, "an event to be taken again")
        client.idle()
        support.say(f"{len(acknowledged)} events were taken meanwhile")
        self.assertGreater(len(acknowledged), 0)
        for number in acknowledged[:: max(1, len(acknowledged) // 50)]:
            self.assertEqual(client.look_up(number)["state"], "done")
        self.assert_unharmed(node, client)


if __name__ == "__main__":
    loop_disk.in_a_world_of_its_own()
    support.main()
