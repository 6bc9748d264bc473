#!/usr/bin/env python3
"""How a cluster takes the loss of a node: times of takeovers, commits that come too late, a drain under load, moves.

    bench/takeover.py BUILD_FOLDER [PART]... [--kills N] [--freezes N] [--drains N] [--turns N] [--rate R] [--json]

Nodes are processes of this machine on one PostgreSQL server of their own, whose files are in memory if they can be. The
parts, all of them if none is named:

    kill    kill -9 of one of three nodes, until each of its shards takes an event at another door: the slowest shard counts
    freeze  the same for one that stands still (SIGSTOP)
    stale   of sixteen nodes under load some stand still for a little longer than their leases last, again and again: commits
            of an owner of the past, by the store's own record of who had each shard when
    drain   one of three nodes is stopped in order, or drained by command, under load: requests that fail, and latency
            before, during the drain, and from its end on, while the node comes back
    add     a node is added to three: which shards move
    hop     of two nodes one is offered single events at a rate, by turns of its own shards and of the other's: what the way
            to the other node adds until the acknowledgement
"""
import argparse
import json
import math
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARDS = 48
KEYS = 400
LEASE_S = 2.0
PARTS = ("kill", "freeze", "stale", "drain", "add", "hop")
TAKEOVER_P99_S_MAX, FROZEN_S_MAX, DRAIN_P99_MS_MAX, HOP_P99_MS_MAX = 3.0, 8.0, 250.0, 1.0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("parts", nargs="*", metavar="PART", default=PARTS)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--freezes", type=int, default=1000, help="of the part `stale`; `freeze` makes a fiftieth")
    parser.add_argument("--drains", type=int, default=10)
    parser.add_argument("--turns", type=int, default=5, help="of `hop`, with own and with other shards each")
    parser.add_argument("--rate", type=int, default=2000, help="events a second of `hop`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


options = parse()
os.environ["SKEIN_BINARY"] = str(options.build.resolve() / "skein")
sys.path[:0] = [str(ROOT / "tests" / each) for each in ("system", "support", "faults")]
import checker  # noqa: E402
import store_witness  # noqa: E402
from history import Answer, History, Offer  # noqa: E402
from node_process import Node, until  # noqa: E402
from postgres_process import Postgres, programs  # noqa: E402
from support import Client, event, ready  # noqa: E402


def say(text):
    print(text, file=sys.stderr, flush=True)


def quantile(values, share):
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


class Cluster:
    """Nodes on one store; as many of them run as are started."""

    def __init__(self, count):
        self.folder = tempfile.mkdtemp(prefix="skein-takeover-")
        self.server = Postgres(("max_connections=200",))
        names = [f"n{number}" for number in range(1, count + 1)]
        config = f'[cluster]\nstore = "{self.server.url}"\ndurability = "single"\nshards = {SHARDS}\n'
        for name in names:
            config += (f'[[node]]\nname = "{name}"\nhttp = "127.0.0.1:0"\nloops = 1\ndata = "{name}"\n'
                       f'broker = "ipc://{self.folder}/{name}.sock"\n')
        config += '[agent.echo]\nkind = "echo"\npure = false\n[[route]]\nagent = "echo"\n'
        self.nodes = {}
        for name in names:
            place = os.path.join(self.folder, name)
            os.mkdir(place)
            self.nodes[name] = Node(place, config, arguments=["--node", name])
            self.nodes[name].verb = "start"
        self.shard_of = {}
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes.values():
            node.__exit__()
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *names):
        for name in names or self.nodes:
            self.nodes[name].launch()
        for name in names or self.nodes:
            node = self.nodes[name]
            until(node._read_url, 60, f"{name} starts")
            until(lambda node=node: ready(node), 60, f"{name} is ready")

    def client(self, name="n1", timeout=30.0):
        return Client(self.nodes[name], timeout)

    def owners(self, name="n1"):
        """The node of each shard, as that one knows."""
        client = self.client(name, 5.0)
        try:
            return {each["shard"]: each["node"] for each in client.get("/v1/shards", limit=1000).json()["shards"]}
        finally:
            client.close()

    def settle(self, *names, asked="n1"):
        """Waits until these nodes have the shards, as equally as can be."""
        names = names or tuple(self.nodes)
        least = SHARDS // len(names)

        def shares():
            owned = list(self.owners(asked).values())
            counts = {name: owned.count(name) for name in names}
            return sum(counts.values()) == SHARDS and min(counts.values()) >= least and max(counts.values()) <= least + 1
        until(shares, 60, f"{', '.join(names)} have their shares")

    def learn_keys(self):
        """A key of each shard."""
        client = self.client()
        told = client.publish([event(f"key-{number}", f"k{number}") for number in range(KEYS)]).json()
        for number, each in enumerate(told["accepted"]):
            self.shard_of[f"k{number}"] = each["shard"]
        client.close()
        assert len(set(self.shard_of.values())) == SHARDS, "a shard has no key"

    def batch_for(self, shards):
        """An event for each of these."""
        by_shard = {shard: key for key, shard in self.shard_of.items()}
        self.sent += 1
        return [event(f"b{self.sent}-{shard}", by_shard[shard]) for shard in shards]

    def seconds_until_taken(self, client, shards):
        """Until the slowest of these shards has taken an event at the client's door."""
        began = time.monotonic()
        batch = self.batch_for(shards)
        while client.publish(batch).status != 202:
            assert time.monotonic() - began < 60, "the shards are not taken over"
        return time.monotonic() - began


def losses(count, lose, bring_back):
    """The seconds of so many takeovers of n2 and n3 by turns."""
    took = []
    with Cluster(3) as cluster:
        cluster.start()
        cluster.settle()
        cluster.learn_keys()
        dice = random.Random(options.seed)
        client = cluster.client()
        for number in range(count):
            victim = cluster.nodes[f"n{2 + number % 2}"]
            shards = [shard for shard, node in cluster.owners().items() if node == f"n{2 + number % 2}"]
            time.sleep(dice.uniform(0, 0.4))  # anywhere between two beats
            lose(victim)
            took.append(cluster.seconds_until_taken(client, shards))
            bring_back(cluster, f"n{2 + number % 2}")
            cluster.settle()
        client.close()
    return {"times": len(took), "p50_s": quantile(took, 0.5), "p99_s": quantile(took, 0.99), "max_s": max(took)}


def kill():
    return losses(options.kills, lambda node: node.kill(), lambda cluster, name: cluster.start(name))


def freeze():
    return losses(max(5, options.freezes // 50), lambda node: node.signal(signal.SIGSTOP),
                  lambda cluster, name: cluster.nodes[name].signal(signal.SIGCONT))


class Load:
    """Single events of random keys at a rate, each again until it is acknowledged; latencies and what failed."""

    def __init__(self, cluster, doors, rate, senders=4, again=False):
        self.cluster, self.doors, self.again = cluster, doors, again
        self.pause = senders / rate
        self.stopping = threading.Event()
        self.done = []  # (begin, end, status) of each request
        self.offers, self.answers = [], []
        self.threads = [threading.Thread(target=self.send, args=(number,)) for number in range(senders)]
        for each in self.threads:
            each.start()

    def send(self, number):
        dice = random.Random(f"{options.seed}/{number}")
        clients = {}
        made, due = 0, time.monotonic()
        while not self.stopping.is_set():
            made += 1
            name, key = f"l{number}-{made}", f"k{dice.randrange(KEYS)}"
            status = None
            while status != 202 and (status is None or self.again) and not (status and self.stopping.is_set()):
                status = self.attempt(clients, dice.choice(self.doors), name, key)
            due = max(due + self.pause, time.monotonic() - 1.0)
            self.stopping.wait(max(0.0, due - time.monotonic()))
        for each in clients.values():
            each.close()

    def attempt(self, clients, door, name, key):
        client = clients.setdefault(door, self.cluster.client(door, 4.0 if self.again else 30.0))
        began = time.monotonic()
        self.offers.append(Offer(name, key, "plain", door, 0))
        try:
            answer = client.publish(event(name, key))
            status = answer.status
        except OSError:
            client.close()
            status = 0
        self.done.append((began, time.monotonic(), status))
        if status == 202:
            self.answers.append(Answer(name, "accepted", answer.json()["accepted"][0]["event"], door, 0))
        return status

    def stop(self):
        self.stopping.set()
        for each in self.threads:
            each.join()


def stale():
    """Some of sixteen nodes stand still at once; two never do, so that there is a door."""
    dice = random.Random(options.seed)
    frozen = 0
    with Cluster(16) as cluster:
        cluster.start("n1")
        store_witness.install(cluster.server)  # nothing is committed yet: there is no load, and no job
        cluster.start(*(name for name in cluster.nodes if name != "n1"))
        cluster.settle()
        load = Load(cluster, ("n1", "n2"), 150, again=True)
        candidates = [name for name in cluster.nodes if name not in ("n1", "n2")]
        while frozen < options.freezes:
            chosen = dice.sample(candidates, 9)
            for name in chosen:
                cluster.nodes[name].signal(signal.SIGSTOP)
                time.sleep(dice.uniform(0, 0.05))  # each at a moment of its own
            time.sleep(LEASE_S + dice.uniform(-0.4, 0.8))  # a little shorter or longer than a lease
            for name in chosen:
                cluster.nodes[name].signal(signal.SIGCONT)
            frozen += len(chosen)
            time.sleep(dice.uniform(0.5, 2.0))  # shards come back, so that there is something to lose
            if frozen % 90 == 0:
                say(f"  {frozen} freezes")
        cluster.settle()
        load.stop()
        client = cluster.client()
        until(lambda: sum(Client(node).status()["ledger"]["pending"] for node in cluster.nodes.values()) == 0, 60,
              "all is done")
        client.close()
        history = History(offers=load.offers, answers=load.answers, grants=store_witness.grants_of(cluster.server),
                          events=store_witness.events_of(cluster.server))
        stored = checker.Stored(history)
        late = [text for text in checker.one_committing_owner(history, stored)]
        lost = [text for text in checker.acknowledged_is_stored(history, stored)]
        commits = sum(1 + len(each.deliveries) for each in history.events)
    for text in (late + lost)[:10]:
        say(text)
    return {"times": frozen, "stale": len(late), "lost": len(lost), "grants": len(history.grants), "commits": commits,
            "acknowledged": len(history.answers)}


def drain():
    windows = {"before": [], "during": [], "back": []}
    took = []
    with Cluster(3) as cluster:
        cluster.start()
        cluster.settle()
        load = Load(cluster, ("n1", "n3"), 200)
        for number in range(options.drains):
            time.sleep(4.0)  # the load as it is without a drain
            began = time.monotonic()
            if number % 2 == 0:
                node = cluster.nodes["n2"]
                node.terminate()
                assert node.wait(60) == 0, "a drain does not end in order"
                ended = time.monotonic()
                cluster.start("n2")
            else:
                client = cluster.client()
                assert client.post("/v1/nodes/n2/drain").status == 200
                cluster.settle("n1", "n3")
                ended = time.monotonic()
                assert client.post("/v1/nodes/n2/undrain").status == 200
                client.close()
            cluster.settle()
            took.append(ended - began)
            time.sleep(2.0)  # what waited while it came back is taken
            for name, since, to in (("before", began - 1.5, began), ("during", began, ended), ("back", ended, math.inf)):
                windows[name] += [end - begin for begin, end, _ in load.done if since <= begin < to]
        load.stop()
    row = {"times": len(took), "requests": len(load.done), "failed": sum(status != 202 for _, _, status in load.done),
           "longest_drain_s": max(took)}
    for name, latencies in windows.items():
        row.update({f"{name}_p50_ms": 1000 * quantile(latencies, 0.5), f"{name}_p99_ms": 1000 * quantile(latencies, 0.99),
                    f"{name}_max_ms": 1000 * max(latencies), name: len(latencies)})
    return row


def add():
    with Cluster(4) as cluster:
        cluster.start("n1", "n2", "n3")
        cluster.settle("n1", "n2", "n3")
        before = cluster.owners()
        cluster.start("n4")
        cluster.settle()
        after = cluster.owners()
    moved = [shard for shard in before if before[shard] != after[shard]]
    return {"shards": SHARDS, "moved": len(moved), "fair_share": SHARDS // 4,
            "between_old_nodes": sum(after[shard] != "n4" for shard in moved)}


def hop():
    """Each turn against the one before it, as the machine is in those seconds."""
    turns = {"own": [], "other": []}
    with Cluster(2) as cluster:
        cluster.start()
        cluster.settle()
        cluster.learn_keys()
        owners = cluster.owners()
        port = str(cluster.nodes["n1"].port)
        for _ in range(options.turns):
            for name, node in (("own", "n1"), ("other", "n2")):
                keys = [key for key, shard in cluster.shard_of.items() if owners[shard] == node]
                command = [options.build / "bench" / "offers", port, str(options.rate), "10", *keys]
                turns[name].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        refused = sum(turn["refused"] for name in turns for turn in turns[name])
    row = {"rate": options.rate, "turns": options.turns, "refused": refused}
    for name in ("p50_ms", "p99_ms"):
        for whose in turns:
            row[f"{whose}_{name}"] = quantile([turn[name] for turn in turns[whose]], 0.5)
        row[f"adds_{name}"] = quantile([other[name] - own[name] for own, other in zip(turns["own"], turns["other"])], 0.5)
    return row


def verdict(good):
    return "met" if good else "NOT met"


def told(part, row):
    if part in ("kill", "freeze"):
        limit, name = (TAKEOVER_P99_S_MAX, "p99_s") if part == "kill" else (FROZEN_S_MAX, "max_s")
        return (f"{row['times']} takeovers, p50 {row['p50_s']:.2f} s, p99 {row['p99_s']:.2f} s, max {row['max_s']:.2f} s  "
                f"{verdict(row[name] <= limit)}: {name[:3]} at most {limit:g} s")
    if part == "stale":
        return (f"{row['times']} freezes, {row['grants']} changes of owner, {row['commits']} commits of events and ends: "
                f"{row['stale']} stale, {row['lost']} of {row['acknowledged']} acknowledged events lost  "
                f"{verdict(row['stale'] + row['lost'] == 0)}: none")
    if part == "drain":
        good = row["failed"] == 0 and row["during_p99_ms"] < DRAIN_P99_MS_MAX
        figures = ", ".join(f"{name} p50 {row[name + '_p50_ms']:.1f}, p99 {row[name + '_p99_ms']:.1f}, max "
                            f"{row[name + '_max_ms']:.0f} ms" for name in ("before", "during", "back"))
        return (f"{row['times']} drains, the longest took {row['longest_drain_s']:.1f} s; {row['failed']} of "
                f"{row['requests']} requests failed; {figures}  {verdict(good)}: none fails, p99 during drains below "
                f"{DRAIN_P99_MS_MAX:g} ms")
    if part == "hop":
        return (f"at {row['rate']}/s, {row['turns']} turns each: own shards p50 {row['own_p50_ms']:.2f}, p99 "
                f"{row['own_p99_ms']:.2f} ms, the other's {row['other_p50_ms']:.2f}, {row['other_p99_ms']:.2f} ms; the middle "
                f"one of the differences {row['adds_p50_ms']:.2f}, {row['adds_p99_ms']:.2f} ms; {row['refused']} refused  "
                f"{verdict(row['adds_p99_ms'] <= HOP_P99_MS_MAX)}: at most {HOP_P99_MS_MAX:g} ms more at p99")
    return (f"{row['moved']} of {row['shards']} shards moved to a fourth node, {row['between_old_nodes']} between old ones  "
            f"{verdict(row['moved'] == row['fair_share'] and not row['between_old_nodes'])}: its share of "
            f"{row['fair_share']}")


def main():
    if programs() is None:
        sys.exit("PostgreSQL is not installed")
    rows = {}
    for part in options.parts:
        if part not in PARTS:
            sys.exit(__doc__)
        rows[part] = globals()[part]()
        if not options.json:
            print(f"{part:7} {told(part, rows[part])}", flush=True)
    if options.json:
        print(json.dumps(rows))


main()
