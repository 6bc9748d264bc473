"""A wall clock that is set while jobs, delayed events and turns that sleep wait for it, as docs/jobs.md has it: what is
due is due once, none of it before its time, and nothing is lost.
"""
import datetime
import json
import os
import sys
import time

import support
from job_ledger import check_events, check_once, explained, history, seconds, utc, verdicts
from support import event, skein, until, worker

FALSE_CLOCK = os.environ["SKEIN_FALSE_CLOCK_LIBRARY"]
HOUR = 3600
# By the node's clock each test begins here; a step of an hour leads to 10:10. No instant but those of `every = "1s"` is
# due within the next four minutes, nor within those behind the step.
BEGIN = datetime.datetime(2027, 3, 1, 9, 10, tzinfo=datetime.timezone.utc).timestamp()
EVERY_SECOND = [f"second-{misfire}" for misfire in ("once", "skip", "all")]
# By job: what says when, its period in seconds, and what becomes of its instants when the clock is set from 9:10 to 10:10.
RARE = {
    "tens-once": ('every = "10m"\nanchor = "2027-03-01T09:18:00Z"', 600, [("merged", 5), ("caught-up", 1)]),
    "tens-skip": ('every = "10m"\nanchor = "2027-03-01T09:18:00Z"', 600, [("skipped", 6)]),
    "tens-all": ('every = "10m"\nanchor = "2027-03-01T09:18:00Z"', 600, [("caught-up", 6)]),
    "stale-once": ('every = "10m"\nanchor = "2027-03-01T09:14:00Z"', 600, [("skipped", 6)]),
    "hours-once": ('cron = "0 * * * *"', 3600, [("caught-up", 1)]),
    "hours-skip": ('cron = "0 * * * *"', 3600, [("skipped", 1)]),
    "hours-all": ('cron = "0 * * * *"', 3600, [("caught-up", 1)]),
    "quarters-once": ('cron = "*/15 * * * *"', 900, [("skipped", 4)]),
    "quarters-all": ('cron = "*/15 * * * *"', 900, [("caught-up", 4)]),
    "night-once": ('cron = "0 2 * * *"', 86400, []),
    "then-once": ('at = "2027-03-01T09:40:00Z"', 1, [("caught-up", 1)]),
}


def config(notes, release):
    text = f"""
[[node]]
name = "n1"
loops = 2
[agent.echo]
kind = "echo"
[agent.bot]
kind = "exec"
command = {worker("sleeping_worker.py")}
environment = {{ NOTES = "{notes}", RELEASE = "{release}" }}
[[route]]
type = "sleep"
agent = "bot"
[[route]]
agent = "echo"
"""
    for name, when in [*((name, 'every = "1s"') for name in EVERY_SECOND), *((name, RARE[name][0]) for name in RARE)]:
        text += f'[job.{name}]\n{when}\nagent = "echo"\nmisfire = "{name.split("-")[1]}"\noverlap = "allow"\n'
    return text


class JobsClock(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.off = os.path.join(self.folder, "seconds")
        self.notes = os.path.join(self.folder, "notes")
        self.begin = int(BEGIN - time.time())
        self.set(0)
        self.running = self.node(config(self.notes, os.path.join(self.folder, "release")),
                                 environment={"LD_PRELOAD": FALSE_CLOCK, "SKEIN_FALSE_CLOCK": self.off})
        self.http = self.client(self.running)
        self.until_fired(2)

    # ---- the clock -------------------------------------------------------------------------------

    def set(self, seconds_off):
        """By so many seconds from where it would be."""
        with open(self.off + ".new", "w", encoding="ascii") as file:
            file.write(str(self.begin + seconds_off))
        os.replace(self.off + ".new", self.off)

    def time_of_node(self):
        """When it takes an event."""
        self.taken = getattr(self, "taken", 0) + 1
        return seconds(self.http.look_up(self.http.accept(event(f"now-{self.taken}", "now")))["accepted"])

    def goes_by(self, some_seconds):
        began = time.monotonic()
        until(lambda: time.monotonic() - began > some_seconds, some_seconds + 10, "time to go by")

    def stands_still(self, some_seconds):
        """The node's time does, as long as that goes by; that time."""
        before = self.time_of_node()
        self.goes_by(some_seconds)
        self.assertEqual(self.time_of_node(), before)
        return before

    def start_again(self):
        self.http.close()
        self.running.kill()
        self.running.start()
        self.http = self.client(self.running)

    # ---- what became of it -----------------------------------------------------------------------

    def until_fired(self, least, behind=0):
        """Each job of every second has so many runs in time, of instants behind that one."""

        def look():
            return all(len([each for each in history(self.running, job)
                            if each["verdict"] == "fired" and seconds(each["from"]) > behind]) >= least
                       for job in EVERY_SECOND)

        until(look, 30, f"{least} runs in time behind {behind}")

    def until_decided(self):
        """What the step by an hour has made due."""
        for job, (_, _, expected) in RARE.items():
            until(lambda: verdicts(history(self.running, job)) == expected, 30, f"the verdicts of job {job}: {expected}")

    def check_trigger(self, stood_at):
        """While time stands still a job is run by hand twice, both times for now."""
        told = explained(self.running, "second-once", utc(stood_at + 2))
        self.assertRegex(told, r"^It is due at .*, in (\d{4}ms|[12]s)\.$")
        for _ in range(2):
            done = skein("job", "trigger", "night-once", "--server", self.running.url)
            self.assertEqual(done.returncode, 0, done)
        records = history(self.running, "night-once")
        self.assertEqual([each["verdict"] for each in records], ["triggered"] * 2)
        self.assertEqual({utc(seconds(each["from"])) for each in records}, {utc(stood_at)})

    def decided(self):
        return [(job, each["verdict"], each["from"], each["to"]) for job in EVERY_SECOND
                for each in history(self.running, job)]

    def check_all(self):
        """Each instant of each job is in one record, for each run there is one event."""
        for job in [*EVERY_SECOND, *RARE]:
            done = skein("job", "pause", job, "--server", self.running.url)
            self.assertEqual(done.returncode, 0, done)
        until(lambda: all(each["running"] == 0 for each in self.http.get("/v1/jobs").json()["jobs"]), 30,
              "the runs to end")
        histories = {job: history(self.running, job) for job in [*EVERY_SECOND, *RARE]}
        for job, records in histories.items():
            if any(each["verdict"] != "triggered" for each in records):
                check_once(self, job, records, RARE[job][1] if job in RARE else 1)
        check_events(self, self.http, histories.values())
        return histories

    # ---- other things that wait ------------------------------------------------------------------

    def delayed(self, due):
        """Events that are due then, of many keys, so that both loops have some."""
        return self.http.accept([event(f"due-{due}-{key}", f"key-{key}", due=due) for key in range(8)])

    def states(self, numbers):
        return {self.http.look_up(number)["state"] for number in numbers}

    def sleeper(self, id, time_asleep):
        """The number of an event whose turn sleeps."""
        number = self.http.accept(event(id, id, type="sleep", data={"for": time_asleep}))
        until(lambda: self.http.look_up(number)["deliveries"][0].get("sleeping"), 30, "it sleeps")
        return number

    def turns(self, id):
        with open(self.notes, encoding="utf-8") as file:
            told = [json.loads(line) for line in file.read().splitlines(True) if line.endswith("\n")]
        return len([each for each in told if each["event"] == id and "attempt" in each])

    # ---- tests -----------------------------------------------------------------------------------

    def test_set_ahead_by_an_hour_all_that_is_due_by_then_is_decided_once(self):
        soon, later = self.delayed("+30m"), self.delayed("+2h")
        asleep = self.sleeper("asleep", "30m")
        before = self.time_of_node()
        self.set(HOUR)
        self.until_fired(3, behind=before + HOUR)
        self.until_decided()
        for number in soon:
            self.assertGreaterEqual(seconds(self.http.ended(number)["deliveries"][0]["started"]), before + HOUR)
        self.assertEqual(self.states(later), {"pending"})
        self.assertEqual((self.turns("asleep"), self.http.look_up(asleep)["deliveries"][0]["sleeping"]), (1, True),
                         "a sleep is a time that goes by")

        self.start_again()  # what is kept of a sleep is when it ends
        until(lambda: self.turns("asleep") == 2, 30, "it goes on at a start behind that time")
        self.until_fired(2, behind=self.time_of_node())
        self.until_decided()
        self.assertEqual(self.states(later), {"pending"})
        told = explained(self.running, "tens-once", "2027-03-01T09:28")
        self.assertIn("It did not run for 2027-03-01T09:28:00+00:00 of its own: missed; one run stands for all", told)
        told = explained(self.running, "stale-once", "2027-03-01T09:54")
        self.assertIn("missed by more than 5m (6 instants, from 2027-03-01T09:14:00", told)
        self.check_step_of_seconds(self.check_all(), before)

    def check_step_of_seconds(self, histories, before):
        """Of an hour of seconds the newest one runs, or as many as catch_up_max says."""
        missed = [utc(before + 60), utc(before + HOUR - 300)]
        for job, verdict, why in [("second-once", "merged", "one run stands for all of them"),
                                  ("second-skip", "skipped", "misfire = skip"),
                                  ("second-all", "skipped", "the newest 100 ran (catch_up_max)")]:
            record = next(each for each in histories[job] if each["count"] > HOUR - 200)
            self.assertEqual(record["verdict"], verdict, record)
            self.assertIn(why, record["why"])
            self.assertTrue(record["from"] < missed[0] and missed[1] < record["to"], record)
        caught_up = [each for each in histories["second-all"] if each["verdict"] == "caught-up"
                     and before + 60 < seconds(each["from"]) < before + HOUR]
        self.assertGreater(len(caught_up), 90)
        self.assertLessEqual(len(caught_up), 100)

    def test_a_step_wakes_what_waits_for_a_later_time(self):
        for job in EVERY_SECOND:  # else they look at the clock
            self.assertEqual(skein("job", "pause", job, "--server", self.running.url).returncode, 0)
        delayed = self.delayed("+30m")
        self.goes_by(1.5)  # so does the last look of theirs
        self.set(HOUR)
        # Nobody waits for the events, and nobody asks the jobs: only the step can wake them.
        until(lambda: self.states(delayed) == {"done"}, 10, "the delayed events")
        until(lambda: list(self.http.events(source="skein/job/hours-once")), 10, "a run of a job")
        self.until_decided()
        self.check_all()

    def test_set_back_by_an_hour_time_stands_still_and_nothing_comes_twice(self):
        self.set(HOUR)
        self.until_decided()
        self.until_fired(2, behind=BEGIN + HOUR)
        soon, later = self.delayed("+3s"), self.delayed("+30m")
        self.http.ended(soon[0])
        due = self.delayed("+5s")
        self.set(0)
        asleep = self.sleeper("asleep", "500ms")
        before = self.decided()
        stood_at = self.stands_still(6)
        self.assertGreaterEqual(stood_at, BEGIN + HOUR)
        self.assertGreater(self.turns("asleep"), 1, "a sleep is a time that goes by")
        self.assertEqual(self.decided(), before)
        self.assertEqual(self.states(due + later), {"pending"})
        self.check_trigger(stood_at)

        self.set(HOUR)  # as if the hour had gone by
        for number in due:
            ended = self.http.ended(number)["deliveries"][0]
            self.assertGreaterEqual(seconds(ended["started"]), stood_at)
        self.until_fired(2, behind=stood_at + 6)
        self.until_decided()
        self.assertEqual(self.states(later), {"pending"})
        self.assertIn(self.http.look_up(asleep)["state"], ("pending", "running"))  # it wakes twice a second
        for job, records in self.check_all().items():
            if job in EVERY_SECOND:
                ran = [each for each in records if utc(stood_at + 1) <= each["from"] <= utc(stood_at + 5)
                       and each["verdict"] in ("fired", "caught-up")]
                self.assertEqual(len(ran), 5 if job == "second-all" else 0, f"{job}: {records}")

    def test_set_back_by_seconds_no_instant_is_missed(self):
        before = self.time_of_node()
        self.set(-4)
        self.assertLess(self.stands_still(1), before + 3)
        self.until_fired(5, behind=before)
        self.assertGreaterEqual(self.time_of_node(), before + 4)
        missed = [each for job in self.check_all().values() for each in job
                  if each["verdict"] in ("merged", "skipped") and each["count"] > 1]  # one, if the machine is slow
        self.assertEqual(missed, [])

    def test_killed_and_started_with_a_clock_that_is_behind(self):
        soon, later = self.delayed("+4s"), self.delayed("+30m")
        asleep = self.sleeper("asleep", "30m")
        self.running.kill()
        self.set(-HOUR)
        self.running.start()
        self.http.close()
        self.http = self.client(self.running)
        self.assertEqual(self.running.log().count("clock-behind"), 1)
        before = self.decided()
        stood_at = self.stands_still(4.5)
        self.start_again()
        self.assertEqual(self.stands_still(0.1), stood_at, "the time of the last commit")
        self.assertEqual(self.decided(), before)
        self.assertEqual(self.states(soon + later), {"pending"})
        self.check_trigger(stood_at)

        self.set(0)
        for number in soon:
            self.assertGreaterEqual(seconds(self.http.ended(number)["deliveries"][0]["started"]), stood_at)
        self.until_fired(2, behind=stood_at + 4)
        self.assertEqual(self.states(later), {"pending"})
        self.assertEqual(self.turns("asleep"), 1)
        self.assertIn(self.http.look_up(asleep)["state"], ("pending", "running"))  # it wakes twice a second
        self.set(HOUR)
        for number in later:
            self.http.ended(number)
        self.until_decided()
        self.check_all()


if __name__ == "__main__":
    if os.environ.get("SKEIN_SANITIZED"):
        print("SKIPPED: nothing can be loaded before the sanitizer")
        sys.exit(77)
    support.main()
