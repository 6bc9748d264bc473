"""Every single call to the disk fails once, in a small life of a node: from the making of the store to its end.

    nth_call_test.py [STEP]

The Nth write, sync, truncation or read of the process fails, for each N until there is none (every STEPth, 7 if not
said). Whatever happens then has a name and an exit status of its own, and a start without the fault finds all that was
acknowledged.
"""
import errno
import os
import re
import shutil
import sys

import support
from support import Client, event

BAD_DISK = os.environ["SKEIN_BAD_DISK_LIBRARY"]
step = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 7
STORE_FAILED = 74
NAMES = "io-error|store-read-only|store-corrupt|disk-full|unknown"


class NthCall(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.orders = os.path.join(self.folder, "orders")
        os.mkdir(self.orders)
        self.acknowledged = {}
        self.ends = {}

    def life(self, node):
        """One life of a node, as far as it gets; its exit status."""
        try:
            node.start()
        except AssertionError as problem:
            self.assertRegex(str(problem), NAMES)
            return node.wait(10)
        client = Client(node)
        try:
            for offered in (event("a", "k"), event("b", "k"), [event("c", "k"), event("d", "l")], event("e", "k")):
                answer = client.publish(offered)
                if answer.status == 202:
                    for each in answer.json()["accepted"]:
                        self.acknowledged[each["id"]] = each["event"]
                else:
                    self.assertIn(answer.json()["code"], ("unknown", "disk-full", "draining"), answer)
            if answer.status == 202:
                client.idle(within=20)
        except OSError:  # it is gone
            return node.wait(10)
        finally:
            client.close()
        if node.running():
            node.terminate()
        return node.wait(20)

    def fails_at(self, kind, number, code):
        """Whether there was such a call."""
        with open(os.path.join(self.orders, "nth"), "w", encoding="ascii") as file:
            file.write(f"{kind} {number} {code}\n")
        node = self.unstarted(environment={"LD_PRELOAD": BAD_DISK, "SKEIN_BAD_DISK": self.orders})
        self.acknowledged = {}
        status = self.life(node)
        os.remove(os.path.join(self.orders, "nth"))
        what = f"{kind} {number} failed with {errno.errorcode[code]}, exit status {status}\n{node.log()}"
        legal = (0, 1) if code == errno.ENOSPC else (0, 1, STORE_FAILED)
        self.assertIn(status, legal, what)
        hit = os.path.join(self.orders, "hit")
        there = os.path.exists(hit)
        if there:
            os.remove(hit)
            self.ends[status] = self.ends.get(status, 0) + 1
            self.assertFalse(re.search("broken invariant", node.log()), what)
        node.start()
        client = Client(node)
        client.idle()
        for id, event_number in self.acknowledged.items():
            self.assertEqual(client.look_up(event_number)["id"], id, what)
        client.ended(client.accept(event("after", "k")))
        client.close()
        node.kill()
        shutil.rmtree(node.folder)
        return there

    def each(self, kind, code):
        number = 1
        while self.fails_at(kind, number, code):
            number += step
        support.say(f"{kind}, {errno.errorcode[code]}: up to the call {number - step}; ends {self.ends}")
        self.assertGreater(number, 1, "no such call")

    def test_each_write_that_fails(self):
        self.each("write", errno.EIO)

    def test_each_write_that_finds_no_room(self):
        self.each("write", errno.ENOSPC)

    def test_each_sync_that_fails(self):
        self.each("sync", errno.EIO)

    def test_each_truncation_that_fails(self):
        self.each("truncate", errno.EIO)

    def test_each_read_that_fails(self):
        self.each("read", errno.EIO)


if __name__ == "__main__":
    if os.environ.get("SKEIN_SANITIZED"):
        print("SKIPPED: nothing can be loaded before the sanitizer")
        sys.exit(77)
    support.main()
