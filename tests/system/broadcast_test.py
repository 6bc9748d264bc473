"""Broadcasts on one node: an event for it, or for each of its loops, once."""
import json

import support
from support import event, skein

ECHO = '[agent.echo]\nkind = "echo"\n[[route]]\ntype = "test.*"\nagent = "echo"\n'


class OneNode(support.SystemTest):
    def test_a_broadcast_becomes_one_event_for_the_node_or_for_each_of_its_loops(self):
        node = self.node(ECHO, arguments=["--loops", "3"])
        client = self.client(node)
        done = skein("send", "hello", "--type", "test.all", "--broadcast", "nodes", "--wait", "--server", node.url)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(json.loads(done.stdout)["keys"], ["node:n1"])
        client.idle()
        found = list(client.events(type="test.all"))
        self.assertEqual([each["key"] for each in found], ["node:n1"])
        self.assertEqual(client.look_up(found[0]["event"])["deliveries"][0]["reply"], "hello")
        again = skein("send", "x", "--type", "test.loop", "--broadcast", "loops", "--wait", "--server", node.url)
        self.assertEqual(again.returncode, 0, again)
        client.idle()
        keys = sorted(each["key"] for each in client.events(type="test.loop"))
        self.assertEqual(keys, ["node:n1/loop:0", "node:n1/loop:1", "node:n1/loop:2"])

    def test_a_repeat_is_dropped_and_what_says_nothing_is_a_dead_letter(self):
        node = self.node(ECHO)
        client = self.client(node)
        made = event("b1", type="skein.broadcast", data={"type": "test.all", "data": [1]})
        number = client.accept(made)
        self.assertEqual(client.accept(made), number)
        self.assertEqual(client.ended(number)["state"], "done")
        client.idle()
        self.assertEqual(len(list(client.events(type="test.all"))), 1)
        wrong = client.ended(client.accept(event("b2", type="skein.broadcast", data={"to": "nodes"})))
        self.assertEqual(wrong["state"], "dead")
        self.assertIn("needs a type", json.dumps(wrong))

    def test_a_node_that_is_killed_amid_broadcasts_makes_each_event_once(self):
        node = self.node(ECHO)
        client = self.client(node)
        numbers = client.accept([event(f"b{i}", f"k{i}", "skein.broadcast", data={"type": "test.all", "data": i})
                                 for i in range(200)])
        node.kill()
        node.start()
        client = self.client(node)
        client.idle()
        for number in numbers:
            self.assertEqual(client.look_up(number)["state"], "done")
        self.assertEqual(len(list(client.events(type="test.all"))), len(numbers))


if __name__ == "__main__":
    support.main()
