"""The checker of the fault runs must be able to fail: a good history passes, and each that breaks a promise is seen by
the rule that stands for it.
"""
import copy
import os
import tempfile
import unittest

import checker
from checker import judge
from history import BELL, OUTBOX, SINK, WORKER, Answer, Delivery, Event, Grant, History, Offer, Recorder, Turn
from history import read_history, save_store

SECOND = 1_000_000_000
FIRST, LATER = 100 * SECOND, 200 * SECOND  # when n1 gets shard 1, and when n2 does


def done(agent, at, owner="n1:a", **more):
    return Delivery(agent, 0, "done", 1, at - 2000, 0, None, at, owner, **more)


def good():
    """Two events of one key in shard 1, the second one committed by the node that took over; what the first has
    emitted, once by way of the outbox; a dead one and one that failed once; a job of three instants."""
    made = History()
    rows = [("c-1", "k", "spread", "1-10", 110), ("c-2", "k", "retried", "1-11", 120), ("c-3", "p", "poison", "1-12", 130)]
    for name, key, kind, number, second in rows:
        at = second * SECOND
        made.offers.append(Offer(name, key, kind, "n1", at - SECOND))
        made.answers.append(Answer(name, "accepted", number, "n1", at + SECOND))
        made.events.append(Event(number, name, key, at, at, "n1:a"))
    made.answers.insert(0, Answer("c-1", "unknown", "", "n3", 109 * SECOND))
    made.offers.insert(0, Offer("c-1", "k", "spread", "n3", 108 * SECOND))
    one, two, three = made.events
    one.deliveries = [Delivery(WORKER, 0, "done", 1, 111 * SECOND, 2, {"id": "c-1", "count": 1}, 112 * SECOND, "n1:a")]
    two.deliveries = [Delivery(WORKER, 0, "done", 2, 210 * SECOND, 0, {"id": "c-2", "count": 2}, 212 * SECOND, "n2:b")]
    three.deliveries = [Delivery(WORKER, 0, "dead", 1, 131 * SECOND, 0, None, 132 * SECOND, "n1:a")]
    for name, key, token, attempt, owner, second in (
            ("c-1", "k", "t1", 1, "n1:1", 111), ("c-2", "k", "t2", 1, "n1:1", 121), ("c-3", "p", "t3", 1, "n1:1", 131),
            ("c-2", "k", "t2", 2, "n2:2", 210)):
        made.turns.append(Turn("start", token, name, key, attempt, owner, second * SECOND))
        made.turns.append(Turn("end", token, name, key, attempt, owner, second * SECOND + 1000))
    made.grants = [Grant(1, 3, "n1:a", FIRST), Grant(1, 4, "n2:b", LATER), Grant(2, 1, "n3:c", FIRST)]
    made.events += [
        Event("2-20", "1-10.worker.0", "m", 113 * SECOND, 113 * SECOND, "n3:c", 0, [done(SINK, 114 * SECOND, "n3:c")]),
        Event("1-13", "1-10.worker.1", "j", 112 * SECOND, 112 * SECOND, "n1:a", 115 * SECOND,
              [done(SINK, 116 * SECOND)]),
        Event("1-14", "1-10.worker.0", "m", 112 * SECOND, 112 * SECOND, "n1:a", 0, [done(OUTBOX, 113 * SECOND)])]
    made.states = {"k": 2}
    for second in (140, 141, 143):
        name = f"tick@{second}"
        made.events.append(Event(f"1-{second}", name, "tick", second * SECOND, second * SECOND, "n1:a", 0,
                                 [done(BELL, second * SECOND + 5000)]))
    made.jobs = {"tick": [record("fired", 140, "tick@140"), record("fired", 141, "tick@141"), record("skipped", 142),
                          record("caught-up", 143, "tick@143")]}
    made.ledger = {"accepted": 9, "done": 8, "dead": 1, "pending": 0, "cancelled": 0}
    return made


def record(verdict, second, name=None):
    instant = f"1970-01-01T00:02:{second - 120:02d}Z"
    made = {"verdict": verdict, "from": instant, "to": instant, "count": 1, "decided": instant}
    return {**made, "id": name} if name else made


class Checker(unittest.TestCase):
    def broken(self, rule, change, says=""):
        """After the change that rule, and perhaps others, must object with these words."""
        history = good()
        change(history)
        texts = [text for name, text in judge(history) if name == rule]
        self.assertTrue(any(says in text for text in texts), f"{rule} has seen nothing: {judge(history)}")

    def test_a_good_history_passes_and_is_the_same_when_it_was_written_and_read(self):
        self.assertEqual(judge(good()), [])
        with tempfile.TemporaryDirectory() as folder:
            made = good()
            client = Recorder(os.path.join(folder, "client.jsonl"))
            for each in made.offers:
                client.note(["offer", each.id, each.key, each.kind, each.node, each.at])
            for each in made.answers:
                client.note(["answer", each.id, each.verdict, each.event, each.node, each.at])
            client.close()
            for name, rows in (("turns", [[t.what, t.token, t.id, t.key, t.attempt, t.owner, t.at] for t in made.turns]),
                               ("grants", [[g.shard, g.epoch, g.owner, g.at] for g in made.grants])):
                recorder = Recorder(os.path.join(folder, name + ".jsonl"))
                recorder.note(*rows)
                recorder.close()
            save_store(folder, made.events, made.states, made.jobs, made.ledger)
            again = read_history(folder)
            self.assertEqual(again, made)
            self.assertEqual(judge(again), [])
            self.assertEqual(checker.figures(again)["acknowledged"], 3)
            self.assertEqual(checker.figures(again)["turns begun again without an end that counts"], 0)

    def test_every_rule_has_a_history_that_breaks_it(self):
        with open(os.path.abspath(__file__), encoding="utf-8") as file:
            own = file.read()
        for rule in checker.RULES:
            self.assertGreaterEqual(own.count(f'broken("{rule.__name__}"'), 2, rule.__name__)

    def test_an_acknowledged_event_that_is_not_there_is_seen(self):
        self.broken("acknowledged_is_stored", lambda h: h.events.pop(2), "LOST")
        self.broken("acknowledged_is_stored", lambda h: setattr(h.events[1], "number", "1-99"), "LOST")
        self.broken("acknowledged_is_stored", lambda h: setattr(h.events[1], "key", "other"), "which is")

    def test_what_has_not_ended_or_ended_otherwise_is_seen(self):
        self.broken("all_has_ended", lambda h: setattr(h.events[1].deliveries[0], "state", "pending"), "has not ended")
        self.broken("all_has_ended", lambda h: setattr(h.events[0].deliveries[0], "state", "dead"), "not done")
        self.broken("all_has_ended", lambda h: setattr(h.events[2].deliveries[0], "state", "done"), "not dead")
        self.broken("all_has_ended", lambda h: setattr(h.events[5].deliveries[0], "state", "running"), "has not ended")
        self.broken("all_has_ended", lambda h: h.events[0].deliveries.clear(), "has no delivery")

    def test_what_nobody_sent_is_seen(self):
        self.broken("nothing_is_invented", lambda h: h.events.append(Event("1-50", "x", "k", 1, 150 * SECOND, "n1:a")))
        self.broken("nothing_is_invented", lambda h: h.offers.pop(3), "nobody sent it")

        def refused(history):
            history.answers = [each for each in history.answers if each.id != "c-2"]
            history.answers.append(Answer("c-2", "refused", "", "n1", 119 * SECOND))
        self.broken("nothing_is_invented", refused, "refused each time")

    def test_two_events_of_one_identity_are_seen(self):
        def twice(history):
            again = copy.deepcopy(history.events[1])
            again.number = "1-15"
            history.events.append(again)
        self.broken("one_event_an_identity", twice, "is 2 events")
        self.broken("one_event_an_identity", lambda h: h.answers.append(Answer("c-1", "accepted", "1-11", "n2", 1)),
                    "was acknowledged as")

    def test_emitted_events_that_are_missing_or_come_twice_are_seen(self):
        self.broken("emitted_once", lambda h: h.events.pop(4), "is 0 events")

        def twice(history):
            again = copy.deepcopy(history.events[3])
            again.number = "2-21"
            history.events.append(again)
        self.broken("emitted_once", twice, "is 2 events")
        self.broken("emitted_once", lambda h: setattr(h.events[3], "id", "1-11.worker.0"), "was emitted 0 times")
        self.broken("emitted_once", lambda h: setattr(h.events[0].deliveries[0], "emitted", 1), "has emitted 1")

    def test_a_state_that_counts_otherwise_is_seen(self):
        self.broken("counted_once", lambda h: h.states.update(k=3), "2 turns are done")
        self.broken("counted_once", lambda h: h.states.clear(), "its state says None")
        self.broken("counted_once", lambda h: h.states.update(other=1), "0 turns are done")
        self.broken("counted_once", lambda h: h.events[1].deliveries[0].reply.update(count=1), "is number 2")

    def test_ends_out_of_order_are_seen(self):
        self.broken("in_order", lambda h: setattr(h.events[0].deliveries[0], "at", 213 * SECOND), "before it in its lane")
        self.broken("in_order", lambda h: setattr(h.events[0], "due", 209 * SECOND), "before it in its lane")

    def test_two_turns_of_a_lane_at_once_are_seen(self):
        self.broken("one_turn_at_a_time", lambda h: setattr(h.turns[1], "at", 122 * SECOND), "still ran")

        def third(history):
            history.turns[2:2] = [Turn("start", "t4", "c-4", "k", 1, "n1:1", 111 * SECOND + 500)]
        self.broken("one_turn_at_a_time", third, "still ran")

    def test_a_turn_that_another_owner_still_runs_is_none_too_many(self):
        history = good()
        history.turns.append(Turn("start", "t2", "c-2", "k", 1, "n1:1", 205 * SECOND))
        history.turns.append(Turn("end", "t2", "c-2", "k", 1, "n1:1", 211 * SECOND))
        self.assertEqual(judge(history), [])

    def test_epochs_that_come_again_and_commits_of_the_past_are_seen(self):
        self.broken("one_committing_owner", lambda h: setattr(h.grants[1], "epoch", 3), "after epoch 3")
        self.broken("one_committing_owner", lambda h: setattr(h.grants[1], "epoch", 2), "after epoch 3")
        self.broken("one_committing_owner", lambda h: setattr(h.events[1].deliveries[0], "owner", "n1:a"), "STALE")
        self.broken("one_committing_owner", lambda h: setattr(h.events[0].deliveries[0], "at", 201 * SECOND), "STALE")
        self.broken("one_committing_owner", lambda h: setattr(h.events[0], "at", 99 * SECOND), "nobody's")
        self.broken("one_committing_owner", lambda h: setattr(h.events[1], "owner", "n2:b"), "STALE")

    def test_what_begins_early_is_seen(self):
        self.broken("never_early", lambda h: setattr(h.events[4].deliveries[0], "started", 115 * SECOND - 1))
        self.broken("never_early", lambda h: setattr(h.events[4], "due", 117 * SECOND))

    def test_attempts_that_nothing_has_failed_are_seen(self):
        self.broken("attempts_are_failures", lambda h: setattr(h.events[0].deliveries[0], "attempt", 2), "in attempt 2")
        self.broken("attempts_are_failures", lambda h: setattr(h.events[1].deliveries[0], "attempt", 1), "not 2")
        self.broken("attempts_are_failures", lambda h: setattr(h.events[2].deliveries[0], "attempt", 3), "in attempt 3")

    def test_turns_without_a_run_or_under_the_token_of_another_are_seen(self):
        def unrun(history):
            history.turns = [each for each in history.turns if each.id != "c-1"]
        self.broken("turns_have_run", unrun, "no program has run it")
        self.broken("turns_have_run", lambda h: setattr(h.turns[6], "token", "t9"), "under 2 tokens")
        self.broken("turns_have_run", lambda h: [setattr(each, "token", "t1") for each in h.turns[2:4]], "is of 2 events")

    def test_a_ledger_that_counts_otherwise_is_seen(self):
        self.broken("ledger_holds", lambda h: h.ledger.update(accepted=10), "10 events")
        self.broken("ledger_holds", lambda h: h.ledger.update(done=7, pending=1), "'pending': 1")
        self.broken("ledger_holds", lambda h: h.ledger.update(done=9, dead=0), "the store has")

    def test_instants_in_no_record_or_in_two_are_seen(self):
        self.broken("instants_are_told_once", lambda h: h.jobs["tick"].pop(2), "in no record, or in several")
        self.broken("instants_are_told_once", lambda h: h.jobs["tick"].append(record("skipped", 141)))
        self.broken("instants_are_told_once", lambda h: h.jobs["tick"].clear(), "no records")
        self.broken("instants_are_told_once", lambda h: h.events.pop(7), "is 0 events")
        self.broken("instants_are_told_once",
                    lambda h: h.events.append(copy.deepcopy(h.events[7])), "is 2 events")
        self.broken("instants_are_told_once",
                    lambda h: h.jobs["tick"][0].update(decided="1970-01-01T00:02:19Z"), "before its time")


if __name__ == "__main__":
    unittest.main(verbosity=2)
