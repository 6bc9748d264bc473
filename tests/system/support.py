"""What the system tests share: a test case with a folder of its own, a client of the HTTP API, and the
checks that hold at every look at a node. Standard library only.
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loop_disk import detach_all_below  # noqa: E402
from node_process import BINARY, Node, TimeUp, patience, until  # noqa: E402,F401  (shared with the tests)

HERE = os.path.dirname(os.path.abspath(__file__))
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ENDED = ("done", "dead", "cancelled", "superseded", "expired", "purged")
EXAMPLES = os.path.join(HERE, "..", "..", "examples")


def worker(name):
    """argv of a program in workers/, as a TOML array."""
    return json.dumps([sys.executable, os.path.join(HERE, "workers", name)])


def stuck_agent(notes, release, concurrency=1, arguments="", settings=""):
    """An agent whose turns hang until there is a file `release`; `notes` gets a line for each."""
    return f"""
[agent.stuck]
kind = "exec"
command = {worker("hanging_worker.py")[:-1]}{arguments}]
environment = {{ NOTES = "{notes}", RELEASE = "{release}" }}
concurrency = {concurrency}
{settings}"""


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Client:
    """One connection to a node, kept open; not for several threads."""

    def __init__(self, node_or_port, timeout=30.0):
        self.port = getattr(node_or_port, "port", node_or_port)
        self.timeout = timeout
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            self.connection.request(method, path, body, headers or {})
            response = self.connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if response.will_close:
            self.close()
        return answer

    def get(self, path, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.request("GET", path)

    def post(self, path, body=b"{}", content_type="application/json", headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return self.request("POST", path, body, {"Content-Type": content_type, **(headers or {})})

    def publish(self, offered, query=""):
        """One event or a list of them; the answer, whatever it is."""
        kind = BATCH if isinstance(offered, list) else STRUCTURED
        return self.post("/v1/events" + query, offered, kind)

    def accept(self, offered, query=""):
        """Publishes what must be taken: the number of the event, or the list of them."""
        answer = self.publish(offered, query)
        assert answer.status == 202, answer
        numbers = [each["event"] for each in answer.json()["accepted"]]
        return numbers if isinstance(offered, list) else numbers[0]

    def look_up(self, number):
        answer = self.get(f"/v1/events/{number}")
        assert answer.status == 200, answer
        return answer.json()

    def status(self):
        """The status; the counts in it must agree."""
        answer = self.get("/v1/status")
        assert answer.status == 200, answer
        status = answer.json()
        check_balance(status["ledger"])
        check_balance(status["deliveries"])
        return status

    def ledger(self):
        return self.status()["ledger"]

    def ended(self, number, within=30.0):
        """Waits for the end of an event; its look-up."""

        def look():
            answer = self.get(f"/v1/events/{number}", wait="5s")
            assert answer.status == 200, answer
            return answer.json() if answer.json()["state"] in ENDED else None

        return until(look, within, f"the end of event {number}")

    def idle(self, within=60.0):
        """Waits until nothing is pending; the status."""

        def look():
            status = self.status()
            return status if status["ledger"]["pending"] == 0 else None

        return until(look, within, "nothing pending")

    def events(self, **query):
        """Every event that matches, newest first: page after page."""
        after = {}
        while True:
            page = self.get("/v1/events", **{"limit": 1000, **query, **after})
            assert page.status == 200, page
            page = page.json()
            yield from page["events"]
            if "next" not in page:
                return
            after = {"after": page["next"]}


def check_balance(ledger):
    """accepted = done + dead + cancelled + superseded + expired + purged + pending"""
    rest = sum(count for name, count in ledger.items() if name != "accepted")
    assert ledger["accepted"] == rest, f"the ledger does not balance: {ledger}"


def event(id, key=None, type="test.event", source="/test", data=None, **attributes):
    made = {"specversion": "1.0", "id": str(id), "source": source, "type": type, **attributes}
    if key is not None:
        made["partitionkey"] = key
    if data is not None:
        made["data"] = data
    return made


def ready(node):
    """Whether the node says that it is; False while nothing listens."""
    client = Client(node, timeout=5.0)
    try:
        return client.get("/readyz").status == 200
    except OSError:
        return False
    finally:
        client.close()


def skein(*arguments, within=60.0, folder=None, environment=None):
    """Runs the program to its end: exit status, standard output and standard error as text."""
    done = subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=within,
                          cwd=folder, env={**os.environ, **(environment or {})}, text=True)
    return done


class SystemTest(unittest.TestCase):
    """A test with a folder of its own, kept only if it fails, and nodes that end with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="skein-system-")
        self.addCleanup(self._remove_folder)

    def _remove_folder(self):
        outcome = self._outcome.result
        failed = any(test is self for test, _ in outcome.failures + outcome.errors)
        if failed:
            print(f"kept for a look: {self.folder}", file=sys.stderr)
        else:
            detach_all_below(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)

    def node(self, config=None, **how):
        """Starts a node that ends with the test."""
        made = self.unstarted(config, **how)
        made.start()
        return made

    def unstarted(self, config=None, **how):
        folder = tempfile.mkdtemp(prefix="node-", dir=self.folder)
        made = Node(folder, config, **how)
        self.addCleanup(made.__exit__)
        return made

    def client(self, node, **how):
        made = Client(node, **how)
        self.addCleanup(made.close)
        return made

    def assert_problem(self, answer, status, code):
        """A problem document with this code that says what to do; the document."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        problem = answer.json()
        self.assertEqual(problem["code"], code, problem)
        self.assertEqual(problem["status"], status, problem)
        self.assertTrue(problem["type"].endswith(code), problem)
        self.assertTrue(problem["title"], problem)
        self.assertGreater(len(problem.get("detail", "")), 10, problem)
        return problem


def say(text):
    """A figure or a note, visible in the log of the test."""
    print(f"  {text}", file=sys.stderr, flush=True)


def main():
    unittest.main(verbosity=2)
