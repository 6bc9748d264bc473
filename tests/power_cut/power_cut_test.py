"""The power goes out at any moment: what was acknowledged is on the disk afterwards, and ends once.

    power_cut_test.py [IMAGES] [SEED]

The node's folder lies on an ext4 of its own that writes nothing by itself (commit=600), in a file. Publishers outside
of it note each acknowledgement. The node is killed, its disk's file copied as it then is: what was only in memory is
not in the copy. The copy is mounted, which makes ext4 recover, and the node starts on it; so on, image after image,
with a new disk after CHAIN of them. What is not modelled: a disk with a cache of its own that lies about flushes.

With SKEIN_EXPECT_LOSS=1 the program under test does not sync, and acknowledged events must be missing; else this test
could not fail.
"""
import collections
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import support  # noqa: E402
from support import HERE, Client, say, until  # noqa: E402
import loop_disk  # noqa: E402  (support has put its folder on the path)

CHAIN = 20
PUBLISHERS = 2
KEYS = 24
IMAGE_MIB = 512
expect_loss = os.environ.get("SKEIN_EXPECT_LOSS") == "1"
images = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 20
seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")

CONFIG = """
[[node]]
name = "n1"
loops = 2
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
[limits]
disk_free_min = "16MiB"
disk_ballast = "1MiB"
"""


class Publishers:
    """Programs that publish, and what they have noted since they were started."""

    def __init__(self, folder, name):
        self.folder = folder
        self.port_file = os.path.join(folder, f"port-{name}")
        self.records = [os.path.join(folder, f"record-{name}-{number}.txt") for number in range(PUBLISHERS)]
        self.offsets = [0] * PUBLISHERS
        self.processes = []
        self.name = name
        self.acknowledged = {}

    def serve(self, node):
        with open(self.port_file + ".new", "w", encoding="ascii") as file:
            file.write(str(node.port))
        os.replace(self.port_file + ".new", self.port_file)
        if not self.processes:
            self.processes = [
                subprocess.Popen([sys.executable, os.path.join(HERE, "publisher.py"), self.port_file, record,
                                  f"{self.name}-p{number}", str(seed), str(KEYS)], stdin=subprocess.PIPE)
                for number, record in enumerate(self.records)]

    def noted(self):
        return sum(os.path.getsize(each) for each in self.records if os.path.exists(each))

    def read(self):
        """All acknowledgements so far: id -> event."""
        for number, record in enumerate(self.records):
            if not os.path.exists(record):  # its publisher has only just been started
                continue
            with open(record, encoding="utf-8") as file:
                file.seek(self.offsets[number])
                for line in iter(file.readline, ""):
                    if not line.endswith("\n"):
                        break
                    self.offsets[number] += len(line)
                    words = line.split()
                    assert words[0] in ("submit", "ack"), f"a publisher was refused: {line}"
                    if words[0] == "ack":
                        before = self.acknowledged.setdefault(words[1], words[2])
                        assert before == words[2], f"two events for the identity {words[1]}: {before}, {words[2]}"
        return self.acknowledged

    def kill(self):
        for each in self.processes:
            each.kill()
            each.wait()
            each.stdin.close()


class PowerCut(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(seed)
        self.disks = loop_disk.memory_folder(os.path.join(self.folder, "disks"), 4096)
        self.empty = loop_disk.make_image(os.path.join(self.disks, "empty"), IMAGE_MIB)
        self.made = 0
        self.lost = 0         # acknowledged events that are not there
        self.bad_images = 0   # with at least one of them
        self.refused = 0      # images whose store a start refused, as its end is missing
        self.total = 0        # acknowledged events in all

    def next_disk(self, image):
        """A copy of the image, mounted."""
        self.made += 1
        copy = os.path.join(self.disks, f"disk-{self.made}")
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        return loop_disk.Disk(copy, os.path.join(self.folder, f"mount-{self.made}"))

    def drop(self, disk):
        disk.unmount()
        os.remove(disk.image)
        os.rmdir(disk.folder)

    def test_what_was_acknowledged_is_there_after_a_power_cut(self):
        began = time.monotonic()
        left = images
        while left > 0:
            left -= self.chain(min(left, CHAIN))
        took = time.monotonic() - began
        say(f"seed {seed}: {images} images, {took / images:.2f} s each; {self.total} events acknowledged, {self.lost} "
            f"lost in {self.bad_images} images, {self.refused} images refused")
        if expect_loss:
            self.assertGreater(self.lost, 0, "the control lost nothing: this test proves nothing")
        else:
            self.assertEqual((self.lost, self.refused), (0, 0), "LOST")

    def chain(self, most):
        """One store through several power cuts; how many."""
        disk = self.next_disk(self.empty)
        node = self.unstarted(CONFIG)
        node.data = os.path.join(disk.folder, "data")
        publishers = Publishers(self.folder, f"c{self.made}")
        cuts = 0
        try:
            node.start()
            while True:
                publishers.serve(node)
                self.work(publishers)
                node.kill()
                cut = self.next_disk(disk.image)
                self.drop(disk)
                disk = cut
                node.data = os.path.join(disk.folder, "data")
                cuts += 1
                if not self.start(node, publishers) or not self.check(node, publishers.read()) or cuts == most:
                    break
        finally:
            node.__exit__()
            publishers.kill()
            self.total += len(publishers.acknowledged)
        self.drop(disk)
        return cuts

    def work(self, publishers):
        before = publishers.noted()
        until(lambda: publishers.noted() > before, 30, "an acknowledgement")
        time.sleep(self.random.uniform(0.0, 0.120))  # the moment of the cut

    def start(self, node, publishers):
        try:
            node.start()
            return True
        except AssertionError as problem:
            self.refused += 1
            if not expect_loss:
                raise
            self.assertIn("store-corrupt", str(problem))
            lost = max(len(publishers.read()) - self.rows(node.data), 0)
            self.lost += lost
            self.bad_images += lost > 0
            node.wait(10)
            return False

    def rows(self, folder):
        """Events in a store that a start refused."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.db?mode=ro", uri=True)) as db:
                return db.execute("SELECT count(*) FROM event").fetchone()[0]
        except sqlite3.Error:  # not even a table
            return 0

    def check(self, node, acknowledged):
        """Whether all of it is there; and what is there has ended once."""
        client = Client(node)
        status = client.idle()
        found = list(client.events())
        client.close()
        stored = collections.Counter(each["id"] for each in found)
        lost = [each for each in acknowledged if each not in stored]
        self.lost += len(lost)
        self.bad_images += bool(lost)
        if lost and not expect_loss:
            self.fail(f"LOST: {len(lost)} of {len(acknowledged)} acknowledged events, such as {lost[:5]} (seed {seed})")
        by_id = {each["id"]: each for each in found}
        if not lost:
            wrong = [id for id, number in acknowledged.items() if by_id[id]["event"] != number]
            self.assertEqual(wrong, [], "events with another number than was acknowledged")
        self.assertEqual([each for each, count in stored.items() if count > 1], [], "an identity twice")
        self.assertEqual({each["state"] for each in found} - {"done"}, set())
        self.assertEqual(status["ledger"]["done"], len(found))
        self.assertEqual(status["ledger"]["accepted"], len(found))
        return not lost


if __name__ == "__main__":
    loop_disk.in_a_world_of_its_own("cp")
    sys.argv = sys.argv[:1]
    support.main()
