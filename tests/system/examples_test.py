"""The examples do what their pages say: each command of a README, and the reply in the comment behind it."""
import http.server
import os
import re
import shlex
import shutil
import threading

import support
from support import EXAMPLES, skein, until


def commands(readme):
    """(arguments, what the comment says) of each line of a block that begins with `skein`."""
    with open(readme, encoding="utf-8") as file:
        blocks = re.findall(r"^```\w*\n(.*?)^```", file.read(), re.S | re.M)
    for line in "".join(blocks).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["skein"]:
            comment = re.search(r" {2,}# (.*)$", line)
            yield words[1:], comment[1].strip() if comment else ""


class Examples(support.SystemTest):
    def follow(self, name, change=lambda config: config):
        """Does what the README of an example says; a client of the node. `change` is made to the configuration."""
        folder = os.path.join(self.folder, name)
        shutil.copytree(os.path.join(EXAMPLES, name), folder)
        config = os.path.join(folder, "cluster.toml")
        with open(config, encoding="utf-8") as file:
            text = change(file.read())
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        steps = list(commands(os.path.join(folder, "README.md")))
        self.assertEqual(steps[0][0], ["dev", "--config", "cluster.toml"], "the first command starts a node")
        node = self.unstarted(arguments=["--config", "cluster.toml"], working_folder=folder)
        node.start()
        sends = [step for step in steps if step[0][0] == "send"]
        self.assertGreaterEqual(len(sends), 2)
        for arguments, reply in sends:
            sent = skein(*arguments, environment={"SKEIN_SERVER": node.url})
            self.assertEqual(sent.returncode, 0, f"{arguments}: {sent.stderr}")
            if reply:
                self.assertEqual(sent.stdout.strip(), reply, arguments)
        return self.client(node)

    def test_every_example_has_a_page_with_commands(self):
        found = [name for name in sorted(os.listdir(EXAMPLES)) if os.path.isdir(os.path.join(EXAMPLES, name))]
        self.assertTrue(found)
        for name in found:
            self.assertTrue(list(commands(os.path.join(EXAMPLES, name, "README.md"))), name)
            self.assertIn(f"test_the_{name}_example_does_what_its_page_says", dir(self), "each one is followed here")

    def test_the_echo_bot_example_does_what_its_page_says(self):
        self.follow("echo_bot")

    def test_the_approval_example_does_what_its_page_says(self):
        client = self.follow("approval")
        first, second = (next(client.events(key=key)) for key in ("order-7", "order-8"))

        def has_slept():
            return client.look_up(first["event"])["deliveries"][0].get("sleeps", 0) > 0

        until(has_slept, 30, "nobody has approved it")
        approved = os.path.join(self.folder, "approval", "approved")
        os.mkdir(approved)
        with open(os.path.join(approved, "order-7"), "w", encoding="utf-8"):
            pass
        self.assertEqual(client.ended(first["event"])["reply"], "order-7 is approved")
        self.assertEqual(client.look_up(second["event"])["deliveries"][0]["attempts"], [])
        self.assertIsNone(client.look_up(second["event"]).get("reply"))

    def test_the_webhook_example_does_what_its_page_says(self):
        posts, answers = [], [200, 200, 503, 200, 400]

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append((self.headers["webhook-id"], body.decode()))
                self.send_response(answers[len(posts) - 1])
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        client = self.follow("webhook", lambda config: config.replace("8099", str(server.server_port)))
        found = client.ended(client.accept(support.event("busy", "k", "hook.test", data="later", datacontenttype="text/plain")))
        self.assertEqual((found["state"], found["deliveries"][0]["attempt"]), ("done", 2))
        self.assertEqual(posts[2], posts[3], "the token is the same in both attempts")
        found = client.ended(client.accept(support.event("never", "k", "hook.test", data="no", datacontenttype="text/plain")))
        self.assertEqual(found["state"], "dead")
        self.assertEqual(found["deliveries"][0]["error"], "the receiver refuses it: 400")
        self.assertEqual([text for _, text in posts], ["first", "second", "later", "later", "no"])

    def test_the_python_bot_example_does_what_its_page_says(self):
        client = self.follow("python_bot")
        reminder = until(lambda: list(client.events(type="reminder.due")), 10, "the reminder")[0]
        self.assertEqual(reminder["key"], "chat-1")
        found = client.ended(reminder["event"])
        self.assertEqual(found["reply"], "Reminder: tea is ready")

    def test_the_shell_example_does_what_its_page_says(self):
        client = self.follow("shell")
        later = until(lambda: list(client.events(type="shell.later")), 10, "what effects.sh sends itself")[0]
        found = client.ended(later["event"])
        self.assertEqual(found["reply"], "five seconds have passed")


if __name__ == "__main__":
    support.main()
