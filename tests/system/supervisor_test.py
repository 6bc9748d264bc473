"""A node under a supervisor: what it tells over NOTIFY_SOCKET, and when it falls silent. The socket is the test's own;
no systemd is needed."""
import os
import signal
import socket
import time

import support
from support import event, skein, stuck_agent, until

WATCHDOG_SECONDS = 2.0


class Supervisor:
    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.told = []

    def look(self):
        """Everything that was told so far, a dictionary a datagram."""
        self.socket.setblocking(False)
        try:
            while True:
                lines = self.socket.recv(4096).decode().splitlines()
                self.told.append(dict(line.split("=", 1) for line in lines))
        except BlockingIOError:
            return self.told

    def has(self, name):
        return [each for each in self.look() if name in each]


class Supervision(support.SystemTest):
    def supervised(self, name=None, config=None, **environment):
        name = name or os.path.join(self.folder, "notify")
        self.over = Supervisor(name)
        self.addCleanup(self.over.socket.close)
        return self.unstarted(config, environment={"NOTIFY_SOCKET": name, **environment})

    def watched(self, config=None):
        return self.supervised(config=config, WATCHDOG_USEC=str(int(WATCHDOG_SECONDS * 1e6)))

    def test_a_supervisor_hears_when_the_node_serves_and_when_it_begins_to_end(self):
        for name in (os.path.join(self.folder, "notify"), f"@skein-test-{os.getpid()}"):
            node = self.supervised(name, config='[limits]\ndrain_deadline = "7s"\n[agent.echo]\nkind = "echo"\n'
                                                '[[route]]\nagent = "echo"\n')
            node.start()
            ready = until(lambda: self.over.has("READY"), 10, "READY")[0]
            self.assertEqual(ready["READY"], "1")
            self.assertIn(f"127.0.0.1:{node.port}", ready["STATUS"])
            self.assertEqual(self.client(node).get("/readyz").status, 200)
            self.assertEqual(self.over.has("STOPPING"), [])
            node.terminate()
            self.assertEqual(node.wait(20), 0)
            stopping = self.over.has("STOPPING")
            self.assertEqual(len(stopping), 1)
            self.assertEqual(stopping[0]["EXTEND_TIMEOUT_USEC"], str(17_000_000), "the drain's deadline and 10 s")
            self.assertEqual(self.over.has("WATCHDOG"), [], "nobody asked for it")

    def test_a_node_that_cannot_start_is_not_ready(self):
        node = self.supervised()
        with open(node.data, "w", encoding="ascii"):
            pass  # no folder can be there
        done = skein(*node.command()[1:], environment=node.environment)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.over.look(), [])

    def test_a_frozen_node_is_not_heard_and_one_that_goes_on_is(self):
        node = self.watched()
        node.start()
        until(lambda: len(self.over.has("WATCHDOG")) >= 2, 20, "two signs of life")
        node.signal(signal.SIGSTOP)
        until(lambda: self.state(node) == "T", 10, "the process to stand still")
        before = len(self.over.has("WATCHDOG"))
        time.sleep(WATCHDOG_SECONDS)  # the time after which a supervisor would act
        self.assertEqual(len(self.over.has("WATCHDOG")), before)
        node.signal(signal.SIGCONT)
        until(lambda: len(self.over.has("WATCHDOG")) > before, 20, "a sign of life after it went on")
        node.terminate()
        self.assertEqual(node.wait(20), 0)

    def test_signs_of_life_go_on_under_a_turn_that_hangs(self):
        node = self.watched(stuck_agent(os.path.join(self.folder, "notes"), "never") +
                            '[[route]]\nagent = "stuck"\n')
        node.start()
        self.client(node).accept(event("one", "k"))
        until(lambda: os.path.exists(os.path.join(self.folder, "notes")), 30, "the turn to start")
        before = len(self.over.has("WATCHDOG"))
        until(lambda: len(self.over.has("WATCHDOG")) >= before + 3, 20, "three signs of life")
        node.kill()

    def test_programs_of_agents_do_not_see_the_socket(self):
        node = self.supervised(config='[agent.env]\nkind = "exec"\nmode = "oneshot"\ncommand = ["env"]\n'
                                      '[[route]]\nagent = "env"\n')
        node.start()
        done = skein("send", "x", "--wait", "--server", node.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SKEIN_", done.stdout)
        self.assertNotIn("NOTIFY_SOCKET", done.stdout)

    def test_a_socket_that_nobody_reads_ends_nothing(self):
        node = self.unstarted(environment={"NOTIFY_SOCKET": os.path.join(self.folder, "gone")})
        node.start()
        self.assertEqual(self.client(node).get("/readyz").status, 200)
        node.terminate()
        self.assertEqual(node.wait(20), 0)
        self.assertEqual(node.log().count("supervisor-unheard"), 1)

    def state(self, node):
        with open(f"/proc/{node.pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]


if __name__ == "__main__":
    support.main()
