"""Completion in the shells themselves: their script, sourced, against a real node. Shells that are not here are left
out; bash is everywhere."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import support
from support import BINARY, event, patience, skein

CONFIG = """
[agent.parrot]
kind = "echo"
[agent.painter]
kind = "noop"
[[route]]
agent = "parrot"
[job.tidy]
every = "1h"
agent = "painter"
"""
SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"],
          "fish": ["fish", "--no-config", "-i"]}
SETUP = {"bash": "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source <(skein completion bash)",
         "zsh": "autoload -U compinit; compinit -D; source <(skein completion zsh)",
         "fish": "skein completion fish | source"}


class Terminal:
    """A shell at a terminal, in a folder of its own; what it shows is collected."""

    def __init__(self, name, folder, environment):
        self.shown = ""
        self.pid, self.at = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(SHELLS[name][0], SHELLS[name], {**os.environ, **environment})

    def type(self, text):
        os.write(self.at, text.encode())

    def until(self, pattern, within=30):
        """Reads until what is shown matches."""
        end = time.monotonic() + patience(within)
        while not re.search(pattern, self.shown):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.at], [], [], left)[0] and self._read(), \
                f"not shown: {pattern}\n{self.shown[-2000:]!r}"

    def _read(self):
        """False when the shell has ended."""
        try:
            self.shown += os.read(self.at, 65536).decode("utf-8", "replace")
        except OSError:
            return False
        return True

    def close(self):
        os.close(self.at)  # the end of its terminal ends it
        os.waitpid(self.pid, 0)


class Completion(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.served = self.node(CONFIG)
        os.mkdir(os.path.join(self.folder, "bin"))
        os.symlink(os.path.abspath(BINARY), os.path.join(self.folder, "bin", "skein"))
        self.environment = {"PATH": os.path.join(self.folder, "bin") + ":" + os.environ["PATH"], "TERM": "dumb",
                            "SKEIN_SERVER": self.served.url, "HOME": self.folder, "PS1": "", "COLUMNS": "200"}

    def in_bash(self, line, environment=None):
        """What bash would put in place of the last word of the line: asked of its function, without a terminal."""
        script = ('source <(skein completion bash); COMP_LINE=$1 COMP_POINT=${#1}; _skein skein; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", line], capture_output=True, text=True,
                              timeout=patience(60), env={**os.environ, **self.environment, **(environment or {})})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split("\n")[:-1]

    def test_bash_completes_words_options_and_names_of_the_node(self):
        client = self.client(self.served)
        number = client.accept(event("one", "a key"))
        client.ended(number)
        self.assertEqual(self.in_bash("skein ev"), ["event"])
        self.assertEqual(self.in_bash("skein event l"), ["list"])
        self.assertEqual(self.in_bash("skein event list --st"), ["--state"])
        self.assertEqual(self.in_bash("skein event list --state re"), ["retrying"])
        self.assertEqual(self.in_bash("skein event list --state=re"), ["retrying"])  # "=" parts words
        self.assertEqual(self.in_bash("skein -o js"), ["json", "jsonl"])
        self.assertEqual(self.in_bash("skein agent describe "), ["parrot", "painter"])
        self.assertEqual(self.in_bash("skein dead list --agent=par"), ["parrot"])
        self.assertEqual(self.in_bash("skein job pause t"), ["tidy"])
        self.assertEqual(self.in_bash("skein event describe "), [number])
        self.assertEqual(self.in_bash("skein nonsense "), [""])

    def test_bash_is_silent_and_quick_without_a_node(self):
        nowhere = {"SKEIN_SERVER": "http://127.0.0.1:9"}
        self.assertEqual(self.in_bash("skein agent describe ", nowhere), [""])
        self.assertEqual(self.in_bash("skein agent d", nowhere), ["describe"])
        done = skein("complete", "--", "agent", "describe", "", environment=nowhere)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "words\n", ""))

    def at_a_terminal(self, name):
        if not shutil.which(name):
            self.skipTest(f"there is no {name} here")
        shell = Terminal(name, self.folder, self.environment)
        self.addCleanup(shell.close)
        shell.type(SETUP[name] + "; echo set-$((40 + 2))\n" if name != "fish" else
                   SETUP[name] + "; echo set-(math 40 + 2)\n")
        shell.until("set-42")
        for typed, shown in (("skein agent des\tpai\t; echo one-$status\n", "describe.*painter.*one-"),
                             ("skein event list --sta\tretr\t; echo two-$status\n", "--state.*retrying.*two-"),
                             ("skein job describe \t; echo three-$status\n", "tidy.*three-")):
            shell.shown = ""
            shell.type(typed)
            shell.until(f"(?s){shown}")

    def test_bash_at_a_terminal(self):
        self.at_a_terminal("bash")

    def test_zsh_at_a_terminal(self):
        self.at_a_terminal("zsh")

    def test_fish_at_a_terminal(self):
        self.at_a_terminal("fish")


if __name__ == "__main__":
    support.main()
