"""The faults of a run, drawn by seed: what is done to which machine, for how long, and how it ends.

A deck has each kind once, in an order of its own; when it is through, the next one is shuffled. Now and then the next
card is laid on top of one that still lasts. After each the cluster must become whole by itself.
"""
import dataclasses
import os
import random
import signal

from fault_cluster import NAMES, SERVERS, STORE_FAILED, TOOK_TOO_LONG

KINDS = ("kill", "kill two", "freeze", "freeze all of it", "stop in order", "cut nodes", "cut nodes one way",
         "cut server", "cut server one way", "isolate", "slow links", "restart server", "crash server", "freeze server",
         "standby away", "fail over", "fail over cut off")
ON_SERVER = KINDS[11:]
SECONDS = {  # how long it lasts
    "kill": (0.2, 4), "kill two": (0.2, 3), "freeze": (0.3, 8), "freeze all of it": (1.5, 6), "stop in order": (0.1, 2),
    "cut nodes": (2, 9), "cut nodes one way": (2, 9), "cut server": (1, 9), "cut server one way": (1, 9),
    "isolate": (2, 9), "slow links": (3, 9), "restart server": (0.1, 3), "crash server": (0.1, 4),
    "freeze server": (1, 6), "standby away": (0.5, 6), "fail over": (0, 1), "fail over cut off": (0, 2)}
QUIET = (1.0, 4.0)  # seconds, after all is well again
ON_TOP = 0.2  # how often the next one begins before this one is over


@dataclasses.dataclass
class Fault:
    kind: str
    nodes: tuple  # two that it may mean, in an order
    seconds: float
    quiet: float
    on_top: bool

    def __str__(self):
        whom = {"kill two": " ".join(self.nodes), "cut nodes": "-".join(self.nodes),
                "cut nodes one way": ">".join(self.nodes), "slow links": ""}
        target = "" if self.kind in ON_SERVER else whom.get(self.kind, self.nodes[0])
        return f"{self.kind} {target}".rstrip() + f", {self.seconds:.1f} s"


def schedule(seed, kinds=KINDS):
    """Faults without end."""
    dice = random.Random(seed)
    while True:
        deck = list(kinds)
        dice.shuffle(deck)
        for kind in deck:
            yield Fault(kind, tuple(dice.sample(NAMES, 2)), dice.uniform(*SECONDS[kind]), dice.uniform(*QUIET),
                        dice.random() < ON_TOP)


def can_be_at_once(one, other):
    """What one does the other must not undo."""
    if one.kind in ON_SERVER or other.kind in ON_SERVER:
        return (one.kind in ON_SERVER) != (other.kind in ON_SERVER) and "cut" not in other.kind + one.kind
    return one.kind != other.kind and one.nodes[0] not in other.nodes and other.nodes[0] not in one.nodes


class Faults:
    """Begins and ends them."""

    def __init__(self, machines, pair, cluster):
        self.machines, self.pair, self.cluster = machines, pair, cluster
        self.undo = {}

    def begin(self, fault):
        self.undo[id(fault)] = getattr(self, fault.kind.replace(" ", "_"))(fault) or (lambda: None)

    def end(self, fault):
        self.undo.pop(id(fault))()

    def node(self, fault):
        return self.cluster.nodes[fault.nodes[0]]

    def kill(self, fault, count=1):
        found = [self.cluster.nodes[name] for name in fault.nodes[:count]]
        for each in found:
            each.put_down()
        return lambda: [each.up() for each in found]

    def kill_two(self, fault):
        return self.kill(fault, 2)

    def stop_in_order(self, fault):
        node = self.node(fault)
        status = node.stop()
        # A machine with too much to do may need longer than it has, and without its store no node ends in order.
        if status not in (0, None, TOOK_TOO_LONG, STORE_FAILED):
            node.broken.append(f"{node.name} ended with {status} when it was stopped in order: {node.log()[-1500:]}")
        return node.up

    @staticmethod
    def hold(pids):
        """Those that are still there; they stand still until they are let go."""
        def tell(number):
            for each in pids:
                try:
                    os.kill(each, number)
                except ProcessLookupError:
                    pass
        tell(signal.SIGSTOP)
        return lambda: tell(signal.SIGCONT)

    def freeze(self, fault):
        node = self.node(fault)
        with node.lock:
            return self.hold([node.process.pid]) if node.process else None

    def freeze_all_of_it(self, fault):
        node = self.node(fault)
        with node.lock:
            return self.hold(node.family()) if node.process else None

    def freeze_server(self, _):
        first = self.pair.primary.process.pid
        with open(f"/proc/{first}/task/{first}/children", encoding="ascii") as file:
            return self.hold([first, *(int(each) for each in file.read().split())])

    def cut(self, ways):
        for sender, receiver in ways:
            self.machines.cut(sender, receiver)
        return lambda: [self.machines.mend(sender, receiver) for sender, receiver in ways]

    def cut_nodes(self, fault):
        one, other = fault.nodes
        return self.cut([(one, other), (other, one)])

    def cut_nodes_one_way(self, fault):
        return self.cut([fault.nodes])

    def cut_server(self, fault):
        return self.cut([way for each in SERVERS for way in ((fault.nodes[0], each), (each, fault.nodes[0]))])

    def cut_server_one_way(self, fault):
        """The way to it or the way back, as the order of the two nodes has it."""
        there = fault.nodes[0] < fault.nodes[1]
        return self.cut([(fault.nodes[0], each) if there else (each, fault.nodes[0]) for each in SERVERS])

    def isolate(self, fault):
        one = fault.nodes[0]
        others = [each for each in (*NAMES, *SERVERS) if each != one]
        return self.cut([way for each in others for way in ((one, each), (each, one))])

    def slow_links(self, fault):
        delay, piece = (0.05, 4096) if fault.nodes[0] < fault.nodes[1] else (0.4, 65536)
        self.cluster.make_links(f"slow {delay} {piece}")
        return lambda: self.cluster.make_links("fast")

    def restart_server(self, _):
        self.pair.primary.stop(signal.SIGINT)
        return self.pair.primary.start

    def crash_server(self, _):
        self.pair.primary.stop(signal.SIGQUIT)
        return self.pair.primary.start

    def standby_away(self, _):
        self.pair.standby.stop(signal.SIGQUIT)
        return self.pair.standby.start

    def fail_over(self, _):
        self.pair.primary.stop(signal.SIGQUIT)
        self.pair.promote()
        return self.pair.attach

    def fail_over_cut_off(self, _):
        """Nobody reaches the old primary, which goes on for itself until it is taken away."""
        old = self.pair.primary.name
        others = [each for each in (*NAMES, *SERVERS) if each != old]
        mend = self.cut([way for each in others for way in ((old, each), (each, old))])
        self.pair.promote()

        def make_anew():
            self.pair.standby.stop(signal.SIGQUIT)
            mend()
            self.pair.attach()
        return make_anew
