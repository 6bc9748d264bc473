"""What may not be read or written is told: by name, with the file, the reason and what to do. Nothing is changed.
Root may read and write everything, so as root the test runs the program as `nobody`.
"""
import json
import os
import pwd
import shutil
import sys
import tempfile

import support
from support import event
import node_process  # (support has put its folder on the path)

AS_NOBODY = """#!/bin/sh
exec setpriv --reuid={uid} --regid={gid} --clear-groups "{program}" "$@"
"""


def run_as_nobody():
    """From here on, from a folder of its own: nobody may not read this one, perhaps. The folder, and who nobody is."""
    if shutil.which("setpriv") is None:
        print("SKIPPED: root may write everything, and without setpriv the program cannot run as another user")
        sys.exit(77)
    nobody = pwd.getpwnam("nobody")
    folder = tempfile.mkdtemp(prefix="skein-permission-")
    os.chmod(folder, 0o755)
    program = shutil.copy(support.BINARY, os.path.join(folder, "skein"))
    script = os.path.join(folder, "as-nobody")
    with open(script, "w", encoding="utf-8") as file:
        file.write(AS_NOBODY.format(uid=nobody.pw_uid, gid=nobody.pw_gid, program=program))
    os.chmod(script, 0o755)
    support.BINARY = node_process.BINARY = script
    return folder, nobody


class Permission(support.SystemTest):
    user = None  # nobody, if the program runs as them

    def setUp(self):
        super().setUp()
        self.give(self.folder)
        node = self.node()
        client = self.client(node)
        client.ended(client.accept(event("before", "k")))
        client.close()
        node.terminate()
        node.wait(20)
        self.data = node.data
        self.at_the_end = {name: os.stat(self.path(name)).st_mtime_ns for name in ("journal.db", "high-water")}

    def give(self, folder):
        if self.user:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    def unstarted(self, config=None, **how):
        made = super().unstarted(config, **how)
        self.give(made.folder)
        return made

    def path(self, name):
        return os.path.join(self.data, name)

    def forbid(self, path, mode):
        before = os.stat(path).st_mode
        os.chmod(path, mode)
        self.addCleanup(os.chmod, path, before)

    def new(self, name):
        return os.path.join(self.folder, name)

    def closed_folder(self):
        made = self.new("closed")
        os.mkdir(made)
        self.give(made)
        self.forbid(made, 0o500)
        return made

    def assert_told(self, command, code, path, todo):
        """A complaint for people and one for programs, with the reason and what to do."""
        for form in ("table", "json"):
            ended = support.skein(*command, "-o", form) if form == "json" else support.skein(*command)
            self.assertEqual(ended.returncode, 1, ended)
            self.assertIn(ended.stdout, ("", "[]\n"), ended)
            self.assertIn(code, ended.stderr)
        problem = json.loads(ended.stderr.splitlines()[-1])
        self.assertEqual((problem["code"], problem["exit"]), (code, 1), problem)
        self.assertTrue(problem["error"], problem)
        self.assertIn(path, problem["why"])
        self.assertRegex(problem["why"], "Permission denied|may not be read and written")
        self.assertRegex(problem["why"] + " " + problem["try"], todo)

    def assert_serves(self):
        for name, changed in self.at_the_end.items():
            self.assertEqual(os.stat(self.path(name)).st_mtime_ns, changed, f"{name} is as it was")
        node = self.unstarted()
        node.data = self.data
        node.start()
        client = self.client(node)
        client.ended(client.accept(event("after", "k")))
        self.assertEqual(client.ledger()["done"], 2)

    def start(self, data):
        return ["dev", "--port", "0", "--data", data]

    def test_a_folder_that_may_not_be_written(self):
        os.remove(self.path("lock"))
        self.forbid(self.data, 0o500)
        self.assert_told(self.start(self.data), "io-error", self.path("lock"), "can be written")
        self.assertFalse(os.path.exists(self.path("lock")))
        os.chmod(self.data, 0o700)
        self.assert_serves()

    def test_a_folder_in_which_none_may_be_made(self):
        place = os.path.join(self.closed_folder(), "data")
        self.assert_told(self.start(place), "io-error", place, "can be written")

    def test_a_file_of_the_store_that_may_not_be_written(self):
        for name in ("journal.db", "high-water", "lock"):
            with self.subTest(name):
                self.forbid(self.path(name), 0o400)
                self.assert_told(self.start(self.data), "store-read-only", self.path(name), "chmod u\\+rw")
                os.chmod(self.path(name), 0o600)
        self.assert_serves()

    def test_a_store_that_may_not_be_read(self):
        self.forbid(self.path("journal.db"), 0)
        out = self.new("out")
        for command in (["journal", "verify"], ["journal", "dump"], ["journal", "export", "--out", out],
                        ["backup", "create", "--out", out]):
            with self.subTest(command):
                self.assert_told([*command, "--data", self.data], "io-error", self.path("journal.db"), "chmod")
                self.assertFalse(os.path.exists(out) or os.path.exists(out + ".unfinished"))
        for command in (["journal", "repair", "--data", self.data], self.start(self.data)):
            self.assert_told(command, "store-read-only", self.path("journal.db"), "chmod u\\+rw")
        os.chmod(self.path("journal.db"), 0o600)
        self.assert_serves()

    def test_a_target_that_may_not_be_written(self):
        place = self.closed_folder()
        for command in (["backup", "create"], ["journal", "export"]):
            with self.subTest(command):
                file = os.path.join(place, "out")
                self.assert_told([*command, "--data", self.data, "--out", file], "io-error", file, "new file with --out")
        self.assertEqual(os.listdir(place), [])
        self.assert_serves()

    def test_a_new_store_that_may_not_be_made(self):
        place = os.path.join(self.closed_folder(), "new")
        for make, use in ((["backup", "create"], ["backup", "restore"]), (["journal", "export"], ["journal", "import"])):
            with self.subTest(use):
                file = self.new(use[1])
                made = support.skein(*make, "--data", self.data, "--out", file)
                self.assertEqual(made.returncode, 0, made)
                self.assert_told([*use, file, "--data", place], "io-error", place, "an empty folder")
                self.forbid(file, 0)
                self.assert_told([*use, file, "--data", self.new("other")], "io-error", file, "chmod|may read")
                self.assertFalse(os.path.exists(self.new("other")))


if __name__ == "__main__":
    private = None
    if os.geteuid() == 0:
        private, Permission.user = run_as_nobody()
    try:
        support.main()
    finally:
        if private:
            shutil.rmtree(private)
