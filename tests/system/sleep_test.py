"""Turns that sleep: they go on with their state, never early and once each, also after kill -9."""
import json
import os

import support
from support import event, skein, until, worker


class Sleep(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.notes = os.path.join(self.folder, "notes")
        self.release = os.path.join(self.folder, "release")

    def sleeper(self):
        return self.unstarted(f"""
[agent.bot]
kind = "exec"
command = {worker("sleeping_worker.py")}
environment = {{ NOTES = "{self.notes}", RELEASE = "{self.release}" }}
concurrency = 4
[[route]]
agent = "bot"
""")

    def let_go(self):
        with open(self.release, "w", encoding="utf-8"):
            pass

    def told(self, of=None):
        """What the agent noted, oldest first; of one event."""
        if not os.path.exists(self.notes):
            return []
        with open(self.notes, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file.read().splitlines(True) if line.endswith("\n")]
        return [each for each in lines if of in (None, each["event"])]

    def turns(self, of):
        return [each for each in self.told(of) if "attempt" in each]

    def check_never_early(self, of, time=0.2):
        slept_at = None
        for each in self.told(of):
            if "sleeps_now" in each:
                slept_at = each["at"]
            elif slept_at is not None:
                self.assertGreaterEqual(each["at"] - slept_at, time, self.told(of))

    def test_a_turn_sleeps_and_goes_on_with_its_state(self):
        node = self.sleeper()
        node.start()
        client = self.client(node)
        number = client.accept(event("1", "k"))
        until(lambda: len(self.turns("1")) >= 3, 30, "three turns")
        pending = client.look_up(number)["deliveries"][0]
        self.assertEqual(pending["attempts"], [])
        self.assertGreaterEqual(pending["sleeps"], 2)
        self.assertIn("slept_at", pending)
        self.assertEqual(client.ledger()["pending"], 1)
        self.let_go()
        ended = client.ended(number)["deliveries"][0]
        turns = self.turns("1")
        self.assertEqual((ended["state"], ended["attempt"], ended["reply"]), ("done", 1, len(turns)))
        self.assertEqual(ended["sleeps"], len(turns) - 1)
        self.assertEqual([each["attempt"] for each in turns], [1] * len(turns))
        self.assertEqual([each["sleeps"] or 0 for each in turns], list(range(len(turns))))
        self.assertEqual([each["state"] for each in turns[1:]], [{"looks": i + 1} for i in range(len(turns) - 1)])
        self.assertIsNone(turns[0]["state"])
        self.assertEqual(len({each["token"] for each in turns}), len(turns), "each has a token of its own")
        self.check_never_early("1")

    def test_a_long_sleep_is_shown_keeps_its_lane_and_can_be_cancelled(self):
        node = self.sleeper()
        node.start()
        client = self.client(node)
        first = client.accept(event("1", "k", data={"for": "1h"}))
        second = client.accept(event("2", "k", data={"for": "1h"}))
        client.accept(event("3", "other", data={"for": "1h"}))

        def asleep():
            found = client.look_up(first)
            return found if found["deliveries"][0].get("sleeping") else None

        found = until(asleep, 30, "it sleeps")
        self.assertEqual(found["state"], "pending")
        self.assertIn("next_due", found["deliveries"][0])
        self.assertEqual(client.look_up(second)["lane"][0]["position"], 1)
        until(lambda: self.turns("3"), 30, "another key does not wait")
        self.assertEqual(self.turns("2"), [])
        shown = skein("event", "describe", first, environment={"SKEIN_SERVER": node.url})
        self.assertIn("SLEEPS", shown.stdout)
        self.assertEqual(client.post(f"/v1/events/{first}/cancel").status, 200)
        self.assertEqual(client.look_up(first)["state"], "cancelled")
        until(lambda: self.turns("2"), 30, "the next of its lane")
        self.assertEqual(self.turns("2")[0]["state"], {"looks": 1}, "what the sleeper kept stays")
        node.terminate()
        self.assertEqual(node.wait(20), 0, "a drain does not wait for who sleeps")

    def test_kill_9_while_it_sleeps_loses_nothing_and_wakes_nobody_early(self):
        node = self.sleeper()
        numbers = []
        for life in range(3):
            node.start()
            client = self.client(node)
            number = str(life)
            numbers.append(client.accept(event(number, f"k{number}", data={"for": "700ms"})))
            until(lambda: [each for each in self.told(number) if "sleeps_now" in each], 30, "it sleeps")
            until(lambda: client.look_up(numbers[-1])["deliveries"][0].get("sleeps", 0) > 0, 30, "it is on disk")
            node.kill()
        node.start()
        client = self.client(node)
        self.assertEqual(client.ledger()["pending"], 3)
        self.let_go()
        for life, each in enumerate(numbers):
            ended = client.ended(each)["deliveries"][0]
            turns = self.turns(str(life))
            self.assertEqual((ended["state"], ended["attempt"]), ("done", 1), "a kill is no attempt")
            # A turn that was killed before its sleep was on disk runs again with the same number and token.
            by_sleeps = {}
            for turn in turns:
                by_sleeps.setdefault(turn["sleeps"] or 0, set()).add((turn["token"], json.dumps(turn["state"])))
            self.assertEqual(sorted(by_sleeps), list(range(len(by_sleeps))))
            self.assertTrue(all(len(same) == 1 for same in by_sleeps.values()), turns)
            self.assertEqual(ended["sleeps"], len(by_sleeps) - 1)
            self.assertEqual(ended["reply"], len(by_sleeps))
            self.check_never_early_after_kills(str(life), 0.7)

    def check_never_early_after_kills(self, of, time):
        """Of the turns with one more sleep than those before: the last of those may not have been committed."""
        first_sleep = {}
        for each in self.told(of):
            if "sleeps_now" in each:
                first_sleep.setdefault(each["sleeps_now"], each["at"])
        for turn in self.turns(of):
            name, _, number = turn["turn"].rpartition("/")
            before = first_sleep.get(f"{name}/{int(number) - 1}")
            if before is not None:
                self.assertGreaterEqual(turn["at"] - before, time, self.told(of))

    def test_failures_are_counted_apart_and_what_is_no_sleep_is_refused(self):
        node = self.sleeper()
        node.start()
        client = self.client(node)
        failing = client.accept(event("1", "a", data={"crash": 2}))
        until(lambda: len(self.turns("1")) >= 4, 30, "it fails once, and sleeps on")
        self.let_go()
        ended = client.ended(failing)["deliveries"][0]
        self.assertEqual((ended["state"], ended["attempt"]), ("done", 2))
        self.assertEqual([each["attempt"] for each in ended["attempts"]], [1])
        for id, answer, why in (
                ("zero", {"sleep": "0s"}, "longer than 0"), ("far", {"sleep": "367d"}, "at most 366d"),
                ("word", {"sleep": "soon"}, "must be a duration"), ("reply", {"sleep": "1s", "reply": 1}, '"reply"'),
                ("emit", {"sleep": "1s", "emit": [{"type": "x"}]}, '"emit"')):
            with self.subTest(id):
                dead = client.ended(client.accept(event(id, id, data={"answer": answer})))["deliveries"][0]
                self.assertEqual((dead["state"], dead["code"]), ("dead", "agent-output-invalid"))
                self.assertIn(why, dead["error"])

    def test_a_oneshot_program_sleeps_and_is_told_how_often(self):
        script = ('if [ "$SKEIN_SLEEPS" = 2 ]; then echo "{\\"reply\\": $(cat "$SKEIN_STATE")}"; '
                  'else echo "[$SKEIN_SLEEPS]" > "$SKEIN_STATE"; echo "{\\"sleep\\": \\"50ms\\"}"; fi')
        node = self.unstarted(f"""
[agent.bot]
kind = "exec"
command = {json.dumps(["/bin/sh", "-c", script])}
mode = "oneshot"
output = "effects"
[[route]]
agent = "bot"
""")
        node.start()
        ended = self.client(node).ended(self.client(node).accept(event("1", "k")))["deliveries"][0]
        self.assertEqual((ended["reply"], ended["sleeps"], ended["attempt"]), ([1], 2, 1))


if __name__ == "__main__":
    support.main()
