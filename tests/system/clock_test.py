"""A wall clock that cannot be true, at the start and while a node runs."""
import os
import sys

import support
from support import event, until

FALSE_CLOCK = os.environ["SKEIN_FALSE_CLOCK_LIBRARY"]
DAY = 86_400
YEAR = 366 * DAY


class Clock(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.off = os.path.join(self.folder, "seconds")
        self.set(0)
        self.environment = {"LD_PRELOAD": FALSE_CLOCK, "SKEIN_FALSE_CLOCK": self.off}

    def set(self, seconds):
        with open(self.off + ".new", "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.replace(self.off + ".new", self.off)

    def refused(self, *arguments):
        done = support.skein("dev", *arguments, "--port", "0", environment=self.environment)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("clock-implausible", done.stderr)
        self.assertIn("--trust-clock", done.stderr)

    def test_a_start_in_the_year_2100_is_refused_and_changes_nothing(self):
        node = self.node(environment=self.environment)
        client = self.client(node)
        client.ended(client.accept(event("a", "k")))
        client.close()
        node.kill()
        self.set(74 * YEAR)
        self.refused("--data", node.data)
        self.refused("--data", os.path.join(self.folder, "new"))
        self.set(2 * YEAR)
        self.refused("--data", node.data)
        self.set(0)
        node.start()
        again = self.client(node).publish(event("a", "k"))
        self.assertTrue(again.json()["accepted"][0]["duplicate"], again)

    def test_a_person_can_say_that_the_clock_is_right(self):
        node = self.node(environment=self.environment)
        client = self.client(node)
        client.ended(client.accept(event("a", "k")))
        client.close()
        node.kill()
        self.set(2 * YEAR)
        node.arguments.append("--trust-clock")
        node.start()
        client = self.client(node)
        client.ended(client.accept(event("b", "k")))
        client.close()
        node.kill()
        node.arguments.remove("--trust-clock")
        node.start()

    def test_a_new_store_is_not_made_before_the_year_2025(self):
        self.set(-50 * YEAR)
        self.refused("--data", os.path.join(self.folder, "new"))

    def test_nothing_expires_and_nothing_fires_when_the_clock_is_set_to_the_year_2100(self):
        node = self.node(environment=self.environment)
        client = self.client(node)
        client.ended(client.accept(event("a", "k")))
        later = client.accept(event("later", "l", due="+1h"))
        self.set(74 * YEAR)
        until(lambda: "clock-not-believed" in node.log(), 10, "the clock to be doubted")
        again = client.publish(event("a", "k"))
        self.assertTrue(again.json()["accepted"][0]["duplicate"], again)
        number = client.accept(event("b", "k"))
        self.assertTrue(client.ended(number)["accepted"].startswith("20"))
        self.assertLess(client.look_up(number)["accepted"], "2090")
        self.assertEqual(client.look_up(later)["state"], "pending")
        self.set(0)
        client.ended(client.accept(event("c", "k")))
        self.assertEqual(client.look_up(later)["state"], "pending")
        self.assertEqual(node.log().count("clock-not-believed"), 1)
        self.set(2 * 3600)  # a step that can be true counts at once
        client.ended(client.accept(event("d", "k")))
        node.kill()
        node.start()
        client = self.client(node)
        self.assertEqual(client.ended(later)["state"], "done")

    def test_a_clock_that_is_behind_is_told_and_time_stands_still(self):
        node = self.node(environment=self.environment)
        client = self.client(node)
        first = client.look_up(client.accept(event("a", "k")))["accepted"]
        client.idle()
        client.close()
        node.kill()
        self.set(-2 * DAY)
        node.start()
        self.assertEqual(node.log().count("clock-behind"), 1, node.log())
        client = self.client(node)
        again = client.publish(event("a", "k"))
        self.assertTrue(again.json()["accepted"][0]["duplicate"], again)
        self.assertGreaterEqual(client.ended(client.accept(event("b", "k")))["accepted"], first)


if __name__ == "__main__":
    if os.environ.get("SKEIN_SANITIZED"):
        print("SKIPPED: nothing can be loaded before the sanitizer")
        sys.exit(77)
    support.main()
