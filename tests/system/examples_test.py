"""The examples do what their pages say: each command of a README, and the reply in the comment behind it."""
import os
import re
import shlex
import shutil

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
    def follow(self, name):
        """Does what the README of an example says; a client of the node."""
        folder = os.path.join(self.folder, name)
        shutil.copytree(os.path.join(EXAMPLES, name), folder)
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
