"""Jobs from outside: made, changed and looked at by commands and over HTTP, owned by the file or by people, kept
over a restart and a kill.
"""
import calendar
import json
import os
import re
import time

import support
from support import skein, stuck_agent, until

ECHO = """
[agent.echo]
kind = "echo"
"""
EXACT = '{"z":1e400,"cents":0.10,"big":12345678901234567890}'


class Jobs(support.SystemTest):
    def job(self, node, *arguments, exit=0):
        """`skein job ...`; its standard output and standard error."""
        done = skein("job", *arguments, "--server", node.url)
        self.assertEqual(done.returncode, exit, done)
        return done.stdout if exit == 0 else done.stderr

    def rows(self, node, *arguments):
        """Of a list, a row each."""
        return [json.loads(line) for line in self.job(node, *arguments, "-o", "jsonl").splitlines()]

    def records(self, node, name, verdict=None, least=1, within=20.0):
        """Waits until a job has so many records of that verdict; newest first."""

        def look():
            found = [each for each in self.rows(node, "history", name, "--limit", "1000")
                     if verdict is None or each["verdict"] == verdict]
            return found if len(found) >= least else None

        return until(look, within, f"{least} records {verdict or ''} of job {name}")

    def is_idle(self, node, name):
        shown = json.loads(self.job(node, "describe", name, "-o", "json"))
        return shown["running"] == 0 and shown["waiting"] == 0

    # ---- one job ---------------------------------------------------------------------------------

    def test_a_job_fires_and_everything_tells_of_it(self):
        node = self.node(ECHO)
        page = self.job(node, "create", "tick", "--every", "1s", "--agent", "echo", "--data-json", EXACT)
        for part in ("schedule\tevery 1s", "zone\tUTC", "owner\tcli", "NEXT", "POLICIES", "misfire = once",
                     "data\t" + EXACT):
            self.assertIn(part, page)
        self.assertEqual(len(re.findall(r"^2.*\+00:00\t2.*Z$", page, re.M)), 5, page)

        fired = self.records(node, "tick", "fired", least=2)
        newest, before = fired[0], fired[1]
        self.assertEqual(newest["count"], 1)
        self.assertEqual(newest["id"], "tick@" + newest["from"])
        self.assertTrue(newest["from"] > before["from"], fired)
        found = self.client(node).ended(before["event"])
        self.assertEqual(found["state"], "done")
        self.assertEqual((found["type"], found["source"], found["key"], found["priority"]),
                         ("skein.job", "skein/job/tick", "tick", "job"))
        self.assertEqual((found["data"]["subject"], found["data"]["time"]), ("tick", before["from"]))
        text = self.client(node).get(f"/v1/events/{before['event']}").body.decode()
        self.assertIn('"data":' + EXACT, text, "digits and order as they were written")

        header, *lines = self.job(node, "history", "tick", "--limit", "2").splitlines()
        self.assertEqual(header.split("\t"), ["FROM", "TO", "COUNT", "VERDICT", "LATE", "EVENT", "STATE", "WHY"])
        self.assertEqual(len(lines), 2)
        self.assertEqual(len(self.rows(node, "next", "tick", "--limit", "12")), 12)
        told = self.job(node, "explain", "tick", "--at", before["from"])
        self.assertRegex(told, rf"^It ran for .*, \w+ late, as event {before['event']}, which is done\.$")
        self.assertIn("there was no such job yet", self.job(node, "explain", "tick", "--at", "2020-01-01"))
        self.assertIn("It is due at", self.job(node, "explain", "tick", "--at", "2100-01-01"))
        self.assertIn("tick\tevery 1s\tUTC\tactive\t", self.job(node, "list"))

    def test_a_job_is_paused_resumed_triggered_and_backfilled(self):
        node = self.node(ECHO)
        self.job(node, "create", "a", "--every", "1s", "--agent", "echo")
        self.records(node, "a", "fired")
        self.assertIn("would pause job a", self.job(node, "pause", "a", "--dry-run"))
        self.assertIn("paused by me@here", self.job(node, "pause", "a", "--why", "a look", "--by", "me@here"))
        self.assertIn(": a look", self.job(node, "describe", "a"))
        until(lambda: "left out: the job is paused by me@here" in self.job(node, "explain", "a"), 10, "an instant")

        answer = json.loads(self.job(node, "trigger", "a", "--by", "me@here", "-o", "json"))
        self.assertTrue(answer["id"].startswith("a@"), answer)
        self.assertEqual(self.records(node, "a", "triggered")[0]["why"], "me@here")

        self.assertIn("state\tactive", self.job(node, "resume", "a"))
        skipped = self.records(node, "a", "skipped")
        self.assertEqual(skipped[0]["why"], "paused by me@here")
        self.assertIn("paused by me@here", self.job(node, "explain", "a", "--at", skipped[0]["from"]))
        self.records(node, "a", "fired", least=2)
        answer = json.loads(self.job(node, "backfill", "a", "--from", "2026-01-01", "--to", "2026-01-01T00:00:04",
                                     "--by", "me@here", "-o", "json"))
        self.assertEqual(answer, {"job": "a", "instants": 5, "runs": 1, "waits": 4, "left_out": 0, "paused": False})
        filled = self.records(node, "a", "backfilled", least=5)
        self.assertEqual(sorted(each["from"] for each in filled), [f"2026-01-01T00:00:0{i}Z" for i in range(5)])
        what = [each["what"] for each in json.loads(self.job(node, "describe", "a", "-o", "json"))["changes"]]
        self.assertEqual(what, ["created", "paused", "resumed"])

    def test_a_job_is_edited_and_deleted(self):
        node = self.node(ECHO)
        self.job(node, "create", "a", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--gap", "skip", "--agent",
                 "echo", "--data-json", EXACT)
        shown = self.job(node, "edit", "a", "--every", "1h", "--misfire", "all", "--dry-run", "-o", "json")
        self.assertEqual(json.loads(shown)["schedule"], "every 1h")
        before = json.loads(self.job(node, "describe", "a", "-o", "json"))
        self.assertEqual((before["schedule"], before["revision"]), ("cron 30 2 * * *", 1))

        after = json.loads(self.job(node, "edit", "a", "--every", "1h", "--misfire", "all", "-o", "json"))
        self.assertEqual((after["schedule"], after["revision"]), ("every 1h", 2))
        self.assertNotIn("gap", after["definition"], "it belonged to the cron expression")
        self.assertEqual(after["zone"], "Europe/Berlin")
        text = self.client(node).get("/v1/jobs/a").body.decode()
        self.assertIn('"data":' + EXACT, text)
        after = json.loads(self.job(node, "edit", "a", "--unset", "zone,data,misfire", "-o", "json"))
        self.assertEqual((after["zone"], after["definition"]["misfire"]), ("UTC", "once"))
        self.assertNotIn("data", after["definition"])
        self.assertIn("nothing to change", self.job(node, "edit", "a", exit=2))

        self.assertIn("add --yes", self.job(node, "delete", "a", exit=2))
        self.job(node, "delete", "a", "--yes")
        self.job(node, "describe", "a", exit=3)
        self.assertEqual(self.rows(node, "list"), [])

    def test_the_next_instants_tell_what_the_clocks_do(self):
        node = self.node(ECHO)
        shown = json.loads(self.job(node, "create", "a", "--cron", "30 2 * 10 SUNL", "--zone", "Europe/Berlin",
                                    "--agent", "echo", "--dry-run", "-o", "json"))
        self.assertTrue(shown["dry_run"])
        first = shown["next"][0]
        self.assertTrue(first["local"].endswith("02:30:00+02:00"), "the first of the two")
        self.assertIn("the clocks go back by 1h", first["remark"])
        self.assertEqual(self.rows(node, "list"), [], "a dry run makes nothing")

    # ---- several ---------------------------------------------------------------------------------

    def test_jobs_come_after_others_and_are_handed_what_those_replied(self):
        node = self.node(ECHO)
        self.job(node, "create", "a", "--every", "1s", "--agent", "echo", "--data-json", EXACT)
        self.job(node, "create", "b", "--after", "a", "--agent", "echo")
        self.job(node, "create", "c", "--after", "a:any", "--agent", "echo")
        self.job(node, "create", "d", "--after", "b:success,c:any", "--agent", "echo", "--data", "mine")
        self.job(node, "create", "e", "--after", "a:failure", "--agent", "echo")
        run = self.records(node, "d", "fired")[-1]
        client = self.client(node)
        data = client.ended(run["event"])["data"]["data"]
        self.assertEqual(data["data"], "mine")
        self.assertEqual(set(data["after"]), {"b", "c"})
        self.assertEqual(data["after"]["b"]["id"], "b@" + run["from"], "the run of the same instant")
        of_b = next(each for each in self.records(node, "b", "fired") if each["from"] == run["from"])
        self.assertIn('"reply":' + EXACT, client.get(f"/v1/events/{of_b['event']}").body.decode())
        self.assertIn("a succeeded (wanted failure)", self.records(node, "e", "skipped")[0]["why"])

        self.assertEqual(self.job(node, "graph"), "a  every 1s\n  success: b\n    success: d\n  any: c\n    any: d\n"
                                                  "  failure: e\n")
        dot = self.job(node, "graph", "--dot")
        self.assertIn('"b" -> "d" [label="success"];', dot)
        self.assertIn("would come after itself", self.job(node, "edit", "b", "--after", "d", exit=2))
        self.assertIn("comes after it", self.job(node, "delete", "b", "--yes", exit=5))

    def test_a_run_that_goes_on_is_in_the_way(self):
        release = os.path.join(self.folder, "release")
        node = self.node(stuck_agent(os.path.join(self.folder, "notes"), release,
                                     settings='timeout = "5s"\nretry_initial = "10ms"'))
        self.job(node, "create", "a", "--every", "1s", "--agent", "stuck")
        self.records(node, "a", "fired")
        self.assertIn("was still going on", self.records(node, "a", "skipped")[0]["why"])
        self.assertIn("is still going on", self.job(node, "trigger", "a", exit=5))
        shown = json.loads(self.job(node, "describe", "a", "-o", "json"))
        self.assertEqual((shown["running"], len(shown["runs"])), (1, 1))
        open(release, "w").close()  # its next attempt answers
        self.records(node, "a", "fired", least=2)

    # ---- who owns it -----------------------------------------------------------------------------

    def test_jobs_of_the_file_are_made_changed_and_removed_there(self):
        node = self.node('[cluster]\ntimezone = "Europe/Berlin"\n' + ECHO + """
[job.report]
cron = "0 9 * * *"
agent = "echo"
data = {folders = ["in", "out"], tries = 3}
[job.digest]
after = ["report"]
agent = "echo"
""")
        self.assertEqual([(each["job"], each["owner"], each["zone"]) for each in self.rows(node, "list")],
                         [("digest", "file", "Europe/Berlin"), ("report", "file", "Europe/Berlin")])
        shown = json.loads(self.job(node, "describe", "report", "-o", "json"))
        self.assertEqual(shown["definition"]["data"], {"folders": ["in", "out"], "tries": 3})
        self.assertEqual([each["by"] for each in shown["changes"]], ["file"])
        self.assertIn("the configuration owns", self.job(node, "edit", "report", "--every", "1h", exit=5))
        self.assertIn("the configuration owns", self.job(node, "delete", "digest", "--yes", exit=5))
        self.job(node, "create", "mine", "--every", "1h", "--agent", "echo")
        self.job(node, "trigger", "report")
        self.job(node, "pause", "report")

        node.terminate()
        self.assertEqual(node.wait(20), 0)
        node.configure(ECHO + '[job.report]\nevery = "2h"\nagent = "echo"\n'
                              '[job.mine]\nevery = "3h"\nagent = "echo"\n')
        node.start()
        self.assertEqual([(each["job"], each["owner"], each["schedule"], each["state"])
                          for each in self.rows(node, "list")],
                         [("mine", "cli", "every 1h", "active"), ("report", "file", "every 2h", "paused")])
        self.assertIn("job-owned-by-cli", node.log())
        self.assertEqual(self.records(node, "report", "triggered")[0]["verdict"], "triggered")

    def test_jobs_and_their_ledger_survive_a_stop_and_a_kill(self):
        node = self.node(ECHO)
        self.job(node, "create", "a", "--every", "1s", "--agent", "echo", "--data-json", EXACT, "--misfire", "all")
        for end in (node.terminate, node.kill):
            self.records(node, "a", "fired")
            end()
            if node.process is not None:
                self.assertEqual(node.wait(20), 0)
            ended = time.monotonic()
            until(lambda since=ended: time.monotonic() - since > 2.5, 10, "some instants to be missed")
            node.start()
        self.records(node, "a", "caught-up", least=2)
        text = self.client(node).get("/v1/jobs/a").body.decode()
        self.assertIn('"data":' + EXACT, text)
        self.job(node, "pause", "a")
        until(lambda: self.is_idle(node, "a"), 20, "the end of what runs")
        records = self.rows(node, "history", "a", "--limit", "1000")
        seconds = [each["from"] for each in records if each["verdict"] in ("fired", "caught-up")]
        self.assertEqual(len(seconds), len(set(seconds)), "no instant ran twice")
        instants = sum(each["count"] for each in records)
        first = min(seconds_of(each["from"]) for each in records)
        last = max(seconds_of(each["to"]) for each in records)
        self.assertEqual(instants, last - first + 1, "each second of it is in one record")
        client = self.client(node)
        for each in records:
            if "event" in each:
                self.assertEqual(client.ended(each["event"])["state"], "done")

    # ---- mistakes --------------------------------------------------------------------------------

    def test_wrong_input_is_told_with_the_right_code(self):
        node = self.node(ECHO)
        self.job(node, "create", "there", "--every", "1h", "--agent", "echo")
        plain = ["--every", "1h", "--agent", "echo"]
        for exit, expected, *words in [
                (2, "exactly one of", "create", "a", "--agent", "echo"),
                (2, "exactly one of", "create", "a", *plain, "--cron", "@daily"),
                (2, "duration", "create", "a", "--every", "10ms", "--agent", "echo"),
                (2, "duration", "create", "a", "--every", "often", "--agent", "echo"),
                (2, "time zone", "create", "a", *plain, "--zone", "Mars/Olympus"),
                (2, "no agent", "create", "a", "--every", "1h", "--agent", "nobody"),
                (2, "cron: ", "create", "a", "--cron", "61 * * * *", "--agent", "echo"),
                (2, "cron: ", "create", "a", "--cron", "0 0 30 2 *", "--agent", "echo"),
                (2, "never run", "create", "a", "--at", "2020-01-01", "--agent", "echo"),
                (2, "must be a time", "create", "a", "--at", "soon", "--agent", "echo"),
                (2, "there is no job zebra", "create", "a", "--after", "zebra", "--agent", "echo"),
                (2, "success", "create", "a", "--after", "there:good", "--agent", "echo"),
                (2, "needs `agent`", "create", "a", "--every", "1h"),
                (2, "name of a job", "create", "a b", *plain),
                (2, "belongs to `cron`", "create", "a", *plain, "--gap", "skip"),
                (2, "shorter than the period", "create", "a", *plain, "--jitter", "2h"),
                (2, "misfire = all", "create", "a", *plain, "--catch-up-max", "3"),
                (2, "behind start", "create", "a", *plain, "--start", "2030-01-02", "--end", "2030-01-01"),
                (2, "is none of", "create", "a", *plain, "--overlap", "often"),
                (2, "is no JSON", "create", "a", *plain, "--data-json", "{"),
                (2, "131072 bytes", "create", "a", *plain, "--data-file", self.file("much", "x" * 131073)),
                (2, "has no key", "edit", "there", "--unset", "evry"),
                (2, "--from and --to", "backfill", "there", "--from", "2026-01-01"),
                (2, "must be times", "backfill", "there", "--from", "2026-01-02", "--to", "2026-01-01"),
                (2, "future", "backfill", "there", "--from", "2026-01-01", "--to", "2100-01-01"),
                (2, "at must be a time", "explain", "there", "--at", "then"),
                (2, "no number", "next", "there", "--limit", "0"),
                (2, 'did you mean "trigger"', "triger", "there"),
                (5, "there is a job there already", "create", "there", *plain),
                (3, "there is no job a", "edit", "a", "--every", "1h"),
                (3, "there is no job a", "history", "a"),
                (3, "there is no job a", "pause", "a", "--dry-run"),
                (3, "there is no job a", "trigger", "a"),
                (3, "there is no job a", "delete", "a", "--yes")]:
            with self.subTest(words=words[:6]):
                self.assertIn(expected, self.job(node, *words, exit=exit))
        self.assertEqual([each["job"] for each in self.rows(node, "list")], ["there"])

    def test_all_mistakes_of_a_definition_are_told_at_once(self):
        node = self.node(ECHO)
        told = self.job(node, "create", "a", "--every", "1ms", "--agent", "bto", "--zone", "Mars", exit=2)
        for part in ("every: ", "agent: ", "zone: "):
            self.assertIn(part, told)

    def test_http_takes_and_refuses_what_its_page_says(self):
        client = self.client(self.node(ECHO))
        body = {"job": "a", "definition": {"every": "1h", "agent": "echo"}}
        self.assertEqual(client.post("/v1/jobs", {**body, "dry_run": True}).status, 200)
        self.assertEqual(client.get("/v1/jobs").json(), {"jobs": [], "zone": "UTC"})
        made = client.post("/v1/jobs", body)
        self.assertEqual(made.status, 201)
        self.assertEqual(made.json()["changes"][0]["by"], "api")
        self.assertEqual(len(client.get("/v1/jobs/a/next", limit=3).json()["next"]), 3)
        self.assertEqual(client.get("/v1/job-graph").json()["edges"], [])
        for answer, status, code in [
                (client.post("/v1/jobs", body), 409, "state-conflict"),
                (client.post("/v1/jobs", {"job": "b"}), 400, "invalid-argument"),
                (client.post("/v1/jobs", {"job": "b", "definition": {"evry": "1h"}}), 400, "invalid-argument"),
                (client.post("/v1/jobs", {"job": "b", "definition": []}), 400, "invalid-argument"),
                (client.post("/v1/jobs", {"name": "b"}), 400, "invalid-argument"),
                (client.post("/v1/jobs", "{"), 400, "invalid-json"),
                (client.post("/v1/jobs", body, "text/plain"), 415, "unsupported-media-type"),
                (client.post("/v1/jobs/b/edit", {"definition": body["definition"]}), 404, "not-found"),
                (client.post("/v1/jobs/b/pause"), 404, "not-found"),
                (client.post("/v1/jobs/a/pause", {"why": 1}), 400, "invalid-argument"),
                (client.post("/v1/jobs/a/backfill", {"from": "2026-01-01"}), 400, "invalid-argument"),
                (client.get("/v1/jobs/b"), 404, "not-found"),
                (client.get("/v1/jobs/a/next", limit=0), 400, "invalid-argument"),
                (client.get("/v1/jobs/a/explain", at="then"), 400, "invalid-argument"),
                (client.post("/v1/jobs/a"), 405, "method-not-allowed"),
                (client.get("/v1/jobs/a/nxt"), 404, "not-found")]:
            self.assert_problem(answer, status, code)

    def test_a_wrong_job_in_a_file_is_told_at_its_line(self):
        file = self.file("cluster.toml", ECHO + '[job.a]\nevery = "1h"\nagent = "ecko"\nzone = "Europe/Berlim"\n')
        done = skein("config", "check", file)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn('cluster.toml:6:9: error: [job.a] agent: there is no agent "ecko"; did you mean "echo"?',
                      done.stderr)
        self.assertIn('cluster.toml:7:8: error: [job.a] zone: there is no time zone "Europe/Berlim"; did you mean '
                      '"Europe/Berlin"?', done.stderr)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def seconds_of(text):
    """Of a time on a whole second in UTC."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


if __name__ == "__main__":
    support.main()
