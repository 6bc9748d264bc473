"""skein demo: three real nodes on a PostgreSQL server of their own, broken by a script in every way there is."""
import json
import os
import shutil
import signal
import subprocess
import sys

import support
from support import BINARY, skein, until
from postgres_process import Postgres, programs

if programs() is None:
    print("PostgreSQL is not installed", file=sys.stderr)
    sys.exit(77)

# Its files in memory if they can be: the disk is not what is tested.
MEMORY = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}
BREAKAGE = """
status
kill n2            # its work is taken over
status
restart n2
pause n3
resume n3
partition n1 to n2
slow n2 n3 50ms
wait 500ms
events
heal
add
drain n2
kill n1 n4
heal
check
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Demo(support.SystemTest):
    def start(self, *arguments):
        """A demo whose commands are written to its standard input."""
        process = subprocess.Popen([BINARY, "demo", "-o", "jsonl", *arguments], stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **MEMORY})

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def play(self, script, *arguments):
        """What was told, by what it is; the demo must have worked."""
        process = self.start("--script", "-", *arguments)
        out, err = process.communicate(script, timeout=support.patience(150))
        self.assertEqual((process.returncode, err), (0, ""), out)
        told = {}
        for line in map(json.loads, out.splitlines()):
            told.setdefault(line["told"], []).append(line)
        return told

    def assert_gone(self, told):
        """Neither processes nor files are left."""
        pids = [told["server_pid"], *(node["pid"] for node in told["nodes"])]
        until(lambda: not any(is_running(pid) for pid in pids), 20, f"the end of {pids}")

    def test_a_script_breaks_it_and_the_promises_hold(self):
        told = self.play(BREAKAGE, "--ha", "--nodes", "3", "--keys", "40", "--seed", "7")
        ready = told["ready"][0]
        self.assertEqual([node["node"] for node in ready["nodes"]], ["n1", "n2", "n3"])
        first, broken = told["status"]
        self.assertEqual(sum(row["shards"] for row in first["rows"]), 256)
        self.assertEqual({row["node"]: row["state"] for row in broken["rows"]}["n2"], "killed")
        taken = [(each["nodes"], each["shards"]) for each in told["taken-over"]]
        self.assertEqual([nodes for nodes, _ in taken], [["n2"], ["n3"], ["n2"], ["n1", "n4"]])
        self.assertGreaterEqual(taken[0][1], 85)
        for each in told["taken-over"]:
            self.assertRegex(each["text"], r"; 0 of the [\d,]+ events acknowledged")
        support.say(f"taken over after {', '.join(format(each['after_s'], '.1f') for each in told['taken-over'])} s")
        self.assertEqual(len(told["promise"]), 9)
        for promise in told["promise"]:
            self.assertTrue(promise["held"], promise)
            support.say(f"{promise['promise']}: {promise['counts']}")
        self.assert_gone(ready)
        self.assertFalse(os.path.exists(ready["folder"]))

    def test_a_prompt_says_what_is_wrong_and_goes_on(self):
        process = self.start("--ha", "--nodes", "1", "--keep", os.path.join(self.kept_below(), "kept"))
        out, err = process.communicate("staus\nkill n2\nslow n1 store 5\npause n1\nresume n1\nadd\nquit\n",
                                       timeout=support.patience(90))
        self.assertEqual(process.returncode, 1, err)
        errors = [json.loads(line) for line in err.splitlines()]
        self.assertEqual([(each["error"], each["try"]) for each in errors],
                         [('there is no command "staus"', 'did you mean "status"?'),
                          ('there is no node "n2"', "there is n1"),
                          ('"5" is no time; legal is 200ms, 5s, 1m', "type: slow A [to] B TIME")], errors)
        told = [json.loads(line) for line in out.splitlines()]
        self.assertIn("nobody", [each["told"] for each in told])
        self.assertTrue(all(each["held"] for each in told if each["told"] == "promise"), told)
        kept = next(each for each in told if each["told"] == "ready")["folder"]
        self.assertLessEqual({"n1.toml", "n1.log", "n2.log", "n1.history"}, set(os.listdir(kept)))

    def kept_below(self):
        """A folder that the server's user can reach."""
        os.chmod(self.folder, 0o711)
        return self.folder

    def test_nothing_outlives_a_demo_that_is_killed(self):
        process = self.start("--ha")
        while True:  # the first lines tell of the start
            ready = json.loads(process.stdout.readline())
            if ready["told"] == "ready":
                break
        for each in ("folder", "sockets"):  # nobody is left to remove them
            self.addCleanup(shutil.rmtree, ready[each], ignore_errors=True)
        process.send_signal(signal.SIGKILL)
        self.assert_gone(ready)

    def test_a_database_is_used_once(self):
        server = Postgres()
        self.addCleanup(server.close)
        told = self.play("kill n1\nrestart n1\n", "--nodes", "2", "--store", server.url)
        self.assertIn("DROP SCHEMA", told["left"][0]["text"])
        again = skein("demo", "--store", server.url, within=support.patience(60))
        self.assertEqual(again.returncode, 5, again)
        self.assertIn("another cluster", again.stderr)
        self.assertIn("name an empty one", again.stderr)

    def test_what_cannot_be_played_is_told_before_anything_starts(self):
        script = os.path.join(self.folder, "breakage.txt")
        with open(script, "w", encoding="utf-8") as file:
            file.write("status\n\nkill n4\n")
        wrong = skein("demo", "--ha", "--script", script)
        self.assertEqual(wrong.returncode, 2, wrong)
        self.assertIn("line 3: there is no node \"n4\"", wrong.stderr)
        self.assertIn("there are n1 to n3", wrong.stderr)
        self.assertEqual(skein("demo", "--script", script + ".none").returncode, 3)
        both = skein("demo", "--ha", "--store", "postgresql://nowhere/x")
        self.assertEqual(both.returncode, 2, both)
        self.assertIn("leave one of them out", both.stderr)
        nowhere = skein("demo", "--store", f"postgresql:///x?host={self.folder}")
        self.assertEqual(nowhere.returncode, 1, nowhere)
        self.assertIn("store-unreachable", nowhere.stderr)


if __name__ == "__main__":
    os.umask(0o022)
    support.main()
