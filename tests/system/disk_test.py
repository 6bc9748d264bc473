"""What a node does when its disk is full, fails or hangs, and when another program holds the journal's file."""
import os
import re
import resource
import sqlite3
import sys
import time

import support
from support import event, patience, until

BAD_DISK = os.environ["SKEIN_BAD_DISK_LIBRARY"]


class Disk(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.orders = os.path.join(self.folder, "orders")
        os.mkdir(self.orders)

    def started(self):
        return self.node(environment={"LD_PRELOAD": BAD_DISK, "SKEIN_BAD_DISK": self.orders})

    def order(self, what):
        with open(os.path.join(self.orders, what), "wb"):
            pass

    def call_off(self, what):
        os.remove(os.path.join(self.orders, what))

    def metric(self, client, name):
        found = re.search(rf"^{name} (\S+)$", client.get("/metrics").body.decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def assert_problem(self, answer, status, code):
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer)

    def test_a_full_disk_refuses_events_and_the_node_serves_again_when_there_is_space(self):
        self.refuses_until_there_is_space("full")

    def test_a_quota_that_is_used_up_is_a_full_disk(self):
        self.refuses_until_there_is_space("quota")

    def test_a_limit_of_the_files_size_is_a_full_disk(self):
        node = self.node()
        client = support.Client(node)
        client.ended(client.accept(event("before", "k")))
        before = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (8192, before[1]))
        refused = client.publish(event("large", "k", data="x" * 100_000))
        self.assert_problem(refused, 503, "disk-full")
        until(lambda: "File too large" in node.log(), 30, "the reason in the log")  # written by another thread
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, before)
        until(lambda: client.publish(event("after", "k")).status == 202, 30, "an event to be taken again")
        client.idle()
        self.assertEqual(client.ledger()["done"], 2)

    def refuses_until_there_is_space(self, order):
        node = self.started()
        client = support.Client(node)
        client.ended(client.accept(event("before", "k")))
        self.order(order)
        for each in range(3):
            refused = client.publish(event(f"full-{each}", "k"))
            self.assert_problem(refused, 503, "disk-full")
            self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        self.assertTrue(node.running())
        self.assertEqual(client.ledger()["accepted"], 1, "what was refused is not there")
        until(lambda: self.metric(client, "skein_journal_refused_commits_total") >= 3, 10, "the metric")
        self.assertEqual(client.get("/readyz").status, 503, "whoever balances load sends its events elsewhere")
        self.call_off(order)
        until(lambda: client.publish(event("after", "k")).status == 202, 30, "an event to be taken again")
        until(lambda: client.get("/readyz").status == 200, 10, "ready again")
        client.idle()
        self.assertEqual(client.ledger()["done"], 2)
        node.terminate()
        self.assertEqual(node.wait(20), 0)

    def test_after_a_failed_sync_the_outcome_is_unknown_and_the_process_ends_with_74(self):
        node = self.started()
        client = support.Client(node)
        client.ended(client.accept(event("before", "k")))
        self.order("broken")
        answer = client.publish(event("in doubt", "k"))
        answered = time.monotonic()
        self.assert_problem(answer, 500, "unknown")
        self.assertEqual(node.wait(5), 74)
        self.assertLess(time.monotonic() - answered, patience(1.0))
        self.call_off("broken")
        node.start()
        client = support.Client(node)
        client.accept(event("in doubt", "k"))  # whether it was there or not
        client.idle()
        self.assertEqual(client.ledger()["accepted"], 2)

    def test_a_disk_that_hangs_at_the_end_cannot_hold_the_process(self):
        node = self.started()
        client = support.Client(node)
        number = client.accept(event("before", "k"))
        client.ended(number)
        client.close()
        self.order("hung")
        node.terminate()
        self.assertEqual(node.wait(20), 75)
        self.call_off("hung")
        node.start()
        self.assertEqual(support.Client(node).look_up(number)["state"], "done")

    def test_an_end_whose_last_words_do_not_reach_the_disk_is_told_from_one_without_room_for_them(self):
        for order, status in (("broken", 74), ("full", 0)):
            with self.subTest(order):
                node = self.started()
                client = support.Client(node)
                number = client.accept(event("before", "k"))
                client.ended(number)
                client.close()
                self.order(order)
                node.terminate()
                self.assertEqual(node.wait(20), status)
                self.call_off(order)
                node.start()
                self.assertEqual(support.Client(node).look_up(number)["state"], "done")
                node.kill()

    def test_a_program_that_holds_the_journals_file_makes_events_wait_outside(self):
        node = self.started()
        client = support.Client(node)
        client.ended(client.accept(event("before", "k")))
        other = sqlite3.connect(os.path.join(node.data, "journal.db"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.assert_problem(client.publish(event("held", "k")), 503, "store-locked")
        self.assertTrue(node.running())
        other.execute("ROLLBACK")
        other.close()
        client.ended(client.accept(event("held", "k")))
        self.assertEqual(client.ledger()["accepted"], 2)


if __name__ == "__main__":
    if os.environ.get("SKEIN_SANITIZED"):
        print("SKIPPED: nothing can be loaded before the sanitizer")
        sys.exit(77)
    support.main()
