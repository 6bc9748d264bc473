"""SIGTERM: new work is refused, running work ends or is given back, and nothing is lost."""
import os
import signal
import threading
import time

import support
from stream import Stream
from support import Client, event, say, stuck_agent, until, worker


def hanging(notes, release, more="", limits=""):
    return stuck_agent(notes, release, arguments=more) + f"""
[[route]]
type = "test.stuck"
agent = "stuck"
[agent.echo]
kind = "echo"
[[route]]
type = "test.echo"
agent = "echo"
{limits}"""


def slow(notes):
    return f"""
[agent.slow]
kind = "exec"
command = {worker("journal_worker.py")}
environment = {{ NOTES = "{notes}" }}
concurrency = 2
[[route]]
agent = "slow"
"""


class Drain(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.notes = os.path.join(self.folder, "notes.txt")
        self.release = os.path.join(self.folder, "release")

    def noted(self):
        if not os.path.exists(self.notes):
            return []
        with open(self.notes, encoding="utf-8") as file:
            return [line.split() for line in file]

    def started(self):
        return [words for words in self.noted() if words[0] == "start"]

    def start_stuck_turn(self, config):
        """A node with a turn that runs and does not end; the event's number."""
        node = self.node(config)
        number = self.client(node).accept(event("stuck", "k", "test.stuck"))
        until(self.started, 30, "the start of the turn")
        return node, number

    def test_a_drain_refuses_new_events_finishes_running_turns_and_keeps_the_rest_for_the_next_start(self):
        node = self.node(slow(self.notes))
        client = self.client(node)
        other = self.client(node)
        other.get("/healthz")  # an open connection is not enough to get in
        numbers = client.accept([event(i, f"k{i}", data={"work": 1.5}) for i in range(10)])
        until(lambda: len(self.started()) >= 2, 30, "two running turns")
        node.terminate()
        until(lambda: self.not_ready(client), 5, "readyz to say 503")
        refused = other.publish(event("late"))
        self.assert_problem(refused, 503, "draining")
        self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        self.assertEqual(node.wait(20), 0)
        began = {words[3] for words in self.started()}
        ended = {words[1] for words in self.noted() if words[0] == "end"}
        self.assertEqual(len(ended), len(began), "each turn that had begun has ended")
        self.assertLess(len(began), len(numbers), "a drain starts nothing more")

        node.start()
        client = self.client(node)
        self.assertGreaterEqual(client.ledger()["done"], len(began), "what ran in the drain is done")
        client.idle()
        for number in numbers:
            found = client.look_up(number)
            self.assertEqual(found["state"], "done")
            self.assertEqual(found["deliveries"][0]["attempt"], 1)
        self.assertEqual(len(self.started()), len(numbers), "and nothing ran twice")
        self.assertEqual(client.ledger()["accepted"], len(numbers), "the refused event is not there")

    def not_ready(self, client):
        answer = client.get("/readyz")
        if answer.status == 200:
            return False
        self.assert_problem(answer, 503, "draining")
        return True

    def test_a_drain_under_load_loses_nothing_that_was_acknowledged(self):
        node = self.node()
        acknowledged = []
        stop = threading.Event()
        refused = []

        def publish(thread):
            client = Client(node)
            count = 0
            while not stop.is_set():
                count += 1
                try:
                    answer = client.publish([event(f"{thread}-{count}-{i}", f"k{i}") for i in range(20)])
                except OSError:
                    return
                if answer.status == 503:
                    refused.append(answer.json()["code"])
                    return
                self.assertEqual(answer.status, 202, answer)
                acknowledged.extend(each["event"] for each in answer.json()["accepted"])
            client.close()

        threads = [threading.Thread(target=publish, args=(number,)) for number in range(3)]
        for each in threads:
            each.start()
        try:
            until(lambda: len(acknowledged) > 500, 60, "some load")
            node.terminate()
            self.assertEqual(node.wait(30), 0)
        finally:
            stop.set()
            for each in threads:
                each.join(30)
        self.assertEqual(set(refused) - {"draining"}, set())
        node.start()
        client = self.client(node)
        client.idle()
        stored = {each["event"]: each["state"] for each in client.events()}
        self.assertEqual([number for number in acknowledged if stored.get(number) != "done"], [])
        self.assertEqual(len(stored), len(acknowledged), "what was refused is not there")

    def test_a_second_sigterm_gives_running_turns_back_without_counting_an_attempt(self):
        node, number = self.start_stuck_turn(hanging(self.notes, self.release))
        node.terminate()
        client = self.client(node)
        until(lambda: self.not_ready(client), 5, "the begin of the drain")
        self.assertTrue(node.running(), "it waits for the running turn")
        began = time.monotonic()
        node.terminate()
        self.assertEqual(node.wait(15), 0)
        say(f"{time.monotonic() - began:.1f} s from the second SIGTERM to the end")
        self.assert_lists(node, number)
        self.assert_runs_at_next_start(node, number)

    def assert_lists(self, node, number):
        """The log names the one turn that was cut off, and counts it."""
        left = [line for line in node.log().splitlines() if "turn-left" in line]
        self.assertEqual(len(left), 1, node.log())
        self.assertIn(f"{number}.stuck/1", left[0])
        self.assertIn("1 turn was told to stop", node.log())

    def assert_runs_at_next_start(self, node, number):
        """The turn that was given back runs again, as its first attempt."""
        with open(self.release, "w", encoding="ascii"):
            pass
        node.start()
        found = self.client(node).ended(number)
        self.assertEqual(found["state"], "done")
        self.assertEqual(found["deliveries"][0]["attempts"], [], "no failed attempt is counted")
        self.assertEqual(found["deliveries"][0]["attempt"], 1)
        self.assertEqual(found["reply"], 1)
        self.assertEqual(len(self.started()), 2)

    def test_sigint_drains_as_sigterm_does(self):
        node = self.node()
        self.client(node).accept(event(1))
        node.signal(signal.SIGINT)
        self.assertEqual(node.wait(15), 0)

    def test_a_closed_terminal_drains_as_sigterm_does_and_a_second_sighup_does_not_hasten(self):
        ours, its = os.openpty()
        node = self.unstarted(slow(self.notes))
        node.terminal = its
        node.start()
        os.close(its)
        node.terminal = None
        number = self.client(node).accept(event(1, "k", data={"work": 2}))
        until(self.started, 30, "the start of the turn")
        os.close(ours)  # the kernel sends SIGHUP
        client = self.client(node)
        until(lambda: self.not_ready(client), 5, "the begin of the drain")
        node.signal(signal.SIGHUP)
        self.assertEqual(node.wait(15), 0)
        node.start()
        found = self.client(node).look_up(number)
        self.assertEqual((found["state"], found["deliveries"][0]["attempt"]), ("done", 1), "the turn ended in the drain")
        self.assertEqual(len(self.started()), 1)

    def test_sighup_drains_a_node_that_has_no_file_to_read(self):
        node = self.node()
        node.signal(signal.SIGHUP)
        self.assertEqual(node.wait(15), 0)

    def test_under_nohup_a_closed_terminal_is_nothing(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited by the node
        try:
            node = self.node()
        finally:
            signal.signal(signal.SIGHUP, before)
        node.signal(signal.SIGHUP)
        client = self.client(node)
        self.assertEqual(client.ended(client.accept(event(1)))["state"], "done")
        self.assertEqual(client.get("/readyz").status, 200)

    def test_waiters_are_answered_and_streams_end_in_order_when_a_drain_gives_a_turn_back(self):
        node, number = self.start_stuck_turn(hanging(self.notes, self.release))
        answers = []

        def wait(which):
            with_client = Client(node, timeout=60.0)
            answers.append(with_client.publish(event(which, "k", "test.stuck"), "?wait=60s"))
            with_client.close()

        threads = [threading.Thread(target=wait, args=(which,)) for which in ("stuck", "behind")]
        threads[0].start()  # a repeat: waits for the turn that runs
        threads[1].start()
        client = self.client(node)
        until(lambda: client.ledger()["pending"] == 2, 10, "both events")
        with Stream(node.port) as stream:
            node.terminate()
            until(lambda: self.not_ready(client), 5, "the begin of the drain")
            self.assertEqual(list(stream), [], "a stream ends with its last chunk")
        node.terminate()
        for each in threads:
            each.join(30)
        self.assertEqual([answer.status for answer in answers], [202, 202], answers)
        self.assertIn(number, [answer.json()["accepted"][0]["event"] for answer in answers])
        self.assertEqual(node.wait(15), 0)

    def test_past_its_deadline_a_drain_exits_with_75_and_logs_what_it_left(self):
        node, number = self.start_stuck_turn(
            hanging(self.notes, self.release, ', "--stubborn"', '[limits]\ndrain_deadline = "3s"'))
        began = time.monotonic()
        node.terminate()
        self.assertEqual(node.wait(15), 75)
        took = time.monotonic() - began
        self.assertLess(took, 3 + support.patience(4), "it stops about when it has to")
        self.assert_lists(node, number)
        program = int(self.started()[0][2])
        until(lambda: not os.path.exists(f"/proc/{program}"), 10, "the end of the program that ignores SIGTERM")
        self.assert_runs_at_next_start(node, number)

    def test_a_node_with_nothing_to_do_drains_with_0_whatever_the_deadline(self):
        for deadline in ("1s", "3s", "10s"):
            node = self.node(hanging(self.notes, self.release, limits=f'[limits]\ndrain_deadline = "{deadline}"'))
            self.client(node).accept(event(1, type="test.echo"))
            self.client(node).idle()
            node.terminate()
            self.assertEqual(node.wait(15), 0, f"with drain_deadline = {deadline}\n{node.log()}")

    def test_retries_that_wait_do_not_hold_up_a_drain(self):
        node = self.node(f"""
[agent.failing]
kind = "exec"
command = {worker("journal_worker.py")}
retry_initial = "1h"
retry_max = "1h"
retry_jitter = false
[[route]]
agent = "failing"
""")
        client = self.client(node)
        number = client.accept(event(1, data={"retry_attempts": 1}))
        until(lambda: client.look_up(number)["state"] == "retrying", 30, "a waiting retry")
        due = client.look_up(number)["deliveries"][0]["next_due"]
        later = client.accept(event(2, due="+1h"))
        began = time.monotonic()
        node.terminate()
        self.assertEqual(node.wait(15), 0)
        self.assertLess(time.monotonic() - began, support.patience(5))
        node.start()
        client = self.client(node)
        found = client.look_up(number)
        self.assertEqual(found["state"], "retrying")
        self.assertEqual(found["deliveries"][0]["next_due"], due, "the time of the next attempt is kept")
        self.assertEqual(len(found["deliveries"][0]["attempts"]), 1)
        self.assertEqual(client.look_up(later)["state"], "pending")

    def test_turns_whose_program_cannot_be_started_do_not_hold_up_a_drain(self):
        node = self.node("""
[agent.missing]
kind = "exec"
command = ["./no-such-program"]
[[route]]
agent = "missing"
""")
        client = self.client(node)
        number = client.accept(event(1))
        until(lambda: "agent-start-failed" in node.log(), 30, "a start that failed")
        began = time.monotonic()
        node.terminate()
        self.assertEqual(node.wait(15), 0)
        self.assertLess(time.monotonic() - began, support.patience(5))
        self.assertNotIn("turn-left", node.log())
        node.start()
        found = self.client(node).look_up(number)
        self.assertEqual(len(found["deliveries"][0]["attempts"]), 0, "nothing was tried")
        self.assertIn(found["state"], ("pending", "running"))
        node.kill()


if __name__ == "__main__":
    support.main()
