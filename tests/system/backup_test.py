"""Backups, exports and repairs with the built program: beside a node under load, killed in the middle, and with
what cannot be done.
"""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time

from support import BINARY, Client, SystemTest, check_balance, event, main, say, skein

PAGE = 8192


class Publisher(threading.Thread):
    """Publishes until it is told to stop; remembers what was acknowledged."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.client = Client(node)
        self.ending = threading.Event()
        self.acknowledged = []
        self.problem = None

    def run(self):
        try:
            number = 0
            while not self.ending.is_set():
                batch = [event(f"e{number + i}", key=f"k{i % 20}", data={"n": number + i}) for i in range(20)]
                number += len(batch)
                self.acknowledged.extend(self.client.accept(batch))
        except Exception as problem:  # told by the test's own thread
            self.problem = problem

    def end(self):
        self.ending.set()
        self.join(30)
        self.client.close()
        if self.problem:
            raise self.problem


class Backup(SystemTest):
    def path(self, name):
        return os.path.join(self.folder, name)

    def done(self, *arguments, status=0):
        ended = skein(*arguments)
        self.assertEqual(ended.returncode, status, f"{arguments}: {ended.stdout[-500:]} {ended.stderr[-1500:]}")
        return ended

    def filled(self, events=300):
        """A closed store with so many events."""
        node = self.node()
        client = self.client(node)
        for first in range(0, events, 100):
            client.accept([event(f"e{first + i}", key=f"k{i % 7}", data="x" * 300) for i in range(100)])
        client.idle()
        client.close()
        node.terminate()
        node.wait(30)
        return node.data

    def start_on(self, data):
        made = self.unstarted()
        made.data = data
        made.start()
        return made

    def damage(self, data, pages):
        with open(os.path.join(data, "journal.db"), "r+b") as file:
            for page in pages:
                file.seek(page * PAGE)
                file.write(b"\0" * PAGE)

    def test_beside_a_node_under_load(self):
        node = self.node()
        publisher = Publisher(node)
        publisher.start()
        try:
            for round_number in range(3):
                before = list(publisher.acknowledged)
                file, copy = self.path(f"b{round_number}.skein-backup"), self.path(f"copy{round_number}")
                made = json.loads(self.done("backup", "create", "--data", node.data, "--out", file, "-o", "json").stdout)
                self.assertGreaterEqual(made["events"], len(before))
                self.done("backup", "restore", file, "--data", copy)
                self.done("journal", "verify", "--data", copy)
                out = self.path(f"out{round_number}.jsonl")
                self.done("journal", "export", "--data", node.data, "--out", out)
                self.done("journal", "import", out, "--data", self.path(f"import{round_number}"))
                self.done("journal", "dump", "--data", node.data, "-o", "jsonl")
                restored = self.start_on(copy)
                client = self.client(restored)
                check_balance(client.idle()["ledger"])
                for number in before[:: max(1, len(before) // 50)]:
                    self.assertEqual(client.look_up(number)["state"], "done")
                restored.terminate()
                restored.wait(30)
        finally:
            publisher.end()
        say(f"{len(publisher.acknowledged)} events were published meanwhile")

    def test_a_finished_export_stays_when_the_next_one_begins(self):
        data = self.filled(100)
        out, kept = self.path("out.jsonl"), self.path("kept.jsonl")
        self.done("journal", "export", "--data", data, "--out", out)
        os.link(out, out + ".unfinished")  # as after a kill between its last two steps
        os.rename(out, kept)
        with open(kept, "rb") as file:
            before = file.read()
        self.done("journal", "export", "--data", data, "--out", out)
        with open(kept, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertFalse(os.path.exists(out + ".unfinished"))

    def test_no_node_starts_in_a_folder_where_a_restore_was_stopped(self):
        data, file, copy = self.filled(50), self.path("one.skein-backup"), self.path("copy")
        self.done("backup", "create", "--data", data, "--out", file)
        os.makedirs(os.path.join(copy, "unfinished"), 0o700)
        os.chmod(copy, 0o700)
        refused = skein("dev", "--data", copy, "--port", "0")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("store-unfinished", refused.stderr)
        self.assertFalse(os.path.exists(os.path.join(copy, "journal.db")))
        self.done("backup", "restore", file, "--data", copy)
        self.start_on(copy).terminate()

    def test_an_import_finds_duplicates(self):
        data = self.filled(100)
        self.done("journal", "export", "--data", data, "--out", self.path("out.jsonl"))
        self.done("journal", "import", self.path("out.jsonl"), "--data", self.path("new"))
        client = self.client(self.start_on(self.path("new")))
        answer = client.publish(event("e5", key="k5", data="x" * 300)).json()
        self.assertTrue(answer["accepted"][0]["duplicate"], answer)

    def test_a_repaired_store_serves(self):
        data = self.filled()
        pages = os.path.getsize(os.path.join(data, "journal.db")) // PAGE
        self.damage(data, [pages - 3, pages // 2])
        told = self.done("journal", "repair", "--data", data, "-o", "json", status=1)
        self.assertFalse(json.loads(told.stdout)["repaired"])
        self.done("journal", "dump", "--data", data, "-o", "jsonl", status=1)
        self.done("journal", "repair", "--data", data, "--yes")
        self.done("journal", "verify", "--data", data)
        self.done("journal", "repair", "--data", data)
        aside = [name for name in os.listdir(data) if name.startswith("damaged-")]
        self.assertEqual(len(aside), 1)
        with open(os.path.join(data, aside[0], "repair-report.json"), encoding="utf-8") as file:
            report = json.load(file)
        self.assertTrue(report["repaired"])
        client = self.client(self.start_on(data))
        ledger = client.idle()["ledger"]
        check_balance(ledger)
        self.assertEqual(ledger["accepted"], report["events"])
        for lost in report["events_lost"][:10]:
            say(f"lost: {lost}")

    def test_a_repair_that_is_killed_leaves_one_of_two_stores(self):
        data = self.filled()
        pages = os.path.getsize(os.path.join(data, "journal.db")) // PAGE
        self.damage(data, [pages // 2])
        chance = random.Random(5)
        finished = 0
        for each in range(12):
            place = self.path(f"r{each}")
            shutil.copytree(data, place)
            process = subprocess.Popen([BINARY, "journal", "repair", "--data", place, "--yes"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, 0.15))  # somewhere in the middle of it
            process.kill()
            finished += process.wait() == 0
            self.done("journal", "repair", "--data", place, "--yes")
            self.done("journal", "verify", "--data", place)
        say(f"{finished} of 12 repairs were over before they were killed")

    def test_a_backup_or_restore_that_is_killed_leaves_nothing_that_counts(self):
        data = self.filled()
        chance = random.Random(6)
        whole = self.path("whole.skein-backup")
        self.done("backup", "create", "--data", data, "--out", whole)
        for each in range(10):
            file, place = self.path(f"k{each}.skein-backup"), self.path(f"k{each}")
            for command, made in ((["create", "--data", data, "--out", file], file),
                                  (["restore", whole, "--data", place], os.path.join(place, "journal.db"))):
                process = subprocess.Popen([BINARY, "backup", *command], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                time.sleep(chance.uniform(0, 0.08))  # somewhere in the middle of it
                process.kill()
                process.wait()
                if not os.path.exists(made):
                    self.done("backup", *command)
            self.done("journal", "verify", "--data", place)
            self.done("backup", "restore", file, "--data", place, "--dry-run", status=5)

    def test_what_cannot_be_done(self):
        data = self.filled(100)
        nothing = self.path("nothing")
        os.mkdir(nothing, 0o700)
        for command in (["journal", "dump"], ["journal", "repair"], ["journal", "export"], ["backup", "create"]):
            ended = self.done(*command, "--data", nothing, status=3)
            self.assertIn("error:", ended.stderr)
            self.assertEqual(os.listdir(nothing), [])
        other = self.path("other")
        shutil.copytree(data, other)
        with sqlite3.connect(os.path.join(other, "journal.db")) as db:
            db.execute("PRAGMA user_version = 99")
        for command in (["journal", "repair", "--yes"], ["backup", "create", "--out", self.path("v")]):
            self.assertIn("store-version", self.done(*command, "--data", other, status=1).stderr)
        self.done("backup", "restore", self.path("absent"), "--data", self.path("x"), status=3)
        self.done("journal", "import", self.path("absent"), "--data", self.path("x"), status=3)
        file = self.path("b.skein-backup")
        self.done("backup", "create", "--data", data, "--out", file)
        self.done("backup", "create", "--data", data, "--out", file, status=5)
        self.done("backup", "restore", file, "--data", data, status=5)
        with open("/dev/full", "w", encoding="utf-8") as full:
            ended = subprocess.run([BINARY, "journal", "export", "--data", data], stdout=full,
                                   stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(ended.returncode, 1, ended.stderr)

    def test_a_store_with_a_node_is_not_repaired(self):
        node = self.node()
        ended = self.done("journal", "repair", "--data", node.data, "--yes", status=75)
        self.assertIn("store-locked", ended.stderr)


if __name__ == "__main__":
    main()
