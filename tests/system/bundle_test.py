"""skein bundle beside a node, after its end and of a damaged store: what is in the file, and that no secret is."""
import glob
import json
import os
import tarfile

import support
from support import event, skein

PLANTED = "pl4nted"
CONFIG = f"""
[[node]]
name = "n1"
[agent.bot]
kind = "exec"
mode = "oneshot"
command = ["sh", "-c", "echo {PLANTED} >&2; echo {PLANTED}; exit $FAILS", "{PLANTED}"]
environment = {{ SECRET = "{PLANTED}", FAILS = "1" }}
attempts = 1
[[route]]
agent = "bot"
[job.report]
every = "1h"
agent = "bot"
data = "{PLANTED}"
"""


class Bundle(support.SystemTest):
    def contents(self, *arguments, node_url="http://127.0.0.1:9"):
        """The files of a new bundle by name; nothing in it is a secret."""
        file = os.path.join(self.folder, "bundle.tar.gz")
        done = skein("bundle", "--out", file, "--server", node_url, "-o", "json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        found = {}
        with tarfile.open(file) as archive:
            for each in archive:
                text = archive.extractfile(each).read()
                self.assertNotIn(PLANTED.encode(), text, each.name)
                found[each.name.removeprefix("skein-bundle/")] = text.decode()
        os.remove(file)
        self.told = json.loads(done.stdout)["files"]
        self.assertNotIn(PLANTED, done.stdout + done.stderr)
        present = {each["file"] for each in self.told if each["bytes"] is not None}
        self.assertEqual(present | {"contents.json"}, set(found))
        return found

    def missing(self):
        return {each["file"]: each["note"] for each in self.told if each["bytes"] is None}

    def test_a_bundle_has_no_payload_key_token_or_password_before_and_after_the_end_of_the_node(self):
        node = self.node(CONFIG)
        client = self.client(node)
        number = client.accept(event("one", PLANTED, data={"text": PLANTED}))
        self.assertEqual(client.ended(number)["state"], "dead")
        self.assertIn(PLANTED, node.log() + json.dumps(client.look_up(number)))
        beside = self.contents("--config", node.config, "--data", node.data, "--log", node.log_path(),
                               node_url=node.url)
        self.assertEqual(json.loads(beside["status.json"])["ledger"]["dead"], 1)
        self.assertIn("skein_", beside["metrics.txt"])
        self.assertIn("http-listening", beside["log.txt"])
        self.assertIn('"[agent.bot]"', beside["config.json"])
        self.assertIn("journal.db", beside["folder.json"])
        self.assertIn("a node runs", self.missing()["verify.json"])
        self.assertGreater(json.loads(beside["machine.json"])["processors"], 0)

        node.terminate()
        self.assertEqual(node.wait(20), 0)
        after = self.contents("--config", node.config, "--data", node.data, "--log", node.log_path())
        self.assertTrue(json.loads(after["verify.json"])["whole"])
        self.assertIn("no node answers", self.missing()["status.json"])

    def test_a_bundle_of_a_damaged_store_says_what_is_wrong_with_it(self):
        node = self.node()
        client = self.client(node)
        client.ended(client.accept(event("one", "k")))
        client.close()
        node.terminate()
        self.assertEqual(node.wait(20), 0)
        for mark in glob.glob(os.path.join(node.data, "high-water")):
            os.remove(mark)
        found = json.loads(self.contents("--data", node.data)["verify.json"])
        self.assertFalse(found["whole"])
        self.assertTrue(found["problems"])


if __name__ == "__main__":
    support.main()
