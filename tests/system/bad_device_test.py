"""A disk that really fails: the node's folder lies on an ext4 whose block device answers with errors to order, that
turns read-only, or from which somebody removes what the node has open.
"""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import support
from support import Client, event, patience, until
import loop_disk  # (support has put its folder on the path)

CONFIG = """
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
[limits]
disk_free_min = "4MiB"
disk_ballast = "1MiB"
"""


class FaultyDevice:
    """A file, seen through a server that answers reads or writes with EIO while there is an order to."""

    def __init__(self, folder, image):
        self.folder = folder
        self.socket = os.path.join(folder, "nbd")
        self.orders = {kind: os.path.join(folder, f"fail-{kind}") for kind in ("pwrite", "pread")}
        arguments = []
        for kind, order in self.orders.items():
            arguments += [f"error-{kind}-file={order}", f"error-{kind}-rate=100%"]
        self.server = subprocess.Popen(["nbdkit", "-f", "-U", self.socket, "--filter=error", "file", image,
                                        "error=EIO", *arguments])
        until(lambda: os.path.exists(self.socket), 10, "the server of the device")
        seen = os.path.join(folder, "device")
        os.mkdir(seen)
        self.file = os.path.join(seen, "disk")
        self.window = subprocess.Popen(["nbdfuse", self.file, "--unix", self.socket])
        until(lambda: os.path.exists(self.file), 10, "the device")

    def fail(self, kind):
        with open(self.orders[kind], "wb"):
            pass

    def cure(self):
        for order in self.orders.values():
            if os.path.exists(order):
                os.remove(order)

    def close(self):
        subprocess.run(["umount", "-l", os.path.dirname(self.file)], capture_output=True)
        for each in (self.window, self.server):
            each.terminate()
            each.wait(10)


class Load(threading.Thread):
    """Publishes without a pause; what was acknowledged, and how the first answer that was no 202 read."""

    def __init__(self, node, name):
        super().__init__()
        self.node, self.name_of_events = node, name
        self.acknowledged = {}
        self.other = None
        self.ended_at = None
        self.is_over = False
        self.start()

    def run(self):
        client = Client(self.node)
        number = 0
        while not self.is_over:
            number += 1
            id = f"{self.name_of_events}-{number}"
            try:
                answer = client.publish(event(id, f"k{number % 5}"))
            except (OSError, ValueError):
                break
            if answer.status != 202:
                self.other = answer
                break
            self.acknowledged[id] = answer.json()["accepted"][0]["event"]
        self.ended_at = time.monotonic()
        client.close()


class BadDevice(support.SystemTest):
    def setUp(self):
        super().setUp()
        images = loop_disk.memory_folder(os.path.join(self.folder, "disks"), 256)
        self.image = loop_disk.make_image(os.path.join(images, "disk"), 64)
        self.mounted_at = os.path.join(self.folder, "mount")
        self.loads = []

    def started(self):
        node = self.unstarted(CONFIG)
        node.data = os.path.join(self.mounted_at, "data")
        node.start()
        return node

    def begin_load(self, node):
        self.loads = [Load(node, f"p{number}") for number in range(3)]
        until(lambda: all(len(each.acknowledged) > 10 for each in self.loads), 20, "acknowledgements")

    def end_load(self, node):
        """Everything that was accepted is done."""
        for each in self.loads:
            each.is_over = True
            each.join(patience(30))
        client = self.client(node)
        client.idle()
        client.close()

    def end_of_node(self, node, code, within=1.0):
        """After the first answer "unknown"; what the node said of its end."""
        for each in self.loads:
            each.join(patience(30))
        self.assertEqual(node.wait(10), 74)
        ended = time.monotonic()
        others = [each for each in self.loads if each.other is not None]
        self.assertGreater(len(others), 0, "nobody was told")
        for each in others:
            self.assert_problem(each.other, 500, "unknown")
        took = ended - min(each.ended_at for each in others)
        self.assertLess(took, patience(within), "seconds from the answer to the end")
        said = [line for line in node.log().splitlines() if "store-failed" in line]
        self.assertEqual(len(said), 1, node.log())
        self.assertIn(code, said[0])
        support.say(f"{said[0][:300]}")
        return said[0]

    def check_all(self, node):
        """Every acknowledged event is there and has ended; the node takes new ones."""
        client = self.client(node)
        client.ended(client.accept(event("after", "k")))
        client.idle()
        count = 0
        for each in self.loads:
            for id, number in each.acknowledged.items():
                found = client.look_up(number)
                self.assertEqual((found["id"], found["state"]), (id, "done"))
                count += 1
        support.say(f"{count} acknowledged events, all there")

    def on_faulty_device(self):
        device = FaultyDevice(self.folder, self.image)
        self.addCleanup(device.close)
        disk = loop_disk.Disk(device.file, self.mounted_at)
        return device, disk

    def cure(self, device, disk):
        disk.unmount()
        device.cure()
        disk.mount()

    def test_a_device_that_fails_writes_ends_the_process_with_74_and_loses_nothing(self):
        device, disk = self.on_faulty_device()
        node = self.started()
        self.begin_load(node)
        device.fail("pwrite")
        said = self.end_of_node(node, "unknown")
        self.assertRegex(said, "Input/output error|Read-only file system")
        self.cure(device, disk)
        node.start()
        self.check_all(node)

    def test_a_start_on_a_device_that_fails_is_refused_by_name(self):
        device, disk = self.on_faulty_device()
        node = self.started()
        client = self.client(node)
        client.accept(event("before", "k"))
        client.close()
        node.kill()
        device.fail("pwrite")
        refused = support.skein("dev", "--config", node.config, "--data", node.data, "--port", "0")
        self.assertNotEqual(refused.returncode, 0)
        self.assertRegex(refused.stderr, "io-error|store-read-only")
        support.say(refused.stderr.strip().splitlines()[-3:])
        self.cure(device, disk)
        node.start()
        self.assertEqual(self.client(node).idle()["ledger"]["done"], 1)

    def test_a_device_that_fails_reads_is_told_and_loses_nothing(self):
        device, disk = self.on_faulty_device()
        node = self.started()
        self.begin_load(node)
        node.terminate()
        for each in self.loads:
            each.join(patience(30))
        node.wait(20)
        self.cure(device, disk)  # an empty page cache
        device.fail("pread")
        refused = support.skein("dev", "--config", node.config, "--data", node.data, "--port", "0")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("io-error", refused.stderr)
        self.assertIn("Input/output error", refused.stderr)
        self.cure(device, disk)
        node.start()
        self.check_all(node)

    def test_a_file_system_that_turns_read_only_ends_the_process_with_74(self):
        disk = loop_disk.Disk(self.image, self.mounted_at)
        node = self.started()
        self.begin_load(node)
        self.end_load(node)
        # As ext4 does by itself after an error of the device. Not while something is written: of a sync that is under
        # way the kernel may say that it has been done (OPERATING.md).
        disk.remount("abort")
        before, self.loads = self.loads, [Load(node, f"after{number}") for number in range(3)]
        self.end_of_node(node, "unknown")
        self.loads += before
        refused = support.skein("dev", "--config", node.config, "--data", node.data, "--port", "0")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("store-read-only", refused.stderr)
        disk.unmount()
        disk.mount()
        node.start()
        self.check_all(node)

    def test_a_read_only_file_system_is_named_at_the_start(self):
        disk = loop_disk.Disk(self.image, self.mounted_at)
        node = self.started()
        client = self.client(node)
        client.ended(client.accept(event("before", "k")))
        client.close()
        node.terminate()
        self.assertEqual(node.wait(20), 0)
        disk.remount("ro")
        refused = support.skein("dev", "--config", node.config, "--data", node.data, "--port", "0")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("store-read-only", refused.stderr)
        disk.remount("rw")
        node.start()
        self.assertEqual(self.client(node).ledger()["done"], 1)

    def test_files_that_are_removed_under_load_end_the_process_before_it_acknowledges_more(self):
        loop_disk.Disk(self.image, self.mounted_at)
        for name in ("journal.db", "journal.db-wal", "journal.db-shm", "high-water", "lock", "."):
            with self.subTest(name):
                node = self.started()
                saved = os.path.join(self.mounted_at, "moved")
                self.begin_load(node)
                path = os.path.normpath(os.path.join(node.data, name))
                os.rename(path, saved)
                moved = time.monotonic()
                said = self.end_of_node(node, "store-gone")
                self.assertIn(path, said)
                self.assertLess(time.monotonic() - moved, patience(3))
                if name == "lock":
                    os.remove(saved)
                else:
                    os.rename(saved, path)
                node.start()
                self.check_all(node)
                node.kill()
                shutil.rmtree(node.data)

    def test_a_removed_file_is_noticed_without_a_commit(self):
        loop_disk.Disk(self.image, self.mounted_at)
        node = self.started()
        client = self.client(node)
        client.ended(client.accept(event("before", "k")))
        client.close()
        os.remove(os.path.join(node.data, "journal.db"))
        began = time.monotonic()
        self.assertEqual(node.wait(10), 74)
        self.assertLess(time.monotonic() - began, patience(3))
        self.assertIn("store-gone", node.log())
        refused = support.skein("dev", "--config", node.config, "--data", node.data, "--port", "0")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("store-corrupt", refused.stderr)

    def test_a_second_process_does_not_get_the_folder_when_the_lock_file_is_removed(self):
        loop_disk.Disk(self.image, self.mounted_at)
        node = self.started()
        node.signal(signal.SIGSTOP)
        os.remove(os.path.join(node.data, "lock"))
        refused = support.skein("dev", "--config", node.config, "--data", node.data, "--port", "0")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("store-locked", refused.stderr)
        node.signal(signal.SIGCONT)
        self.assertEqual(node.wait(10), 74)
        self.assertIn("store-gone", node.log())


if __name__ == "__main__":
    loop_disk.in_a_world_of_its_own("nbdkit", "nbdfuse")
    support.main()
