"""One agent that hangs, or one key that fails, delays no other."""
import os
import time

import support
from support import event, say, stuck_agent, until, worker

ROUNDS = 40


class Isolation(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.notes = os.path.join(self.folder, "notes.txt")

    def config(self):
        stuck = stuck_agent(self.notes, f"{self.folder}/release", concurrency=3, settings='timeout = "1h"')
        return f"""
[[node]]
name = "n1"
loops = 2
{stuck}
[agent.failing]
kind = "exec"
command = ["false"]
mode = "oneshot"
[agent.fine]
kind = "exec"
command = {worker("journal_worker.py")}
concurrency = 2
[[route]]
type = "test.stuck"
agent = "stuck"
[[route]]
type = "test.failing"
agent = "failing"
[[route]]
type = "test.fine"
agent = "fine"
"""

    def latencies(self, client, name):
        """Seconds from the request to the end, one event after the other, over keys of both loops."""
        taken = []
        for n in range(ROUNDS):
            began = time.monotonic()
            answer = client.publish(event(f"{name}-{n}", f"k{n % 50}", "test.fine"), "?wait=60s")
            taken.append(time.monotonic() - began)
            self.assertEqual((answer.status, answer.json()["state"]), (200, "done"), answer)
        return sorted(taken)

    def started(self):
        if not os.path.exists(self.notes):
            return 0
        with open(self.notes, encoding="utf-8") as file:
            return len(file.readlines())

    def test_an_agent_with_all_its_slots_hanging_and_a_long_queue_delays_no_other_agent(self):
        client = self.client(self.node(self.config()))
        before = self.latencies(client, "before")
        client.accept([event(n, f"k{n % 50}", "test.stuck") for n in range(1000)])
        until(lambda: self.started() == 3, 30, "all slots to hang")
        after = self.latencies(client, "after")
        say(f"median {before[ROUNDS // 2] * 1000:.1f} ms before, {after[ROUNDS // 2] * 1000:.1f} ms with the hanging agent; "
            f"worst {before[-1] * 1000:.1f} and {after[-1] * 1000:.1f} ms")
        # Waiting for a hanging turn would take an hour: any bound tells, this one survives a busy machine.
        self.assertLess(after[ROUNDS // 2], 5 * before[ROUNDS // 2] + support.patience(0.05))
        self.assertLess(after[-1], support.patience(2))
        status = client.status()
        stuck = next(each for each in status["agents"] if each["name"] == "stuck")
        self.assertEqual((stuck["running"], stuck["waiting"]), (3, 997))
        self.assertEqual(self.started(), 3, "never more than its slots")

    def test_a_key_whose_event_fails_again_and_again_delays_no_other_key(self):
        client = self.client(self.node(self.config()))
        poison = client.accept(event("poison", "bad", "test.failing"))
        until(lambda: client.look_up(poison)["deliveries"][0]["attempts"], 30, "a first failure")
        taken = self.latencies(client, "beside")
        self.assertLess(taken[-1], support.patience(2))
        self.assertEqual(client.look_up(poison)["state"], "retrying")

    def test_a_hanging_turn_holds_its_own_key_alone(self):
        client = self.client(self.node(self.config()))
        first = client.accept(event("first", "held", "test.stuck"))
        behind = client.accept(event("behind", "held", "test.stuck"))
        until(lambda: self.started() == 1, 30, "the first to hang")
        other = client.accept(event("other", "free", "test.stuck"))
        until(lambda: self.started() == 2, 30, "the other key to get a slot")
        self.assertEqual([client.look_up(number)["state"] for number in (first, behind, other)],
                         ["running", "pending", "running"])


if __name__ == "__main__":
    support.main()
