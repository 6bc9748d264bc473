"""Starting: how soon and how small, what a node refuses to start with, and what it finds again."""
import json
import os
import socket
import time

import support
from support import event, say, skein, stuck_agent, until

BAD_CONFIG = """
[cluster]
shards = 0
[agent.bot]
kind = "robot"
concurency = 3
[[route]]
type = "a.*"
agent = "nobody"
[limits]
drain_deadline = "soon"
"""


class Start(support.SystemTest):
    def test_a_node_is_ready_soon_and_small_when_idle(self):
        node = self.unstarted()
        began = time.monotonic()
        node.start()
        until(lambda: support.ready(node), 10, "readiness")
        took = time.monotonic() - began
        client = self.client(node)
        client.accept(event(1))
        client.idle()
        size = node.resident_mib()
        say(f"ready {took * 1000:.0f} ms after its start; {size:.1f} MiB resident when idle")
        self.assertLess(took, support.patience(3))
        if not os.environ.get("SKEIN_SANITIZED"):
            self.assertLessEqual(size, 40)

    def test_health_and_readiness_say_what_they_promise(self):
        client = self.client(self.node())
        for path, text in (("/healthz", b"ok"), ("/readyz", b"ready")):
            answer = client.get(path)
            self.assertEqual((answer.status, answer.body.strip()), (200, text))
        self.assertIn(b"# TYPE", client.get("/metrics").body)

    def test_a_second_process_on_the_same_folder_is_refused_with_the_name_and_pid_of_the_first(self):
        node = self.node()
        second = skein("dev", "--data", node.data, "--port", "0")
        self.assertEqual(second.returncode, 1)
        self.assertIn("store-locked", second.stderr)
        self.assertIn(node.data, second.stderr)
        self.assertIn(str(node.pid), second.stderr)
        self.assertEqual(self.client(node).publish(event(1)).status, 202, "the first one is not disturbed")

    def test_a_port_in_use_is_named_and_the_start_fails(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            failed = skein("dev", "--ephemeral", "--port", str(port))
            as_json = skein("dev", "--ephemeral", "--port", str(port), "-o", "json")
            place = os.path.join(self.folder, "new")
            on_disk = skein("dev", "--data", place, "--port", str(port))
        self.assertEqual(failed.returncode, 1)
        self.assertIn(str(port), failed.stderr)
        self.assertIn("in use", failed.stderr.lower())
        self.assertEqual(failed.stderr.count("port-in-use"), 1, "it is told once")
        self.assertEqual(failed.stdout, "")
        self.assertEqual(as_json.returncode, 1)
        told = json.loads(as_json.stderr.splitlines()[-1])
        self.assertEqual((told["code"], told["exit"]), ("port-in-use", 1))
        self.assertIn(str(port), told["why"])
        self.assertIn("port-in-use", on_disk.stderr)
        self.assertFalse(os.path.exists(place), "nothing is made for a node that cannot serve")

    def test_every_mistake_of_a_configuration_is_told_at_once_with_its_line(self):
        path = os.path.join(self.folder, "bad.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(BAD_CONFIG)
        lines = {text: number for number, text in enumerate(BAD_CONFIG.splitlines(), 1)}
        for command in (["dev", "--config", path, "--ephemeral", "--port", "0"],
                        ["start", "--config", path, "--ephemeral", "--port", "0"], ["config", "check", path]):
            failed = skein(*command)
            self.assertEqual(failed.returncode, 1, failed)
            said = failed.stderr + failed.stdout
            for wrong in ("shards = 0", 'kind = "robot"', "concurency = 3", 'agent = "nobody"',
                          'drain_deadline = "soon"'):
                self.assertIn(f"bad.toml:{lines[wrong]}:", said, wrong)
            self.assertIn("concurrency", said, "the nearest key is named")

    def test_a_configuration_that_is_not_there_is_an_error(self):
        failed = skein("dev", "--config", os.path.join(self.folder, "none.toml"), "--ephemeral", "--port", "0")
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn("none.toml", failed.stderr)

    def test_after_a_kill_the_same_folder_starts_again_with_all_that_was_accepted(self):
        node = self.node()
        client = self.client(node)
        numbers = client.accept([event(n, f"k{n}") for n in range(100)])
        node.kill()
        node.start()
        client = self.client(node)
        status = client.idle()
        self.assertEqual((status["ledger"]["accepted"], status["ledger"]["done"]), (100, 100))
        self.assertEqual({client.look_up(number)["state"] for number in numbers}, {"done"})

    def test_a_store_is_checked_beside_its_node_and_after_it(self):
        node = self.node()
        client = self.client(node)
        numbers = client.accept([event(n, f"k{n}", data=f"the data of {n}") for n in range(50)])
        for number in numbers:
            client.ended(number)
        beside = skein("journal", "verify", "--data", node.data, "-o", "json")
        self.assertEqual(beside.returncode, 0, beside)
        found = json.loads(beside.stdout)
        self.assertEqual((found["whole"], found["problems"], found["events"]["done"]), (True, [], 50))
        self.assertEqual(found["commits_checked"], found["commit"])
        node.terminate()
        self.assertEqual(node.wait(30), 0)
        whole = skein("journal", "verify", "--data", node.data)
        self.assertEqual((whole.returncode, whole.stderr), (0, "the store is whole\n"))
        self.assertIn("50 accepted, 50 done", whole.stdout)
        shown = skein("journal", "dump", "--data", node.data, "--event", numbers[7])
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertRegex(shown.stdout, f"event\tevent={numbers[7]} .* agents=echo ")
        absent = skein("journal", "dump", "--data", node.data, "--event", "17-4711")
        self.assertEqual((absent.returncode, absent.stdout), (3, ""))
        self.assertIn("event 17-4711 is not shown", absent.stderr)
        other = str((int(numbers[7].split("-")[0]) + 1) % 256) + "-" + numbers[7].split("-")[1]
        self.assertEqual(skein("journal", "dump", "--data", node.data, "--event", other).returncode, 3)
        with open(os.path.join(node.data, "journal.db"), "r+b") as file:
            place = file.read().index(b"the data of 7")
            file.seek(place)
            file.write(b"T")
        damaged = skein("journal", "verify", "--data", node.data)
        self.assertEqual(damaged.returncode, 1)
        sequence = numbers[7].split("-")[1]
        self.assertIn(f"event {sequence} is damaged", damaged.stderr, "or its outcome, whose reply is the same")
        self.assertIn("code: store-corrupt", damaged.stderr)
        node.start()
        client = self.client(node)
        self.assert_problem(client.get(f"/v1/events/{numbers[7]}"), 500, "store-corrupt")
        self.assertEqual(client.look_up(numbers[8])["state"], "done")
        until(lambda: "store-unreadable" in node.log(), 10, "the line for the operator")
        self.assertEqual(client.status()["store"]["unreadable"], 1)
        nothing = skein("journal", "verify", "--data", os.path.join(self.folder, "nowhere"))
        self.assertEqual(nothing.returncode, 3)
        self.assertIn("there is no store in " + os.path.join(self.folder, "nowhere"), nothing.stderr)

    def test_an_ephemeral_node_keeps_nothing(self):
        node = self.node(arguments=["--ephemeral"])
        client = self.client(node)
        client.ended(client.accept(event(1)))
        made = sorted(os.listdir(node.folder))
        self.assertEqual(made, ["log.txt", "output-1.txt"], "it writes no file")
        node.terminate()
        self.assertEqual(node.wait(30), 0)
        node.start()
        self.assertEqual(self.client(node).ledger()["accepted"], 0)

    def test_a_node_that_cannot_serve_runs_no_turn(self):
        notes = os.path.join(self.folder, "notes.txt")
        node = self.node(stuck_agent(notes, os.path.join(self.folder, "release")) + '[[route]]\nagent = "stuck"\n')
        self.client(node).accept([event(n, f"k{n}") for n in range(3)])
        until(lambda: os.path.exists(notes) and os.path.getsize(notes) > 0, 20, "a turn")
        node.kill()
        before = os.path.getsize(notes)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            failed = skein("dev", "--config", node.config, "--data", node.data, "--port", str(taken.getsockname()[1]))
        self.assertEqual(failed.returncode, 1)
        self.assertIn("port-in-use", failed.stderr)
        self.assertEqual(os.path.getsize(notes), before)
        node.start()
        self.assertEqual(self.client(node).ledger()["pending"], 3)
        node.kill()

    def test_a_node_opens_as_many_files_as_it_may_and_its_programs_as_many_as_they_did(self):
        limited = os.path.join(self.folder, "skein-with-few-files")
        with open(limited, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nulimit -Sn 100\nulimit -Hn 400\nexec "{os.path.abspath(support.BINARY)}" "$@"\n')
        os.chmod(limited, 0o755)
        node = self.node('''
[agent.limit]
kind = "exec"
mode = "oneshot"
command = ["/bin/sh", "-c", "ulimit -Sn"]
[[route]]
agent = "limit"
''', binary=limited)
        client = self.client(node)
        done = client.ended(client.accept(event(1)))
        self.assertEqual(done["deliveries"][0]["reply"].strip(), "100")
        self.assertRegex(node.log(), r"descriptors-few.*400")
        with open(f"/proc/{node.pid}/limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), r"Max open files +400 +400")
        node.kill()

    def test_a_node_with_100000_pending_events_is_ready_soon_after_a_restart(self):
        release = os.path.join(self.folder, "release")
        node = self.node(stuck_agent(f"{self.folder}/notes.txt", release, settings='timeout = "1h"') + """
[[route]]
agent = "stuck"
""")
        client = self.client(node)
        for first in range(0, 100_000, 1000):
            client.accept([event(n, f"k{n % 1000}") for n in range(first, first + 1000)])
        self.assertEqual(client.ledger()["pending"], 100_000)
        node.kill()
        began = time.monotonic()
        node.start()
        until(lambda: support.ready(node), 30, "readiness")
        took = time.monotonic() - began
        say(f"ready {took:.2f} s after the start, with 100,000 pending events; {node.resident_mib():.0f} MiB resident")
        self.assertLess(took, support.patience(2))
        ledger = self.client(node).ledger()
        self.assertEqual((ledger["accepted"], ledger["pending"]), (100_000, 100_000))
        node.kill()


if __name__ == "__main__":
    support.main()
