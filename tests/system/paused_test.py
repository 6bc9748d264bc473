"""A process that is stopped for some seconds, as a debugger, a container or a laptop does it: what is missed meanwhile
is decided once when it goes on.

    paused_test.py [SECONDS]
"""
import os
import signal
import sys
import time

import support
from job_ledger import check_events, check_once, explained, history, seconds, utc
from support import event, say, skein, until

PAUSE = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 5
ECHO = """
[[node]]
name = "n1"
loops = 2
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
"""
SECONDS = {f"{when}-{misfire}": f'{schedule}\nmisfire = "{misfire}"' for misfire in ("once", "skip", "all")
           for when, schedule in (("every", 'every = "1s"'), ("cron", 'cron = "* * * * * *"'))}


class Paused(support.SystemTest):
    def setUp(self):
        super().setUp()
        text = ECHO
        for job, definition in SECONDS.items():
            text += f'[job.{job}]\n{definition}\nagent = "echo"\noverlap = "allow"\n'
        self.stopped = self.node(text)
        self.http = self.client(self.stopped)

    def create(self, job, *words):
        done = skein("job", "create", job, "--agent", "echo", *words, "--server", self.stopped.url)
        self.assertEqual(done.returncode, 0, done)

    def pause(self):
        """Stops it for PAUSE seconds: from when on it did nothing, and until when, by the wall."""
        flags = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        self.stopped.signal(signal.SIGSTOP)
        until(lambda: os.waitid(os.P_PID, self.stopped.pid, flags), 10, "all of its threads to stand still")
        since = time.time()
        self.http.close()  # idle connections are closed after such a time
        time.sleep(PAUSE)  # the pause itself
        upto = time.time()
        self.stopped.signal(signal.SIGCONT)
        return since, upto

    def until_fired(self, job, behind, least=2):
        until(lambda: len([each for each in history(self.stopped, job)
                           if each["verdict"] == "fired" and seconds(each["from"]) > behind]) >= least,
              30, f"{least} runs of job {job} in time behind {utc(behind)}")

    def test_what_a_pause_has_missed_is_decided_once(self):
        for job in SECONDS:
            self.until_fired(job, behind=0)
        delayed = self.http.accept([event(f"due-{key}", f"key-{key}", due=f"+{PAUSE * 500}ms") for key in range(8)])
        # One instant, within the pause, that is too late for a run in time and early enough to be caught up.
        rare = int(time.time()) + 2
        self.create("rare", "--every", f"{PAUSE}s", "--anchor", utc(rare), "--catch-up", "1h")
        since, upto = self.pause()
        for job in SECONDS:
            self.until_fired(job, behind=upto)
        for number in delayed:
            started = seconds(self.http.ended(number)["deliveries"][0]["started"])
            self.assertTrue(started < since or started >= upto, "in the pause")
        until(lambda: history(self.stopped, "rare"), 30, "the rare one")

        for job in [*SECONDS, "rare"]:
            self.assertEqual(skein("job", "pause", job, "--server", self.stopped.url).returncode, 0)
        until(lambda: all(each["running"] == 0 for each in self.http.get("/v1/jobs").json()["jobs"]), 30,
              "the runs to end")
        histories = {job: history(self.stopped, job) for job in [*SECONDS, "rare"]}
        check_events(self, self.http, histories.values())
        for job in SECONDS:
            check_once(self, job, histories[job])
            self.check_missed(job, histories[job], since, upto)
        self.check_rare(histories["rare"], rare, since, upto)

    def check_missed(self, job, records, since, upto):
        """All that was due in the pause, but for the newest, which may run in time."""
        first, last = utc(since + 1), utc(upto - 1)
        missed = [each for each in records if each["from"] <= last and each["to"] >= first]
        self.assertTrue(all(seconds(each["decided"]) >= upto for each in missed), missed)
        if job.endswith("-all"):
            self.assertEqual({each["verdict"] for each in missed} - {"caught-up"}, set(), missed)
            return
        self.assertEqual(len(missed), 1, "one record for all of them")
        record = missed[0]
        self.assertGreaterEqual(record["count"], PAUSE - 1)
        told = explained(self.stopped, job, first)
        if job.endswith("-once"):
            self.assertEqual(record["verdict"], "merged")
            self.assertIn(" of its own: missed; one run stands for all of them "
                          f"({record['count']} instants).", told)
            after = next(each for each in records if each["from"] > record["to"])
            self.assertIn(after["verdict"], ("fired", "caught-up"))
            self.assertEqual(seconds(after["from"]), seconds(record["to"]) + 1, "the newest one runs")
            self.assertIn("It ran for ", explained(self.stopped, job, after["from"]))
        else:
            self.assertEqual(record["verdict"], "skipped")
            self.assertIn(f": missed, and misfire = skip ({record['count']} instants, from ", told)
        say(f"{job}: {told.strip()}")

    def check_rare(self, records, due, since, upto):
        record = next(each for each in records if each["from"] == utc(due))
        if not since < due:
            return self.assertEqual(record["verdict"], "fired", "it was due before")
        self.assertEqual(record["verdict"], "caught-up")
        self.assertGreaterEqual(record["late_ms"], (upto - due) * 1000 - 1)
        told = explained(self.stopped, "rare", utc(due))
        self.assertRegex(told, r"^It was missed at .* and ran .* late, as event .*, which is done \(misfire = once\)\.$")
        say(f"rare: {told.strip()}")


if __name__ == "__main__":
    support.main()
