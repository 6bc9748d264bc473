"""Three nodes and one store on PostgreSQL, one of them with a clock that is ten minutes ahead, one with one that is
behind: the server's clock counts, at all of them and whoever has the shards."""
import datetime
import os
import time

import support
from cluster_test import NAMES, OnPostgres
from support import event, until

FALSE_CLOCK = os.environ["SKEIN_FALSE_CLOCK_LIBRARY"]
OFF = {"n1": 600, "n2": -600, "n3": 0}


def seconds(text):
    """Of 1970, of a time as nodes write it."""
    return datetime.datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()


class ClusterClock(OnPostgres):
    def setUp(self):
        super().setUp()
        for name, node in self.nodes.items():
            off = os.path.join(self.folder, name + ".seconds")
            with open(off, "w", encoding="ascii") as file:
                file.write(str(OFF[name]))
            node.environment.update({"LD_PRELOAD": FALSE_CLOCK, "SKEIN_FALSE_CLOCK": off})

    def due_later(self, name, first, count, wait):
        """Events of as many keys, offered at that node; numbers, and when they are due by this machine's clock."""
        due = time.time() + wait
        text = datetime.datetime.fromtimestamp(due, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        client = self.client(self.nodes[name])
        return client.accept([event(first + i, f"k{first + i}", due=text) for i in range(count)]), due

    def check(self, numbers, due, names):
        client = self.client(self.nodes[names[0]])
        for number in numbers:
            found = client.ended(number)
            self.assertEqual(found["state"], "done")
            started = seconds(found["deliveries"][0]["started"])
            self.assertGreaterEqual(started, due - 0.001, found)
            self.assertLess(started, due + 5, found)

    def test_nothing_is_early_or_late_by_a_node_s_own_clock(self):
        self.start_all()
        began = time.time()
        all_of_them = [self.due_later(name, 1000 * at, 60, 3) for at, name in enumerate(NAMES)]
        for numbers, due in all_of_them:
            self.check(numbers, due, NAMES)
        for numbers, _ in all_of_them:
            accepted = seconds(self.client(self.nodes["n1"]).look_up(numbers[0])["accepted"])
            self.assertLess(abs(accepted - began), 5)

    def test_who_takes_shards_over_goes_on_at_the_same_time(self):
        self.start_all()
        numbers, due = self.due_later("n1", 0, 90, 8)
        self.nodes["n1"].kill()
        rest = ("n2", "n3")
        self.settled(rest)
        self.check(numbers, due, rest)
        again, due = self.due_later("n2", 1000, 60, 2)
        self.check(again, due, rest)


if __name__ == "__main__":
    support.main()
