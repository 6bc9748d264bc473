"""Hot reload: a running node takes over its changed file, all of it or nothing, whoever asks, and touches no turn."""
import json
import os
import re
import signal

import support
from support import BINARY, event, skein, until
from supervisor_test import Supervisor

QUICK = '[reload]\nsettle = "200ms"\n'  # longer than a busy machine keeps a writer between emptying a file and filling it
UNWATCHED = "[reload]\nwatch = false\n"


def agent(reply, name="bot", more=""):
    """Replies with a word."""
    return f"""
[agent.{name}]
kind = "exec"
command = ["sh", "-c", "echo {reply}"]
mode = "oneshot"
{more}
[[route]]
type = "test.{name}"
agent = "{name}"
"""


class Reload(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.notes = os.path.join(self.folder, "notes.txt")
        self.release = os.path.join(self.folder, "release")
        self.sent = 0

    def slow(self, reply):
        """Its turns wait for the release."""
        script = f"echo x >> {self.notes}; while [ ! -e {self.release} ]; do sleep 0.02; done; echo {reply}"
        return f"""
[agent.slow]
kind = "exec"
command = ["sh", "-c", "{script}"]
mode = "oneshot"
[[route]]
type = "test.slow"
agent = "slow"
"""

    def config_of(self, client):
        answer = client.get("/v1/config")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def generation(self, client, number, within=15):
        return until(lambda: self.config_of(client) if self.config_of(client)["generation"] == number else None,
                     within, f"generation {number}")

    def reply(self, client, type, key="k"):
        self.sent += 1
        found = client.ended(client.accept(event(self.sent, key, type)))
        self.assertEqual(found["state"], "done", found)
        deliveries = found["deliveries"]
        return deliveries[0]["reply"].strip() if deliveries else None

    def rewrite(self, node, text):
        with open(node.config, "w", encoding="utf-8") as file:
            file.write(text)

    def replace(self, node, text):
        """As editors do."""
        with open(node.config + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(node.config + ".new", node.config)

    def test_a_changed_file_is_taken_over_by_itself_and_running_turns_end_as_they_began(self):
        node = self.node(QUICK + agent("old") + self.slow("old"))
        client = self.client(node)
        self.assertEqual(self.config_of(client)["generation"], 1)
        self.assertEqual(self.reply(client, "test.bot"), "old")
        running = client.accept(event("slow-1", "a", "test.slow"))
        until(lambda: os.path.exists(self.notes), 20, "the start of the turn")
        waiting = client.accept(event("slow-2", "a", "test.slow"))
        self.rewrite(node, QUICK + agent("new") + self.slow("new") + agent("more", "other"))
        self.assertEqual(self.generation(client, 2)["by"], "file")
        self.assertEqual(self.reply(client, "test.bot"), "new")
        self.assertEqual(self.reply(client, "test.other"), "more")
        self.assertEqual(client.look_up(running)["state"], "running")
        with open(self.release, "w", encoding="utf-8"):
            pass
        first, second = client.ended(running), client.ended(waiting)
        self.assertEqual(first["deliveries"][0]["reply"].strip(), "old", "it began before")
        self.assertEqual(first["deliveries"][0]["attempt"], 1)
        self.assertEqual(second["deliveries"][0]["reply"].strip(), "new", "it began after")
        self.assertEqual(client.status()["config"]["generation"], 2)

    def test_an_editor_that_renames_and_links_that_are_moved_are_noticed(self):
        node = self.unstarted(QUICK + agent("one"))
        real = os.path.join(node.folder, "..data")
        for name, text in (("..1", QUICK + agent("one")), ("..2", QUICK + agent("three"))):
            os.mkdir(os.path.join(node.folder, name))
            with open(os.path.join(node.folder, name, "mounted.toml"), "w", encoding="utf-8") as file:
                file.write(text)
        node.start()
        client = self.client(node)
        self.replace(node, QUICK + agent("two"))
        self.generation(client, 2)
        self.assertEqual(self.reply(client, "test.bot"), "two")
        os.symlink("..1", real)
        os.symlink("..data/mounted.toml", node.config + ".link")
        os.rename(node.config + ".link", node.config)  # from a file to a link
        self.generation(client, 3)
        self.assertEqual(self.reply(client, "test.bot"), "one")
        os.symlink("..2", real + "_tmp")
        os.rename(real + "_tmp", real)  # as Kubernetes puts a new version in place
        self.generation(client, 4)
        self.assertEqual(self.reply(client, "test.bot"), "three")

    def test_an_invalid_file_is_refused_with_its_lines_and_the_node_works_on(self):
        node = self.node(QUICK + agent("old"))
        client = self.client(node)
        self.rewrite(node, QUICK + agent("new") + '[log]\nlevel = "loud"\n')
        refused = until(lambda: self.config_of(client)["refused"], 15, "the refusal")
        self.assertEqual(refused["code"], "invalid-config")
        self.assertRegex(refused["why"], r"cluster\.toml:13:9: error: \[log\] level")
        self.assertRegex(node.log(), r"config-problem.*cluster\.toml:13:9")
        self.assertEqual(self.reply(client, "test.bot"), "old")
        self.assertEqual(client.status()["config"]["refused"]["code"], "invalid-config")
        shown = skein("status", "--server", node.url)
        self.assertIn("config refused", shown.stdout)
        self.rewrite(node, QUICK + agent("mended"))
        self.generation(client, 2)
        self.assertIsNone(self.config_of(client)["refused"])
        self.assertEqual(self.reply(client, "test.bot"), "mended")

    def test_a_key_that_needs_a_restart_refuses_all_of_the_file(self):
        node = self.node(UNWATCHED + agent("old"))
        client = self.client(node)
        self.rewrite(node, UNWATCHED + agent("new") + '[limits]\ndrain_deadline = "9s"\n')
        done = skein("config", "reload", "--server", node.url)
        self.assertEqual(done.returncode, 5, done)
        self.assertIn("needs-restart", done.stderr)
        self.assertIn("[limits] drain_deadline", done.stderr)
        self.assertEqual(self.reply(client, "test.bot"), "old")
        self.assert_problem(client.post("/v1/config/reload"), 409, "needs-restart")
        self.assertEqual(self.config_of(client)["generation"], 1)

    def test_sighup_and_the_command_read_a_file_that_is_not_watched(self):
        node = self.node(UNWATCHED + agent("one"))
        client = self.client(node)
        self.rewrite(node, UNWATCHED + agent("two"))
        node.signal(signal.SIGHUP)
        self.assertEqual(self.generation(client, 2)["by"], "signal")
        self.assertEqual(self.reply(client, "test.bot"), "two")
        self.rewrite(node, UNWATCHED + agent("three"))
        dry = skein("config", "reload", "--dry-run", "--server", node.url)
        self.assertEqual(dry.returncode, 0, dry)
        self.assertIn("~ [agent.bot] command", dry.stdout)
        self.assertEqual(self.reply(client, "test.bot"), "two")
        done = skein("config", "reload", "--server", node.url, "-o", "json")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(json.loads(done.stdout)["generation"], 3)
        self.assertEqual(self.reply(client, "test.bot"), "three")
        again = skein("config", "reload", "--server", node.url)
        self.assertEqual((again.returncode, again.stdout), (0, ""))
        self.rewrite(node, "[[")
        self.assertEqual(skein("config", "reload", "--server", node.url).returncode, 1)
        audit = client.get("/v1/audit").json()["audit"]
        self.assertEqual([each["result"] for each in audit if each["what"] == "config.reload"], ["done"], audit)

    def test_a_rollback_goes_back_and_a_restart_reads_the_file_again(self):
        node = self.node(QUICK + agent("one"))
        client = self.client(node)
        self.rewrite(node, QUICK + agent("two"))
        self.generation(client, 2)
        done = skein("config", "rollback", "--server", node.url)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("the file still says something else", done.stderr)
        self.assertEqual(self.reply(client, "test.bot"), "one")
        found = self.config_of(client)
        self.assertEqual((found["generation"], found["file_differs"]), (3, True))
        node.kill()
        node.start()
        client = self.client(node)
        self.assertEqual(self.reply(client, "test.bot"), "two")
        self.assertEqual(self.config_of(client)["generation"], 4)
        self.assertEqual(self.config_of(client)["previous"]["generation"], 3)

    def test_what_waits_for_an_agent_that_was_taken_out_waits_until_it_is_back(self):
        node = self.node(UNWATCHED + self.slow("x") + agent("y"))
        client = self.client(node)
        numbers = [client.accept(event(f"s{i}", "a", "test.slow")) for i in range(3)]
        until(lambda: os.path.exists(self.notes), 20, "the start of the turn")
        self.rewrite(node, UNWATCHED + agent("y"))
        self.assertEqual(skein("config", "reload", "--server", node.url).returncode, 0)
        with open(self.release, "w", encoding="utf-8"):
            pass
        self.assertEqual(client.ended(numbers[0])["deliveries"][0]["reply"].strip(), "x")
        found = client.look_up(numbers[1])
        self.assertEqual(found["state"], "pending")
        self.assertIn("not configured", json.dumps(found))

        def shown():
            row = next(each for each in client.get("/v1/agents").json()["agents"] if each["name"] == "slow")
            return (row["configured"], row["waiting"]) == (False, 2)
        until(shown, 15, "two that wait for an agent that is not configured")
        node.terminate()
        self.assertEqual(node.wait(30), 0)
        node.start()
        client = self.client(node)
        self.assertEqual(client.status()["ledger"]["pending"], 2)
        self.rewrite(node, UNWATCHED + self.slow("z") + agent("y"))
        self.assertEqual(skein("config", "reload", "--server", node.url).returncode, 0)
        for number in numbers[1:]:
            self.assertEqual(client.ended(number)["deliveries"][0]["reply"].strip(), "z")

    def test_jobs_and_the_log_follow_the_file(self):
        job = '[job.tick]\nevery = "1s"\nagent = "bot"\n'
        node = self.node(UNWATCHED + agent("x"))
        client = self.client(node)
        self.rewrite(node, UNWATCHED + agent("x") + job + '[log]\nlevel = "debug"\n')
        self.assertEqual(skein("config", "reload", "--server", node.url).returncode, 0)
        until(lambda: any(True for _ in client.events(source="skein/job/tick")), 15, "a run of the job")
        until(lambda: "turn-started" in node.log(), 15, "a line of level debug")
        described = client.get("/v1/jobs/tick").json()
        self.assertEqual((described["owner"], described["changes"][-1]["by"]), ("file", "file"))
        self.rewrite(node, UNWATCHED + agent("x"))
        self.assertEqual(skein("config", "reload", "--server", node.url).returncode, 0)
        until(lambda: client.get("/v1/jobs/tick").status == 404, 10, "the end of the job")

    def test_many_reloads_under_load_lose_nothing(self):
        node = self.node(UNWATCHED + agent("0"))
        client = self.client(node)
        numbers = []
        for turn in range(12):
            numbers += client.accept([event(f"{turn}-{i}", f"k{i % 7}", "test.bot") for i in range(40)])
            self.rewrite(node, UNWATCHED + agent(turn, more=f"concurrency = {1 + turn % 5 * 8}"))
            answer = client.post("/v1/config/reload")
            self.assertEqual(answer.status, 200, answer)
        node.kill()
        node.start()
        client = self.client(node)
        status = client.idle(120)
        self.assertEqual(status["ledger"]["accepted"], len(numbers))
        self.assertEqual(status["ledger"]["done"], len(numbers))

    def test_a_supervisor_is_told_of_a_reload(self):
        name = os.path.join(self.folder, "notify")
        over = Supervisor(name)
        self.addCleanup(over.socket.close)
        node = self.node(UNWATCHED + agent("x"), environment={"NOTIFY_SOCKET": name})
        until(lambda: over.has("READY"), 10, "READY")
        node.signal(signal.SIGHUP)
        told = until(lambda: over.has("RELOADING"), 10, "RELOADING")[0]
        self.assertTrue(re.fullmatch(r"\d+", told["MONOTONIC_USEC"]))
        until(lambda: len(over.has("READY")) == 2, 10, "READY again")

    def test_a_reader_may_look_and_only_an_admin_may_change(self):
        node = self.node(UNWATCHED + agent("x"))
        token = skein("token", "create", "--role", "read", "--name", "r", "--server", node.url, "-o", "json")
        self.assertEqual(token.returncode, 0, token)
        with_token = {"Authorization": "Bearer " + json.loads(token.stdout)["token"]}
        client = self.client(node)
        self.assertEqual(client.request("GET", "/v1/config", None, with_token).status, 200)
        answer = client.post("/v1/config/reload", headers=with_token)
        self.assert_problem(answer, 403, "forbidden")
        self.assertTrue(os.path.exists(BINARY))


if __name__ == "__main__":
    support.main()
