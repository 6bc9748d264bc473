"""kill -9 at any moment, with 500 jobs that are due every second: each instant is in exactly one record.

    jobs_kill_test.py [ROUNDS] [SEED]

Afterwards the ledger of every job must have each second since its creation once, with the verdicts that its misfire
rule allows, and for each run exactly one event.
"""
import collections
import datetime
import os
import random
import sys
import time

import support
from support import say, until

JOBS = 500
rounds = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 4
seed = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else int.from_bytes(os.urandom(4), "big")
RULES = [(misfire, overlap, breaker) for misfire in ("skip", "once", "all") for overlap in ("skip", "queue", "allow")
         for breaker in ("on", "off")]
RUNS = ("fired", "caught-up")


def config():
    text = """
[[node]]
name = "n1"
loops = 2
[agent.echo]
kind = "echo"
"""
    for number in range(JOBS):
        misfire, overlap, breaker = RULES[number % len(RULES)]
        when = 'every = "1s"' if number % 2 == 0 else 'cron = "* * * * * *"'
        text += f'[job.j{number}]\n{when}\nagent = "echo"\nmisfire = "{misfire}"\noverlap = "{overlap}"\nbreaker = "{breaker}"\n'
    return text


def second(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


class JobsKill(support.SystemTest):
    def test_each_instant_of_each_job_is_in_exactly_one_record(self):
        dice = random.Random(seed)
        node = self.unstarted()
        node.configure(config())
        for _ in range(rounds):
            node.start()
            time.sleep(dice.uniform(0.2, 1.8))  # the moment of the kill
            node.kill()
            if dice.random() < 0.3:
                time.sleep(dice.uniform(0.5, 4))  # the machine is off: instants are missed
        node.start()
        client = self.client(node)
        now = int(time.time())
        until(lambda: all(second(each["next"]) > now for each in client.get("/v1/jobs").json()["jobs"]), 30,
              "all instants to be decided")
        until(lambda: all(each["running"] == 0 for each in client.get("/v1/jobs").json()["jobs"]), 30, "the runs to end")
        before = client.ledger()["accepted"]  # jobs go on meanwhile
        counts, runs, ids = collections.Counter(), 0, set()
        for number in range(JOBS):
            history = self.history(client, f"j{number}")
            self.check(f"j{number}", history, RULES[number % len(RULES)], now)
            for each in history:
                counts[each["verdict"]] += each["count"]
                if each["verdict"] in RUNS:
                    runs += 1
                    self.assertNotIn(each["id"], ids)
                    ids.add(each["id"])
                    self.assertIn("event", each, f"{each['id']} is not there")
        self.assertLessEqual(before, runs, "an event without a record")
        self.assertLessEqual(runs, client.ledger()["accepted"], "a record without an event")
        say(f"seed {seed}: {rounds} kills, {JOBS} jobs, {sum(counts.values())} instants: {dict(counts)}")

    def history(self, client, job):
        answer = client.get(f"/v1/jobs/{job}/history", limit=1000)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["records"][::-1]

    def check(self, job, history, rules, now):
        seen = collections.Counter()
        for each in history:
            begin, end = second(each["from"]), second(each["to"])
            self.assertEqual(end - begin + 1, each["count"], each)
            for at in range(begin, end + 1):
                seen[at] += 1
            self.assertGreaterEqual(second(each["decided"]), end, "decided before its time")
            misfire, _, breaker = rules
            if misfire == "skip":
                self.assertNotIn(each["verdict"], ("caught-up", "merged"), each)
            if misfire == "all":
                self.assertNotEqual(each["verdict"], "merged", each)
        if misfire == "all" and breaker == "off":
            self.assertEqual([each for each in history if each["verdict"] == "skipped" and "missed" in each["why"]], [])
        first = min(seen)
        self.assertEqual([at for at in range(first, now + 1) if seen[at] != 1], [], f"{job}: {rules}")


if __name__ == "__main__":
    support.main()
