"""Three nodes on machines of their own, on one store, each with a supervisor that starts it again when it has ended.

Their brokers speak tcp with keys. n3 reaches the store, and n2 reaches n3, over links that can be made slow.
"""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder) for folder in ("system", "support")]
from node_process import Node, until  # noqa: E402
from support import Client, skein  # noqa: E402

from history import BELL, SINK, WORKER  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("n1", "n2", "n3")
SERVERS = ("pg1", "pg2")
SHARDS = 48
BROKER_PORT, LINK_PORT = 7412, 9001
START_AGAIN_AFTER = 1.0  # seconds, as a supervisor does
STORE_FAILED, COULD_NOT_START = 74, 1  # a supervisor starts it again after these
TOOK_TOO_LONG = 75  # an end in order did; nothing is lost by it
AGENTS = f"""
[agent.{WORKER}]
kind = "exec"
command = ["{sys.executable}", "{HERE}/fault_worker.py"]
environment = {{ TURNS = "@FOLDER@/turns.jsonl", NODE = "@NODE@" }}
processes = 4
concurrency = 4
timeout = "60s"
[agent.{SINK}]
kind = "echo"
pure = false
[agent.{BELL}]
kind = "echo"
pure = false
[[route]]
type = "fault.work"
agent = "{WORKER}"
[[route]]
type = "fault.child"
agent = "{SINK}"
[job.tick]
every = "1s"
agent = "{BELL}"
overlap = "allow"
misfire = "all"
"""


class DistantClient(Client):
    """A client beside the node, on its machine."""

    def __init__(self, machines, name, port, timeout=30.0):
        super().__init__(port, timeout)
        self.machines, self.name = machines, name

    def request(self, *what, **how):
        if self.connection is None:
            made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
            made.auto_open = 0  # it would be made here, not there
            made.sock = self.machines.connect(self.name, self.port, self.timeout)
            self.connection = made
        return super().request(*what, **how)


class WatchedNode(Node):
    """A node that is up unless it was put down, whatever happens to it."""

    def __init__(self, machines, name, folder, config, note):
        os.makedirs(folder)
        super().__init__(folder, config, arguments=["--node", name])
        self.machines, self.name, self.note = machines, name, note
        self.verb = "start"
        self.wanted = False
        self.ended_at = 0.0
        self.broken = []  # ends that no fault explains
        self.lock = threading.RLock()

    def command(self):
        return self.machines.at(self.name, *super().command())

    def look(self):
        """What its supervisor does, again and again."""
        with self.lock:
            if self.process and self.process.poll() is not None:
                status, self.process = self.process.returncode, None
                self.ended_at, self.port = time.monotonic(), None
                self.note("ended", self.name, status)
                if status not in (STORE_FAILED, COULD_NOT_START):
                    self.broken.append(f"{self.name} ended with {status}: {self.log()[-1500:]}")
            if self.wanted and not self.process and time.monotonic() - self.ended_at > START_AGAIN_AFTER:
                self.launch()
            elif self.process and not self.port:
                found = re.search(r"url +http://127\.0\.0\.1:(\d+)", self.output())
                self.port = int(found[1]) if found else None

    def up(self):
        with self.lock:
            self.wanted, self.ended_at = True, 0.0

    def put_down(self):
        """SIGKILL, and its supervisor lets it be."""
        with self.lock:
            self.wanted, self.port = False, None
            if self.process:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait(10)
                self.process = None

    def stop(self, within=60):
        """In order; its exit status, or None if it was not there."""
        with self.lock:
            self.wanted = False
            process, self.process, self.port = self.process, None, None
        if not process:
            return None
        process.terminate()
        status = process.wait(within)
        if status:
            self.note("ended", self.name, status)
        return status

    def family(self):
        """Its process, and those of its programs."""
        pid = self.process.pid
        found = [pid]
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += [int(each) for each in file.read().split()]
        return found

    def client(self, timeout=30.0):
        port = self.port
        return DistantClient(self.machines, self.name, port, timeout) if port else None

    def ask(self, path, timeout=5.0):
        """What it answers, as JSON, or None."""
        client = self.client(timeout)
        if client is None:
            return None
        try:
            answer = client.get(path)
            return answer.json() if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            client.close()


class FaultCluster:
    def __init__(self, machines, pair, folder, note):
        self.machines, self.folder = machines, folder
        self.nodes = {}
        self.links = []
        self.stores = dict.fromkeys(NAMES, pair.url())
        self.stores["n3"] = pair.url([f"127.0.0.1:{LINK_PORT + place}" for place in range(2)])
        for name, store in self.stores.items():
            self.nodes[name] = WatchedNode(machines, name, os.path.join(folder, name), self.config(name, store), note)
        self.link("n3", *(word for place, server in enumerate(SERVERS) for word in
                          (f"127.0.0.1:{LINK_PORT + place}", f"{machines.address(server)}:5432")))
        self.link("n2", f"127.0.0.1:{LINK_PORT}", f"{machines.address('n3')}:{BROKER_PORT}")
        self.exchange_keys()
        self.watching = True
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def config(self, name, store):
        text = f'[cluster]\nstore = "{store}"\nshards = {SHARDS}\n[limits]\ndrain_deadline = "20s"\n'
        for other in NAMES:
            address = f"{self.machines.address(other)}:{BROKER_PORT}"
            if (name, other) == ("n2", "n3"):
                address = f"127.0.0.1:{LINK_PORT}"
            text += (f'[[node]]\nname = "{other}"\nhttp = "127.0.0.1:0"\nloops = 2\ndata = "{other}"\n'
                     f'broker = "tcp://{address}"\n')
        return text + AGENTS.replace("@FOLDER@", self.folder).replace("@NODE@", name)

    def link(self, name, *addresses):
        made = subprocess.Popen(self.machines.at(name, sys.executable, os.path.join(HERE, "slow_link.py"), *addresses),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert made.stdout.readline() == b"ready\n", "a link does not begin"
        self.links.append(made)

    def make_links(self, line):
        for each in self.links:
            each.stdin.write(line.encode() + b"\n")
            each.stdin.flush()

    def exchange_keys(self):
        keys = {}
        for name, node in self.nodes.items():
            made = skein("peer", "create", "--data", node.data)
            assert made.returncode == 0, made
            keys[name] = made.stdout.strip()
        for name, node in self.nodes.items():
            for other in NAMES:
                if other != name:
                    done = skein("peer", "allow", other, keys[other], "--data", node.data)
                    assert done.returncode == 0, done

    def watch(self):
        while self.watching:
            for node in self.nodes.values():
                node.look()
            time.sleep(0.05)  # between two looks

    def broken(self):
        return [each for node in self.nodes.values() for each in node.broken]

    def is_whole(self):
        """Each node is ready, and sees all of them and no shard without an owner."""
        for node in self.nodes.values():
            if self.broken():
                raise AssertionError("\n".join(self.broken()))
            told = node.ask("/v1/nodes")
            if not told or told["unowned"] or len([each for each in told["nodes"] if each["shards"]]) != len(NAMES):
                return False
            client = node.client(5.0)
            try:
                if client is None or client.get("/readyz").status != 200:
                    return False
            except (OSError, http.client.HTTPException):
                return False
            finally:
                if client:
                    client.close()
        return True

    def become_whole(self, within):
        """The seconds until all is well."""
        began = time.monotonic()
        try:
            until(self.is_whole, within, "each node is ready and each shard has its owner")
        except AssertionError as problem:
            told = {name: node.ask("/v1/nodes") for name, node in self.nodes.items()}
            raise AssertionError(f"{problem}: {json.dumps(told)}") from None
        return time.monotonic() - began

    def make_store(self):
        """By a node without a job, so that nothing is in it yet."""
        node = self.nodes["n1"]
        whole = self.config("n1", self.stores["n1"])
        node.configure(whole[:whole.index("[job")])
        node.up()
        until(lambda: node.ask("/v1/status"), 60, "the first node")
        status = node.stop()
        assert status == 0, f"n1 ended with {status}"
        node.configure(whole)

    def start(self):
        for each in self.nodes.values():
            each.up()
        self.become_whole(60)

    def close(self):
        self.watching = False
        self.watcher.join()
        for node in self.nodes.values():
            node.put_down()
        for each in self.links:
            each.stdin.close()
            each.wait(10)
