"""A cluster under faults: three nodes, a PostgreSQL primary and its synchronous standby, each on a machine of its own.

    faults_test.py [--seed N] [--minutes M] [--only KIND]... [--rate EVENTS] [--keep]

A load goes to all nodes while faults of a schedule come and go, each followed by quiet in which the cluster must become
whole. At the end all must have ended, and the history of the run must keep the promises (checker.py). What a run that
failed has left is kept in a folder, which `checker.py FOLDER` judges again.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import checker
import machines as world
from history import Recorder, read_history, save_store

MENDED_WITHIN = 60.0  # seconds, on a machine with nothing else to do
SAMPLE = 300  # events that are looked up once more at the end


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--minutes", type=float, default=1.0, help="that faults come for")
    parser.add_argument("--only", action="append", help="kinds of faults")
    parser.add_argument("--rate", type=float, default=250)
    parser.add_argument("--keep", action="store_true", help="the folder, also if all is well")
    return parser.parse_args()


class Run:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.began = time.monotonic()
        self.timeline = Recorder(os.path.join(folder, "timeline.jsonl"))
        self.closing = []
        self.mended = []

    def note(self, *words):
        at = time.monotonic() - self.began
        text = " ".join(map(str, words))
        self.timeline.note([round(at, 3), text])
        print(f"[{at:7.2f} s] {text}", flush=True)

    def build(self):
        from fault_cluster import NAMES, SERVERS, FaultCluster
        from faults import Faults
        from load import Load
        from postgres_pair import PostgresPair
        import store_witness
        self.machines = world.Machines([*NAMES, *SERVERS])
        self.pair = PostgresPair(self.machines)
        self.closing.append(self.pair.close)
        self.cluster = FaultCluster(self.machines, self.pair, self.folder, self.note)
        self.closing.append(self.cluster.close)
        self.cluster.make_store()
        store_witness.install(self.pair.primary)
        self.cluster.start()
        self.witness = store_witness
        self.faults = Faults(self.machines, self.pair, self.cluster)
        self.load = Load(self.cluster.nodes.values(), os.path.join(self.folder, "client.jsonl"), self.options.seed,
                         self.options.rate)
        self.closing.append(self.load.give_up)
        self.load.start()
        self.note("the cluster is whole, and has a load")

    def close(self):
        for each in reversed(self.closing):
            each()

    def look_around(self):
        """What nodes and servers tell when a run has failed."""
        for name, node in self.cluster.nodes.items():
            for path in ("status", "nodes", "peers", "loops", "agents", "lanes"):
                with open(os.path.join(self.folder, name, path + ".json"), "w", encoding="utf-8") as file:
                    json.dump(node.ask(f"/v1/{path}"), file)
        for server in (self.pair.primary, self.pair.standby):
            shutil.copy(os.path.join(server.folder, "log"), os.path.join(self.folder, server.name + ".log"))

    def trouble(self):
        """The faults, for as long as they are to come."""
        from faults import KINDS, can_be_at_once, schedule
        cards = schedule(self.options.seed, self.options.only or KINDS)
        until = time.monotonic() + 60 * self.options.minutes
        card = next(cards)
        while time.monotonic() < until:
            fault, card = card, next(cards)
            on_top = card if fault.on_top and can_be_at_once(fault, card) else None
            self.lay(fault, on_top)
            if on_top:
                card = next(cards)
            if self.load.problems:
                raise AssertionError("\n".join(self.load.problems))

    def lay(self, fault, on_top):
        from node_process import patience
        self.note("begin", fault)
        self.faults.begin(fault)
        time.sleep(fault.seconds / 2 if on_top else fault.seconds)  # the fault lasts
        if on_top:
            self.note("begin", on_top)
            self.faults.begin(on_top)
            time.sleep(max(fault.seconds / 2, on_top.seconds))  # both last
            self.note("end", on_top)
            self.faults.end(on_top)
        self.note("end", fault)
        self.faults.end(fault)
        took = self.cluster.become_whole(MENDED_WITHIN)
        began = time.monotonic()
        self.load.probe(len(self.mended), patience(MENDED_WITHIN))
        took += time.monotonic() - began
        self.mended.append((took, str(fault)))
        self.note("whole again after", f"{took:.2f} s")
        time.sleep(fault.quiet)  # between two faults

    def settle(self):
        """All ends; what the store then holds."""
        from fault_cluster import TOOK_TOO_LONG
        from node_process import until
        self.load.stop()
        if self.load.problems:
            raise AssertionError("\n".join(self.load.problems))
        node = next(iter(self.cluster.nodes.values()))
        client = node.client()
        paused = client.post("/v1/jobs/tick/pause", {})
        client.close()  # a connection that nobody uses is closed by the node after a while
        assert paused.status == 200, paused
        until(lambda: self.ledger()["pending"] == 0, MENDED_WITHIN, "nothing is pending")
        self.note("nothing is pending")
        grants = Recorder(os.path.join(self.folder, "grants.jsonl"))
        grants.note(*([each.shard, each.epoch, each.owner, each.at] for each in self.witness.grants_of(self.pair.primary)))
        grants.close()
        events = self.witness.events_of(self.pair.primary)
        self.hold_against_the_doors(events)
        client = node.client()
        save_store(self.folder, events, self.states(client, events), {"tick": self.records(client)}, self.ledger())
        client.close()
        for each in self.cluster.nodes.values():
            status = each.stop()
            assert status in (0, TOOK_TOO_LONG), f"{each.name} ended with {status}: {each.log()[-1500:]}"
        assert not self.cluster.broken(), "\n".join(self.cluster.broken())

    def ledger(self):
        """Each node counts what is in its shards; the sum."""
        parts = [node.ask("/v1/status")["ledger"] for node in self.cluster.nodes.values()]
        return {name: sum(part[name] for part in parts) for name in parts[0]}

    def states(self, client, events):
        """What the worker keeps, by key."""
        found = {}
        for key in sorted({each.key for each in events if each.key.startswith("k")}):
            answer = client.get(f"/v1/keys/{key}")
            assert answer.status == 200, answer
            for each in answer.json()["states"]:
                if each["agent"] == checker.WORKER:
                    found[key] = each["state"]
        return found

    def records(self, client):
        """Of the job, oldest first."""
        found, after = [], {}
        while True:
            page = client.get("/v1/jobs/tick/history", limit=1000, **after).json()
            found += page["records"]
            if "next" not in page:
                return found[::-1]
            after = {"after": page["next"]}

    def hold_against_the_doors(self, events):
        """What nodes tell of some events is what the store has."""
        import random
        dice = random.Random(self.options.seed)
        for node in self.cluster.nodes.values():
            client = node.client()
            for each in dice.sample(events, min(SAMPLE // 3, len(events))):
                told = client.look_up(each.number)
                mine = [(one.agent, one.state, one.attempt) for one in each.deliveries]
                theirs = [(one["agent"], one["state"], one["attempt"]) for one in told["deliveries"]]
                assert (told["id"], theirs) == (each.id, mine), f"{node.name} tells of {each.number}: {told}, not {each}"
            client.close()

    def judge(self):
        history = read_history(self.folder)
        for name, value in checker.figures(history).items():
            print(f"  {name}: {value}")
        if self.mended:
            print(f"  slowest to become whole: {max(self.mended)[0]:.2f} s after {max(self.mended)[1]}")
        print(f"  slowest acknowledgement: {self.load.slowest:.2f} s")
        problems = checker.judge(history)
        for rule, text in problems[:50]:
            print(f"{rule}: {text}")
        return problems


def main():
    options = parse()
    world.in_a_world_of_its_own()
    import postgres_process
    if postgres_process.programs() is None:
        world.skip("PostgreSQL is not installed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    os.umask(0o022)
    folder = tempfile.mkdtemp(prefix="skein-faults-")
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    run = Run(options, folder)
    failed = True
    try:
        try:
            run.build()
            run.trouble()
            run.settle()
        except BaseException:
            run.look_around()
            raise
        finally:
            run.close()
        failed = bool(run.judge())
    except Exception:  # noqa: BLE001  (the folder is told in any case)
        traceback.print_exc()
    finally:
        if failed or options.keep:
            print(f"kept for a look: {folder}, seed {options.seed}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", each) for each in ("system", "support")]
if __name__ == "__main__":
    main()
