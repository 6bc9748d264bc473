"""Several nodes on PostgreSQL: a broadcast is an event for each, once, and all come to one generation of the configuration."""
import json

import support
from cluster_test import NAMES, OnPostgres
from support import event, skein, until


class Several(OnPostgres):
    more_of_config = "[reload]\nwatch = false\n"

    def keys_of(self, kind, count):
        """What came of a broadcast, once all of it is done: an event for another node's shard gets there a little later."""
        client = self.client(self.nodes["n2"])

        def done():
            found = list(client.events(type=kind, agent="echo"))
            return found if len(found) >= count and all(each["state"] == "done" for each in found) else None

        return sorted(each["key"] for each in until(done, 20, "all events of the broadcast"))

    def test_a_broadcast_at_any_node_reaches_each_node_once(self):
        self.start_all()
        client = self.client(self.nodes["n2"])
        number = client.accept(event("b1", type="skein.broadcast", data={"type": "test.all", "data": 1}))
        self.assertEqual(client.ended(number)["state"], "done")
        self.assertEqual(self.keys_of("test.all", 3), [f"node:{name}" for name in NAMES])
        made = client.accept(event("b2", type="skein.broadcast", data={"type": "test.loops", "to": "loops"}))
        self.assertEqual(client.ended(made)["state"], "done")
        self.assertEqual(self.keys_of("test.loops", 3), [f"node:{name}/loop:0" for name in NAMES])

    def test_the_nodes_generations_are_shown_until_they_are_equal(self):
        self.start_all()
        client = self.client(self.nodes["n1"])

        def equal(wanted):
            answer = client.get("/v1/nodes").json()
            return answer if answer["config_equal"] is wanted else None

        first = until(lambda: equal(True), 20, "the same at all nodes")
        self.assertEqual({each["generation"] for each in first["nodes"]}, {1})
        changed = self.config.replace("[agent.echo]", "[agent.more]\nkind = \"noop\"\n[agent.echo]")
        for node in self.nodes.values():
            with open(node.config, "w", encoding="utf-8") as file:
                file.write(changed)
        one = skein("config", "reload", "--server", self.nodes["n2"].url)
        self.assertEqual(one.returncode, 0, one)
        until(lambda: equal(False), 20, "another at n2")
        shown = skein("cluster", "status", "--server", self.nodes["n1"].url)
        self.assertIn("not the same at all nodes", shown.stdout)
        done = skein("config", "reload", "--all", "--server", self.nodes["n1"].url, "-o", "json")
        self.assertEqual(done.returncode, 0, done)
        rows = json.loads(done.stdout)["nodes"]
        self.assertEqual({each["node"]: each["changed"] for each in rows}, {"n1": True, "n2": False, "n3": True})
        last = until(lambda: equal(True), 20, "the same again")
        self.assertEqual({each["generation"] for each in last["nodes"]}, {2})
        with open(self.nodes["n3"].config, "a", encoding="utf-8") as file:
            file.write("[[\n")
        refused = skein("config", "reload", "--all", "--server", self.nodes["n1"].url)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("invalid-config", refused.stdout)


if __name__ == "__main__":
    support.main()
