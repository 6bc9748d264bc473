"""The road of an event through a node, as its clients see it: routes, retries, cancels, times, the stream."""
import datetime
import json
import os
import time

import support
from stream import Stream
from support import event, skein, until, worker

WORKERS = f"""
[[node]]
name = "n1"
loops = 2
[agent.work]
kind = "exec"
command = {worker("journal_worker.py")}
concurrency = 2
attempts = 3
retry_initial = "20ms"
retry_jitter = false
[agent.second]
kind = "exec"
command = {worker("journal_worker.py")}
concurrency = 1
[agent.echo]
kind = "echo"
[[route]]
type = "test.work"
agent = "work"
[[route]]
type = "test.two"
agent = "work"
[[route]]
type = "test.two"
agent = "second"
[[route]]
type = "test.echo"
agent = "echo"
"""


def instant(text):
    """Seconds since the epoch of an RFC 3339 time."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    base = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return base + (float("0." + fraction) if fraction else 0.0)


class Road(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.serving = self.node(WORKERS)
        self.http = self.client(self.serving)

    def cli(self, *arguments):
        return skein(*arguments, "--server", self.serving.url)

    def again(self, stop="terminate"):
        """Another start of the node with the same data."""
        if stop == "kill":
            self.serving.kill()
        else:
            self.serving.terminate()
            self.assertEqual(self.serving.wait(30), 0)
        self.serving.start()
        self.http = self.client(self.serving)

    def wait_for_state(self, number, state):
        return until(lambda: (found := self.http.look_up(number))["state"] == state and found, 30,
                     f"{number} to be {state}")

    # ---- routes ---------------------------------------------------------------------------------

    def test_two_routes_give_two_deliveries_with_attempts_and_ends_of_their_own(self):
        number = self.http.accept(event("both", "k", "test.two", data={"retry_attempts": 1}))
        found = self.http.ended(number)
        self.assertEqual(found["state"], "done")
        by_agent = {each["agent"]: each for each in found["deliveries"]}
        self.assertEqual(set(by_agent), {"work", "second"})
        for each in by_agent.values():
            self.assertEqual(each["state"], "done")
            self.assertEqual(each["attempt"], 2)
            self.assertEqual([before["attempt"] for before in each["attempts"]], [1])
            self.assertEqual(each["attempts"][0]["error"], "attempt 1 was too early")
        status = self.http.status()
        self.assertEqual((status["ledger"]["accepted"], status["ledger"]["done"]), (1, 1))
        self.assertEqual((status["deliveries"]["accepted"], status["deliveries"]["done"]), (2, 2))
        shown = self.cli("event", "describe", number)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for word in (number, "work", "second", "done", "attempt 1 was too early"):
            self.assertIn(word, shown.stdout)
        as_json = json.loads(self.cli("event", "describe", number, "-o", "json").stdout)
        self.assertEqual(as_json["deliveries"], found["deliveries"])

    def test_an_event_is_dead_if_one_delivery_is_and_the_other_one_is_done_all_the_same(self):
        # `work` gives up after 3 attempts; `second` has the usual 12 and is done with its 4th.
        config = WORKERS.replace("concurrency = 1", 'concurrency = 1\nretry_initial = "20ms"\nretry_jitter = false')
        node = self.node(config)
        client = self.client(node)
        number = client.accept(event("half", "k", "test.two", data={"retry_attempts": 3}))
        found = client.ended(number)
        self.assertEqual(found["state"], "dead")
        self.assertEqual({each["agent"]: each["state"] for each in found["deliveries"]},
                         {"work": "dead", "second": "done"})
        status = client.status()
        self.assertEqual((status["ledger"]["dead"], status["ledger"]["done"]), (1, 0))
        self.assertEqual((status["deliveries"]["dead"], status["deliveries"]["done"]), (1, 1))

    def test_an_event_without_a_route_is_done_at_once_as_unrouted_with_a_warning(self):
        number = self.http.accept(event("nobody", "k", "test.nobody"))
        found = self.http.look_up(number)
        self.assertEqual((found["state"], found["outcome"], found["deliveries"]), ("done", "unrouted", []))
        self.assertEqual(self.http.ledger()["done"], 1)
        until(lambda: "event-unrouted" in self.serving.log(), 10, "the warning")

    # ---- failures -------------------------------------------------------------------------------

    def test_a_failing_delivery_is_tried_again_and_then_becomes_a_dead_letter_with_every_error(self):
        number = self.http.accept(event("poison", "k", "test.work", data={"retry_attempts": 99, "keep": "me"}))
        after = self.http.accept(event("after", "k", "test.work"))
        found = self.http.ended(number)
        self.assertEqual(found["state"], "dead")
        delivery = found["deliveries"][0]
        errors = [each["error"] for each in delivery["attempts"]] + [delivery["error"]]
        for attempt in (1, 2, 3):
            self.assertTrue(any(f"attempt {attempt} was too early" in each for each in errors), errors)
        self.assertFalse(any("attempt 4" in each for each in errors))
        self.assertEqual(self.http.ended(after)["state"], "done", "the key goes on behind it")
        self.assertLessEqual(instant(delivery["committed"]),
                             instant(self.http.look_up(after)["deliveries"][0]["started"]),
                             "and not before its end: a retry keeps its place")
        listed = self.cli("dead", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn(number, listed.stdout)
        self.assertNotIn(after, listed.stdout)
        shown = self.cli("dead", "show", number)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for word in ("attempt 1 was too early", "attempt 2 was too early", "attempt 3 was too early", "keep", "me"):
            self.assertIn(word, shown.stdout)
        self.again("kill")
        self.assertEqual(self.http.look_up(number), found, "all of it is kept")
        self.assertEqual([each["event"] for each in self.http.get("/v1/dead").json()["dead"]], [number])

    def test_a_permanent_failure_is_dead_after_one_attempt(self):
        answer = self.http.publish(event("bad", "k", "test.work", data={"fail_attempts": 1}), "?wait=30s")
        self.assertEqual(answer.status, 200)
        found = answer.json()
        self.assertEqual((found["state"], found["deliveries"][0]["attempt"]), ("dead", 1))
        self.assertIn("attempt 1 was not to be", found["deliveries"][0]["error"])

    def test_a_retry_comes_not_before_its_time(self):
        config = WORKERS.replace('retry_initial = "20ms"', 'retry_initial = "700ms"')
        node = self.node(config)
        client = self.client(node)
        found = client.ended(client.accept(event("patient", "k", "test.work", data={"retry_attempts": 2})))
        delivery = found["deliveries"][0]
        self.assertEqual((delivery["state"], delivery["attempt"]), ("done", 3))
        starts = [instant(each["started"]) for each in delivery["attempts"]] + [instant(delivery["started"])]
        ends = [instant(each["finished"]) for each in delivery["attempts"]]
        self.assertGreaterEqual(starts[1] - ends[0], 0.7)
        self.assertGreaterEqual(starts[2] - ends[1], 1.4)
        for before, start in zip(delivery["attempts"], starts[1:]):
            self.assertGreaterEqual(start, instant(before["next_due"]))

    # ---- cancel ---------------------------------------------------------------------------------

    def test_a_waiting_event_can_be_cancelled_and_never_runs(self):
        first = self.http.accept(event("first", "k", "test.work", data={"work": 1.0}))
        second = self.http.accept(event("second", "k", "test.work"))
        done = self.cli("event", "cancel", second, "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = self.http.look_up(second)
        self.assertEqual(found["state"], "cancelled")
        self.assertNotIn("started", found["deliveries"][0])
        self.assertEqual(self.http.ended(first)["state"], "done")
        self.assertEqual(self.http.ledger()["cancelled"], 1)

    def test_a_running_event_can_be_cancelled_and_its_effects_are_not_kept(self):
        number = self.http.accept(event("running", "k", "test.work", data={"work": 2.0, "emit": 1}))
        self.wait_for_state(number, "running")
        answer = self.http.post(f"/v1/events/{number}/cancel")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["state"], "cancelled")
        next_of_key = self.http.accept(event("next", "k", "test.work"))
        self.assertEqual(self.http.ended(next_of_key)["state"], "done", "the key is free again")
        self.assertEqual(self.http.look_up(number)["state"], "cancelled")
        self.assertEqual(list(self.http.events(type="test.child")), [])

    def test_cancelling_what_has_ended_is_a_conflict_that_tells_the_actual_state(self):
        number = self.http.accept(event("over", "k", "test.echo"))
        self.http.ended(number)
        problem = self.assert_problem(self.http.post(f"/v1/events/{number}/cancel"), 409, "already-terminal")
        self.assertIn("done", problem["detail"])
        self.assertEqual(self.cli("event", "cancel", number, "--yes").returncode, 5)
        self.assert_problem(self.http.post("/v1/events/17-999999/cancel"), 404, "not-found")

    # ---- time -----------------------------------------------------------------------------------

    def test_a_due_event_does_not_run_before_its_time_and_not_long_after_it(self):
        sent = time.time()
        numbers = [self.http.accept(event(f"due-{n}", f"k{n}", "test.echo", due="+1s")) for n in range(20)]
        for number in numbers:
            found = self.http.ended(number)
            due = instant(found["due"])
            self.assertGreaterEqual(due, sent + 1.0, "the time counts from its acceptance")
            self.assertGreaterEqual(instant(found["deliveries"][0]["started"]), due, "never early")
            self.assertLess(instant(found["deliveries"][0]["started"]) - due, 5.0)

    def test_a_due_event_keeps_its_time_over_a_restart(self):
        number = self.http.accept(event("later", "k", "test.echo", due="+3s"))
        due = self.http.look_up(number)["due"]
        self.again("kill")
        self.assertEqual(self.http.look_up(number)["state"], "pending")
        found = self.http.ended(number)
        self.assertEqual(found["due"], due)
        self.assertGreaterEqual(instant(found["deliveries"][0]["started"]), instant(due))

    def test_a_due_event_enters_its_lane_at_its_time_behind_what_ran_meanwhile(self):
        late = self.http.accept(event("late", "k", "test.work", due="+1s"))
        soon = self.http.accept(event("soon", "k", "test.work"))
        soon_ended = instant(self.http.ended(soon)["deliveries"][0]["committed"])
        self.assertLessEqual(soon_ended, instant(self.http.ended(late)["deliveries"][0]["started"]))

    def test_a_waiting_event_expires_and_never_runs(self):
        first = self.http.accept(event("long", "k", "test.work", data={"work": 2.5}))
        number = self.http.accept(event("short", "k", "test.work", expires="+1s"))
        found = self.http.ended(number)
        self.assertEqual(found["state"], "expired")
        self.assertNotIn("started", found["deliveries"][0])
        self.assertEqual(self.http.ended(first)["state"], "done")
        self.assertEqual(self.http.ledger()["expired"], 1)

    def test_a_running_event_expires_and_its_effects_are_not_kept(self):
        number = self.http.accept(event("begun", "k", "test.work", data={"work": 3.0, "emit": 1}, expires="+1s"))
        after = self.http.accept(event("after", "k", "test.work"))
        self.wait_for_state(number, "running")
        found = self.http.ended(number)
        self.assertEqual(found["state"], "expired")
        self.assertGreaterEqual(instant(found["deliveries"][0]["committed"]), instant(found["expires"]))
        self.assertEqual(self.http.ended(after)["state"], "done", "the key is free again")
        self.assertEqual(list(self.http.events(type="test.child")), [])

    # ---- identity -------------------------------------------------------------------------------

    def test_a_repeat_names_the_same_event_and_other_content_is_a_conflict(self):
        first = self.http.accept(event("same", "k", "test.echo", data=1))
        self.again("kill")
        again = self.http.publish(event("same", "k", "test.echo", data=1)).json()["accepted"][0]
        self.assertEqual((again["event"], again["duplicate"]), (first, True))
        timed = event("same", "k", "test.echo", data=1, time="2030-01-01T00:00:00Z")
        self.assertEqual(self.http.publish(timed).json()["accepted"][0]["event"], first, "time is no content")
        conflict = self.http.publish(event("same", "k", "test.echo", data=2))
        problem = self.assert_problem(conflict, 409, "identity-conflict")
        self.assertEqual(problem["refused"][0]["event"], first)
        other_key = self.http.publish(event("same", "other", "test.echo", data=2)).json()["accepted"][0]
        self.assertFalse(other_key["duplicate"], "under another key it is another event")
        batch = self.http.publish([event("new", "k", "test.echo"), event("same", "k", "test.echo", data=2)])
        problem = self.assert_problem(batch, 409, "identity-conflict")
        self.assertEqual([each["index"] for each in problem["accepted"]], [0])
        self.assertEqual([each["index"] for each in problem["refused"]], [1])
        self.assertEqual(self.http.idle()["ledger"]["accepted"], 3)

    # ---- waiting and streaming ------------------------------------------------------------------

    def test_wait_answers_with_the_look_up_at_the_end_or_202_when_time_is_up(self):
        answer = self.http.publish(event("w1", "k", "test.echo", data={"a": [1, 2]}), "?wait=20s")
        self.assertEqual(answer.status, 200, answer)
        found = answer.json()
        self.assertEqual((found["state"], found["reply"]), ("done", {"a": [1, 2]}))
        self.assertEqual(self.http.look_up(found["event"]), found)
        answer = self.http.publish(event("w2", "k", "test.work", data={"work": 1.5}), "?wait=100ms")
        self.assertEqual(answer.status, 202, answer)
        number = answer.json()["accepted"][0]["event"]
        repeat = self.http.publish(event("w2", "k", "test.work", data={"work": 1.5}), "?wait=20s")
        self.assertEqual((repeat.status, repeat.json()["event"], repeat.json()["state"]), (200, number, "done"))
        sent = self.cli("send", "hello", "--key", "k", "--type", "test.echo", "--wait=20s")
        self.assertEqual((sent.returncode, sent.stdout.strip()), (0, "hello"))
        dead = self.cli("send", '{"fail_attempts": 1}', "--content-type", "application/json", "--key", "k",
                        "--type", "test.work", "--wait=20s")
        self.assertEqual(dead.returncode, 1, dead)
        late = self.cli("send", '{"work": 1}', "--content-type", "application/json", "--key", "k",
                        "--type", "test.work", "--wait=100ms")
        self.assertEqual(late.returncode, 124, late)

    def read_stream(self, count, last_id=None, query="?key=s"):
        """So many messages behind an id."""
        with Stream(self.serving.port, query, last_id) as stream:
            self.assertEqual(stream.status, 200)
            seen = []
            for message in stream:
                seen.append(message)
                if len(seen) == count:
                    return seen
        self.fail(f"the stream ended after {seen}")

    def test_a_stream_resumes_behind_its_last_id_over_a_restart_without_gap_or_repeat(self):
        with Stream(self.serving.port, "?key=s") as stream:
            self.assertEqual(stream.status, 200)
            number = self.http.accept(event("s1", "s", "test.echo", data="one"))
            self.http.accept(event("other", "t", "test.echo"))
            messages = iter(stream)
            first, second = next(messages), next(messages)
        self.assertEqual((first[1], first[2]["event"], first[2]["id"]), ("accepted", number, "s1"))
        self.assertEqual((second[1], second[2]["state"], second[2]["reply"]), ("outcome", "done", "one"))
        self.http.idle()
        meanwhile = self.http.accept([event(f"s{n}", "s", "test.echo") for n in range(2, 6)])
        self.http.idle()
        self.again("kill")
        last = self.http.accept(event("s6", "s", "test.echo"))
        resumed = self.read_stream(10, second[0])
        self.assertEqual([each["event"] for _, kind, each in resumed if kind == "accepted"], [*meanwhile, last])
        self.assertEqual([each["event"] for _, kind, each in resumed if kind == "outcome"], [*meanwhile, last])
        self.assertEqual(self.read_stream(9, resumed[0][0]), resumed[1:], "any id will do")
        self.assert_problem(self.http.request("GET", "/v1/stream", headers={"Last-Event-ID": "nonsense"}),
                            400, "invalid-argument")

    # ---- what turns do --------------------------------------------------------------------------

    def test_state_is_kept_for_agent_and_key_over_restarts_and_kills(self):
        def count(id, key):
            answer = self.http.publish(event(id, key, "test.work", data={"count": True}), "?wait=30s")
            self.assertEqual(answer.status, 200, answer)
            return answer.json()["reply"]["state"]

        self.assertEqual([count("a1", "a"), count("a2", "a"), count("b1", "b")], [None, 1, None])
        self.again("kill")
        self.assertEqual([count("a3", "a"), count("b2", "b")], [2, 1])
        self.again()
        self.assertEqual([count("a4", "a"), count("c1", "c")], [3, None])

    def test_what_a_turn_emits_runs_now_or_at_its_time(self):
        script = self.write_script("emitter.sh", """#!/bin/sh
if [ "$SKEIN_TYPE" = test.start ]; then
  echo '{"emit": [{"type": "test.now", "data": 1}, {"type": "test.later", "due": "+1s", "partitionkey": "elsewhere"}]}'
else
  echo '{"reply": "ran"}'
fi
""")
        node = self.node(f"""
[agent.emitter]
kind = "exec"
command = ["{script}"]
mode = "oneshot"
output = "effects"
[[route]]
agent = "emitter"
""")
        client = self.client(node)
        started = client.accept(event("e", "k", "test.start"))
        found = client.ended(started)
        self.assertEqual(found["deliveries"][0]["emitted"], 2)
        status = client.idle()
        self.assertEqual((status["ledger"]["accepted"], status["ledger"]["done"]), (3, 3))
        now, = client.events(type="test.now")
        later, = client.events(type="test.later")
        self.assertEqual((now["id"], now["key"]), (f"{started}.emitter.0", "k"))
        self.assertEqual((later["id"], later["key"]), (f"{started}.emitter.1", "elsewhere"))
        self.assertEqual([each["reply"] for each in (now, later)], ["ran", "ran"])
        self.assertGreaterEqual(instant(later["deliveries"][0]["started"]), instant(later["due"]))
        self.assertGreaterEqual(instant(later["due"]) - instant(found["deliveries"][0]["committed"]), 0.9)
        self.assertEqual(client.look_up(now["event"])["data"]["skeinhops"], "1")

    def write_script(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path


if __name__ == "__main__":
    support.main()
