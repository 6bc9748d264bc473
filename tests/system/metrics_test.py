"""The metrics page: what docs/metrics.md lists, nothing else, and never a key."""
import os
import re

import support
from support import HERE, event, until, worker

PAGE = os.path.join(HERE, "..", "..", "docs", "metrics.md")
LABELS = {"agent", "le", "loop", "method", "node", "peer", "reason", "route", "state", "status", "verdict", "version"}
AGENTS = """
[agent.kept]
kind = "echo"
[[route]]
type = "test.kept"
agent = "kept"
"""


def documented():
    """name -> (type, help)"""
    with open(PAGE, encoding="utf-8") as file:
        return {found[1]: (found[2], found[3])
                for found in re.finditer(r"^\| `(\w+)` \| (\w+) \| [^|]+ \| (.+) \|$", file.read(), re.M)}


class Metrics(support.SystemTest):
    def page(self, client):
        answer = client.get("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertIn("text/plain; version=0.0.4", answer.headers["Content-Type"])
        return answer.body.decode()

    def test_the_page_has_each_documented_metric_with_its_help_and_type_and_no_other(self):
        node = self.node()
        client = self.client(node)
        client.ended(client.accept(event(1, "the key")))
        page = self.page(client)
        helps = dict(re.findall(r"^# HELP (\w+) (.*)$", page, re.M))
        types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.M))
        self.assertEqual({name: (types.get(name), text) for name, text in helps.items()}, documented())
        samples = re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", page, re.M)
        parts = {name + part for name, of in types.items() if of == "histogram" for part in ("_bucket", "_sum", "_count")}
        self.assertEqual({name for name, _, _ in samples} - set(types) - parts, set(), "each sample is of a family")
        for _, labels, number in samples:
            self.assertGreaterEqual(float(number), 0)
            self.assertEqual(set(re.findall(r'(\w+)="', labels)) - LABELS, set(), labels)
        self.assertNotIn("the key", page)

    def test_an_agent_that_is_no_longer_configured_is_shown_with_what_waits_for_it(self):
        node = self.node(AGENTS + f"""
[agent.gone]
kind = "exec"
command = {worker("journal_worker.py")}
[[route]]
type = "test.gone"
agent = "gone"
""")
        client = self.client(node)
        client.accept([event(n, f"k{n}", "test.gone", due="+2s") for n in range(3)])
        node.kill()
        node.configure(AGENTS)
        node.start()
        client = self.client(node)
        until(lambda: 'skein_agent_waiting_deliveries{agent="gone"} 3' in self.page(client), 20, "three that wait")
        rows = {each["name"]: each for each in client.get("/v1/agents").json()["agents"]}
        gone = rows["gone"]
        self.assertEqual((gone["configured"], gone["state"], gone["waiting"]), (False, "not-configured", 3))
        self.assertTrue(rows["kept"]["configured"])


if __name__ == "__main__":
    support.main()
