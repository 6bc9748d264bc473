"""Programs of exec agents: none outlives its node, and what a user sees of one that does not work."""
import os
import select
import signal
import sys
import threading
import time

import support
from support import Client, event, until, worker


def exec_agent(command, more=""):
    return f"""
[agent.bot]
kind = "exec"
command = {command}
{more}
[[route]]
agent = "bot"
"""


def parents():
    """The parent of each process."""
    found = {}
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                found[int(name)] = int(file.read().rpartition(") ")[2].split()[1])
        except (OSError, ValueError):
            continue  # no process, or not any more
    return found


def descendants(pid):
    found, look_at, tree = set(), [pid], parents()
    while look_at:
        parent = look_at.pop()
        children = [each for each, its in tree.items() if its == parent]
        found.update(children)
        look_at += children
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def has_ended(pid, within):
    """Whether it does so in that time."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], support.patience(within))[0])
    finally:
        os.close(fd)


class Programs(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.notes = os.path.join(self.folder, "notes.txt")

    def family(self):
        return exec_agent(worker("family_worker.py"),
                          f'environment = {{ NOTES = "{self.notes}" }}\nprocesses = 3\nconcurrency = 3')

    def pids(self):
        if not os.path.exists(self.notes):
            return []
        with open(self.notes, encoding="utf-8") as file:
            return [int(pid) for pid in file.read().split()]

    def under_load(self, node):
        """Keeps publishing until the node is gone."""

        def publish():
            client = Client(node)
            count = 0
            try:
                while True:
                    count += 1
                    client.publish([event(f"{count}-{i}", f"k{i}") for i in range(20)])
            except OSError:
                pass
            finally:
                client.close()

        thread = threading.Thread(target=publish)
        thread.start()
        self.addCleanup(thread.join)

    def guard_of(self, node):
        return [pid for pid in descendants(node.pid) if "guard-programs" in command_line(pid)]

    def test_no_descendant_of_a_killed_node_stays(self):
        node = self.node(self.family())
        self.under_load(node)
        until(lambda: len(self.pids()) == 6, 30, "three programs with a child each")
        all_of_it = descendants(node.pid)
        self.assertLessEqual(set(self.pids()), all_of_it)
        self.assertEqual(len(self.guard_of(node)), 1)
        node.kill()
        for pid in all_of_it:
            self.assertTrue(has_ended(pid, 10), f"{pid} {command_line(pid)} is still there")

    def test_the_states_of_turns_that_a_kill_cut_off_are_removed_at_the_next_start(self):
        node = self.node("""
[agent.slow]
kind = "exec"
mode = "oneshot"
command = ["/bin/sh", "-c", "exec tail -f /dev/null"]
[[route]]
agent = "slow"
""", environment={"TMPDIR": self.folder})
        self.client(node).accept(event("first", "k"))

        def states():
            return [name for name in os.listdir(self.folder) if name.startswith("skein-turn-")]

        left, = until(states, 20, "the turn's state")
        node.kill()
        self.assertEqual(states(), [left])
        node.start()
        until(lambda: states() not in ([], [left]), 20, "the turn's next attempt")
        self.assertNotIn(left, states())
        node.kill()

    def test_a_guard_that_was_killed_is_replaced_and_knows_the_programs_that_run(self):
        node = self.node(self.family())
        client = self.client(node)
        client.ended(client.accept(event("first", "k")))
        guard, = self.guard_of(node)
        os.kill(guard, signal.SIGKILL)
        until(lambda: self.guard_of(node) not in ([], [guard]), 20, "another guard")
        self.assertIn("program-guard-lost", node.log())
        client.ended(client.accept(event("second", "k")))
        all_of_it = descendants(node.pid)
        self.assertIn(self.pids()[1], all_of_it)
        node.kill()
        for pid in all_of_it:
            self.assertTrue(has_ended(pid, 10), f"{pid} {command_line(pid)} is still there")

    def test_a_node_that_is_terminated_leaves_nothing_either(self):
        node = self.node(self.family())
        client = self.client(node)
        client.ended(client.accept(event("first", "k")))
        all_of_it = descendants(node.pid)
        node.terminate()
        self.assertEqual(node.wait(25), 0)
        for pid in all_of_it:
            self.assertTrue(has_ended(pid, 1), f"{pid} {command_line(pid)} is still there")

    def test_a_missing_program_is_named_everywhere_and_its_deliveries_wait_for_it(self):
        path = os.path.join(self.folder, "bot.sh")
        node = self.node(exec_agent(f'["{path}"]'))
        client = self.client(node)
        number = client.accept(event("patient", "k"))
        row = until(lambda: self.agent(client, "failing"), 20, "the agent to be failing")
        self.assertIn(path, row["error"])
        self.assertGreaterEqual(row["restarts"], 1)
        self.assertTrue(row["error_at"])
        found = client.look_up(number)
        self.assertIn(path, found["deliveries"][0]["waits_for"])
        self.assertEqual((found["state"], found["deliveries"][0]["attempt"]), ("pending", 0), "nothing runs")
        self.assertEqual([each["state"] for each in client.get("/v1/events").json()["events"]], ["pending"])
        behind = client.accept(event("behind it", "k"))
        later = client.accept(event("later", "k", due="+1h"))
        for other in (behind, later):
            self.assertNotIn("waits_for", client.look_up(other)["deliveries"][0], "its turn has not come")
        for lane in (client.get("/v1/lanes").json()["lanes"], client.get("/v1/keys/k").json()["lanes"]):
            self.assertEqual([(each["state"], each["waiting"], each["running"]) for each in lane],
                             [("pending", 2, 0)])
        row, = client.get("/v1/agents").json()["agents"]
        self.assertEqual((row["waiting"], row["running"]), (2, 0))
        self.assertIn("agent-start-failed", node.log())
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec {sys.executable} {os.path.join(support.HERE, 'workers', 'journal_worker.py')}\n")
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)
        found = client.ended(number, within=60)
        self.assertEqual((found["state"], found["deliveries"][0]["attempt"]), ("done", 1), "and nothing was charged")
        row = until(lambda: self.agent(client, "up"), 20, "the agent to be up")
        self.assertEqual(row["programs"], 1)

    def test_a_turn_that_was_cut_off_by_a_cancel_is_told_with_its_start(self):
        release = os.path.join(self.folder, "release")
        node = self.node(exec_agent(worker("hanging_worker.py"),
                                    f'environment = {{ NOTES = "{self.notes}", RELEASE = "{release}" }}'))
        client = self.client(node)
        number = client.accept(event("long", "k"))
        running = until(lambda: self.delivery_in(client, number, "running"), 20, "the turn to run")
        self.assertEqual(client.post(f"/v1/events/{number}/cancel").status, 200)
        ended = self.delivery_in(client, number, "cancelled")
        self.assertEqual((ended["attempt"], ended["started"]), (1, running["started"]))

    def test_since_when_a_turn_runs_is_the_same_while_it_runs_and_afterwards(self):
        client = self.client(self.node(exec_agent(worker("journal_worker.py"))))
        number = client.accept(event("long", "k", data={"work": 0.5}))
        running = until(lambda: self.delivery_in(client, number, "running"), 20, "the turn to run")
        ended = client.ended(number)["deliveries"][0]
        self.assertEqual(ended["started"], running["started"])
        self.assertGreaterEqual(ended["finished"], ended["started"])

    def test_beside_a_key_whose_turns_crash_the_program_others_take_at_most_twice_their_time(self):
        program = os.path.join(self.folder, "bot.sh")
        with open(program, "w", encoding="utf-8") as file:
            file.write("""while read -r line; do
  case $line in
    *'"data":"crash"'*) kill -9 $$ ;;
    *) turn=${line#*'"turn":"'}
       printf '{"turn":"%s","reply":1}\\n' "${turn%%'"'*}" ;;
  esac
done
""")
        node = self.node(exec_agent(f'["/bin/sh", "{program}"]',
                                    'processes = 2\nconcurrency = 2\nretry_initial = "200ms"\nretry_max = "200ms"\n'
                                    'attempts = 1000'))
        client = self.client(node)

        def slowest(kind, count):
            """Of events that come alone, nothing else succeeds in between: the 99th percentile."""
            took = []
            for i in range(count):
                began = time.monotonic()
                client.ended(client.accept(event(f"{kind}-{i}", f"k{i}")))
                took.append(time.monotonic() - began)
                time.sleep(0.02)  # the rate is the point: some of them meet a program that is being started
            return sorted(took)[int(count * 0.99) - 1]

        slowest("warm", 20)
        usual = slowest("usual", 200)
        poison = client.accept(event("poison", "poison", data="crash"))
        until(lambda: client.look_up(poison)["deliveries"][0]["attempt"] >= 5, 20, "some crashes")
        beside = slowest("beside", 200)
        attempts = client.look_up(poison)["deliveries"][0]["attempt"]
        support.say(f"p99 {usual * 1000:.1f} ms, beside a key that crashed the program {attempts} times "
                    f"{beside * 1000:.1f} ms")
        self.assertGreater(attempts, 10)
        # A time below 30 ms counts as 30: on a machine that is shared, one slow sync takes as long.
        self.assertLess(beside, 2 * max(usual, 0.03))

    def delivery_in(self, client, number, state):
        found = client.look_up(number)["deliveries"][0]
        return found if found["state"] == state else None

    def test_what_an_agent_keeps_for_a_key_can_be_looked_at(self):
        client = self.client(self.node(exec_agent(worker("journal_worker.py"))))
        client.ended(client.accept(event("counts", "k", data={"count": True})))
        client.ended(client.accept(event("keeps nothing", "other")))
        self.assertEqual(client.get("/v1/keys/k").json()["states"], [{"agent": "bot", "state": 1}])
        self.assertEqual(client.get("/v1/keys/other").json()["states"], [])

    def agent(self, client, state):
        row = client.get("/v1/agents/bot").json()
        return row if row["state"] == state else None

    def test_deliveries_of_an_agent_that_is_no_longer_configured_wait_and_are_told_of(self):
        release = os.path.join(self.folder, "release")
        stuck = exec_agent(worker("hanging_worker.py"),
                           f'environment = {{ NOTES = "{self.notes}", RELEASE = "{release}" }}')
        node = self.node(stuck)
        client = self.client(node)
        numbers = client.accept([event(i, f"k{i}") for i in range(3)])
        node.kill()
        node.configure('[agent.echo]\nkind = "echo"\n[[route]]\nagent = "echo"\n')
        node.start()
        client = self.client(node)
        # A node is ready before its loops have told what waits for whom.
        row = until(lambda: next((each for each in client.get("/v1/agents").json()["agents"]
                                  if each["name"] == "bot" and each["waiting"] == 3), None), 10, "what waits for the agent")
        self.assertEqual((row["configured"], row["state"]), (False, "not-configured"))
        self.assertEqual(client.get("/v1/agents/bot").json()["waiting"], 3)
        self.assertIn("not configured", client.look_up(numbers[0])["deliveries"][0]["waits_for"])
        told = [line for line in node.log().splitlines() if "agent-not-configured" in line]
        self.assertEqual(len(told), 1)
        self.assertIn("3 deliveries wait for agent bot", told[0])
        with open(release, "w", encoding="utf-8"):
            pass
        node.kill()
        node.configure(stuck)
        node.start()
        client = self.client(node)
        for number in numbers:
            self.assertEqual(client.ended(number)["state"], "done")

    def test_a_program_has_the_umask_of_the_node_and_only_its_own_descriptors(self):
        before = os.umask(0o027)
        try:
            node = self.node(exec_agent('["/bin/sh", "-c", "umask; ls /proc/self/fd | tr \'\\\\n\' \' \'"]',
                                        'mode = "oneshot"'))
        finally:
            os.umask(before)
        client = self.client(node)
        reply = client.ended(client.accept(event("look", "k")))["reply"]
        self.assertEqual(reply, "0027\n0 1 2 3 ", "the listing's own descriptor is the fourth")

    def test_an_answer_after_the_cancel_does_not_count(self):
        program = os.path.join(self.folder, "late.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write("""import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "cancel" in message:
        print(json.dumps({"turn": message["cancel"], "reply": "too late", "state": 1}), flush=True)
    else:
        print("has it", file=sys.stderr, flush=True)
""")
        node = self.node(exec_agent(f'["{sys.executable}", "{program}"]'))
        client = self.client(node)
        number = client.accept(event("e", "k"))
        until(lambda: "has it" in node.log(), 20, "the turn with its program")
        self.assertEqual(client.post(f"/v1/events/{number}/cancel").status, 200)
        found = client.ended(number)
        self.assertEqual(found["state"], "cancelled")
        self.assertNotIn("reply", found)
        again = client.accept(event("e2", "k"))  # the lane goes on
        until(lambda: node.log().count("has it") == 2, 20, "the next turn of the lane")
        self.assertEqual(client.post(f"/v1/events/{again}/cancel").status, 200)


if __name__ == "__main__":
    support.main()
