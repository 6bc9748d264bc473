"""Whether a history keeps the promises. Pure: a rule takes a history and says what is wrong, a line each.

    checker.py FOLDER        reads the history that a run has left and judges it

The rules are those of the promises in docs/ARCHITECTURE.md that a client, a program or the store's contents can tell
of. Each is held against hand-made histories that break it, in checker_test.py.
"""
import bisect
import collections
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import job_ledger  # noqa: E402
from history import BELL, EMITS, ENDS, FAILS, OUTBOX, SINK, WORKER, read_history  # noqa: E402

ENDED = ("done", "dead", "cancelled", "superseded", "expired", "purged")


class Stored:
    """The events of a history by what rules ask for. What waits on its way to another owner is not counted among
    them: it is the same event once more, in a box of its own."""

    def __init__(self, history):
        self.kinds = {each.id: each.kind for each in history.offers}
        self.keys = {each.id: each.key for each in history.offers}
        self.boxes = [each for each in history.events if each.to(OUTBOX)]
        self.events = [each for each in history.events if not each.to(OUTBOX)]
        self.by_number = {each.number: each for each in self.events}
        self.by_id = collections.defaultdict(list)
        for each in self.events:
            self.by_id[each.id].append(each)
        self.offered = [each for each in self.events if each.id in self.kinds]
        self.children = [each for each in self.events if each.id not in self.kinds and each.to(SINK)]
        self.runs = [each for each in self.events if each.id not in self.kinds and each.to(BELL)]


def acknowledged_is_stored(history, stored):
    """An event that was acknowledged is there, under the number that was told, as it was sent."""
    for each in history.answers:
        if each.verdict != "accepted":
            continue
        found = stored.by_number.get(each.event)
        if found is None:
            yield f"LOST: {each.id} was acknowledged by {each.node} as {each.event}, which is not there"
        elif (found.id, found.key) != (each.id, stored.keys.get(each.id)):
            yield f"{each.id} was acknowledged as {each.event}, which is {found.id} of {found.key}"


def all_has_ended(history, stored):
    """After the faults all comes to its end, and to that which it must have."""
    for each in history.events:
        for delivery in each.deliveries:
            wanted = ENDS[stored.kinds[each.id]] if each.id in stored.kinds and delivery.agent == WORKER else "done"
            if delivery.state not in ENDED:
                yield f"{each.number} ({each.id}) has not ended at {delivery.agent}: {delivery.state}"
            elif delivery.state != wanted:
                yield f"{each.number} ({each.id}) ended {delivery.state} at {delivery.agent}, not {wanted}"
    for each in stored.offered:
        if not each.to(WORKER):
            yield f"{each.number} ({each.id}) has no delivery"


def nothing_is_invented(history, stored):
    """What is there was offered, emitted by a turn that is done, or is the event of a job; what was refused for
    certain, whenever it was tried, is not there."""
    known = {id(each) for each in (*stored.offered, *stored.children, *stored.runs)}
    for each in stored.events:
        if id(each) not in known:
            yield f"{each.number} ({each.id}): nobody sent it"
    tries, refused = collections.Counter(each.id for each in history.offers), collections.Counter()
    for each in history.answers:
        refused[each.id] += each.verdict == "refused"
    for each in stored.offered:
        if refused[each.id] == tries[each.id]:
            yield f"{each.number} ({each.id}) is there, and was refused each time that it was offered"


def one_event_an_identity(history, stored):
    """However often something was sent, it is one event, and each acknowledgement names that one."""
    for name, found in stored.by_id.items():
        if len(found) > 1:
            yield f"{name} is {len(found)} events: {', '.join(each.number for each in found)}"
    told = collections.defaultdict(set)
    for each in history.answers:
        if each.verdict == "accepted":
            told[each.id].add(each.event)
    for name, numbers in told.items():
        if len(numbers) > 1:
            yield f"{name} was acknowledged as {', '.join(sorted(numbers))}"


def emitted_once(history, stored):
    """A turn that is done has emitted its events, each once; no other turn has."""
    wanted = collections.Counter()
    for each in stored.offered:
        delivery = each.to(WORKER)
        if delivery and delivery.state == "done":
            count = EMITS[stored.kinds[each.id]]
            wanted.update(f"{each.number}.{WORKER}.{index}" for index in range(count))
            if delivery.emitted != count:
                yield f"{each.number} has emitted {delivery.emitted} events, not {count}"
    there = collections.Counter(each.id for each in stored.children)
    for name in sorted(wanted.keys() | there.keys()):
        if wanted[name] != there[name]:
            yield f"{name} was emitted {wanted[name]} times and is {there[name]} events"


def counted_once(history, stored):
    """The state of a key counts its turns that are done, each once, and each has seen what the one before left."""
    turns = collections.defaultdict(list)
    for each in stored.offered:
        delivery = each.to(WORKER)
        if delivery and delivery.state == "done":
            turns[each.key].append((delivery.at, each.place, each, delivery))
    for key in sorted(turns.keys() | history.states.keys()):
        done = sorted(turns[key], key=lambda entry: entry[:2])
        if history.states.get(key) != len(done):
            yield f"{key}: {len(done)} turns are done, its state says {history.states.get(key)}"
        for place, (_, _, each, delivery) in enumerate(done, 1):
            if delivery.reply != {"id": each.id, "count": place}:
                yield f"{key}: {each.number} ({each.id}) is number {place}, and replied {delivery.reply}"
                break


def in_order(history, stored):
    """Of each lane, ends are committed in the order of the lane."""
    lanes = collections.defaultdict(list)
    for each in stored.events:
        for delivery in each.deliveries:
            if delivery.at:
                lanes[delivery.agent, each.key].append((delivery.at, each))
    for (agent, key), lane in lanes.items():
        lane.sort(key=lambda entry: (entry[0], entry[1].place))
        for (_, before), (_, after) in zip(lane, lane[1:]):
            if before.place > after.place:
                yield f"{key} at {agent}: {before.number} ended before {after.number}, which is before it in its lane"


def one_turn_at_a_time(history, stored):
    """A node runs one turn of a lane at a time. (Of another node that has lost the shard one may still be running.)"""
    last = {}
    for each in sorted(history.turns, key=lambda turn: turn.at):
        lane = each.owner, each.key
        if each.what == "end":
            running = last.get(lane)
            if running and running.token != each.token:
                yield f"{each.key}: {running.id} began while {each.id} still ran at {each.owner}"
            continue
        last[lane] = each


def one_committing_owner(history, stored):
    """Epochs of a shard only grow, each has one owner, and nobody else commits to it."""
    shards = collections.defaultdict(list)
    for each in sorted(history.grants, key=lambda grant: (grant.shard, grant.at, grant.epoch)):
        shards[each.shard].append(each)
    for shard, grants in shards.items():
        for before, after in zip(grants, grants[1:]):
            if after.epoch <= before.epoch:
                yield f"shard {shard}: epoch {after.epoch} of {after.owner} after epoch {before.epoch} of {before.owner}"
    begins = {shard: [each.at for each in grants] for shard, grants in shards.items()}

    def stale(shard, at, owner):
        place = bisect.bisect_right(begins.get(shard, ()), at)
        if place and shards[shard][place - 1].owner == owner:
            return None
        # What is committed in the same moment as the grant may be just before it.
        if place > 1 and begins[shard][place - 1] == at and shards[shard][place - 2].owner == owner:
            return None
        return shards[shard][place - 1].owner if place else "nobody"

    for each in history.events:
        commits = [("", each.at, each.owner)]
        commits += [(f" of {one.agent}", one.at, one.owner) for one in each.deliveries if one.at]
        for what, at, owner in commits:
            instead = stale(each.shard, at, owner)
            if instead is not None:
                yield f"STALE: {each.number}{what} was committed by {owner}, when the shard was {instead}'s"


def never_early(history, stored):
    """What is due later is not begun before."""
    for each in stored.events:
        for delivery in each.deliveries:
            if each.due and delivery.started and delivery.started < each.due:
                yield f"{each.number} began {(each.due - delivery.started) / 1e6:.1f} ms before it was due"


def attempts_are_failures(history, stored):
    """A node that dies, freezes or loses its shard costs no attempt: what was tried again had failed."""
    for each in stored.offered:
        delivery = each.to(WORKER)
        wanted = 1 + FAILS[stored.kinds[each.id]]
        if delivery and delivery.state in ENDED and delivery.attempt != wanted:
            yield f"{each.number} ({each.id}) ended in attempt {delivery.attempt}, not {wanted}"


def turns_have_run(history, stored):
    """What is done at a program was run by one, under the token of its event alone."""
    ended, tokens = set(), collections.defaultdict(set)
    for each in history.turns:
        tokens[each.id].add(each.token)
        if each.what == "end":
            ended.add(each.id)
    owners = collections.defaultdict(set)
    for name, found in tokens.items():
        if len(found) > 1:
            yield f"{name} ran under {len(found)} tokens: {', '.join(sorted(found))}"
        for token in found:
            owners[token].add(name)
    for token, names in owners.items():
        if len(names) > 1:
            yield f"{token} is of {len(names)} events: {', '.join(sorted(names))}"
    for each in stored.offered:
        delivery = each.to(WORKER)
        if delivery and delivery.state in ENDED and each.id not in ended:
            yield f"{each.number} ({each.id}) is {delivery.state}, and no program has run it"


def ledger_holds(history, stored):
    """The status counts what is there."""
    counts = collections.Counter()
    for each in history.events:
        states = {delivery.state for delivery in each.deliveries}
        if not states <= set(ENDED):
            counts["pending"] += 1
        else:
            counts["dead" if "dead" in states else "done"] += 1
    told = {name: count for name, count in history.ledger.items() if count and name != "accepted"}
    if history.ledger.get("accepted") != len(history.events):
        yield f"the status counts {history.ledger.get('accepted')} events, the store has {len(history.events)}"
    if told != dict(counts):
        yield f"the status counts {told}, the store has {dict(counts)}"


def instants_are_told_once(history, stored):
    """Each instant of a job is in exactly one record, and each run is one event."""
    test = unittest.TestCase()
    runs = collections.Counter()
    for name, records in history.jobs.items():
        if not records:
            yield f"job {name} has no records"
            continue
        try:
            job_ledger.check_once(test, name, records)
        except AssertionError as problem:
            yield str(problem)
        for each in records:
            if each["verdict"] not in ("merged", "skipped"):
                runs[each["id"]] += 1
    there = collections.Counter(each.id for each in stored.runs)
    for name in sorted(runs.keys() | there.keys()):
        if runs[name] != there[name]:
            yield f"the job's run {name} is in {runs[name]} records, and is {there[name]} events"


RULES = (acknowledged_is_stored, all_has_ended, nothing_is_invented, one_event_an_identity, emitted_once, counted_once,
         in_order, one_turn_at_a_time, one_committing_owner, never_early, attempts_are_failures, turns_have_run,
         ledger_holds, instants_are_told_once)


def judge(history):
    """What is wrong, as (rule, text)."""
    stored = Stored(history)
    return [(rule.__name__, text) for rule in RULES for text in rule(history, stored)]


def figures(history):
    """What a history that is fine may tell of."""
    stored = Stored(history)
    verdicts = collections.Counter(each.verdict for each in history.answers)
    starts = collections.Counter(each.token for each in history.turns if each.what == "start")
    grants = collections.Counter(each.shard for each in history.grants)
    return {
        "offered": len(stored.kinds),
        "tries": len(history.offers),
        "answers": dict(verdicts),
        "acknowledged": len({each.id for each in history.answers if each.verdict == "accepted"}),
        "stored": len(stored.events),
        "over the outbox": len(stored.boxes),
        "job runs": len(stored.runs),
        "turns begun again without an end that counts": sum(count - 1 - FAILS.get(stored.kinds.get(name), 0)
                                                            for name, count in by_event(history, starts).items()),
        "grants": len(history.grants),
        "most grants of a shard": max(grants.values(), default=0),
    }


def by_event(history, starts):
    names = {each.token: each.id for each in history.turns}
    return {names[token]: count for token, count in starts.items()}


def main():
    history = read_history(sys.argv[1])
    for name, value in figures(history).items():
        print(f"  {name}: {value}")
    problems = judge(history)
    for rule, text in problems[:100]:
        print(f"{rule}: {text}")
    print(f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
