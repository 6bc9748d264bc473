"""What became of the instants of jobs, as `skein job history` tells it, and what must hold of each ledger."""
import collections
import datetime
import json

from support import skein

RUNS = ("fired", "caught-up")
DUE = (*RUNS, "merged", "skipped")  # else it was asked for by hand


def seconds(text):
    """Of a time in RFC 3339, since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def utc(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def history(node, job):
    """Its records, oldest first."""
    done = skein("job", "history", job, "--limit", "1000", "-o", "jsonl", "--server", node.url)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()][::-1]


def explained(node, job, at):
    done = skein("job", "explain", job, "--at", at, "--server", node.url)
    assert done.returncode == 0, done
    return done.stdout


def verdicts(records):
    """(verdict, instants) of what was due: of records that follow one another with the same verdict."""
    found = []
    for each in (each for each in records if each["verdict"] in DUE):
        if found and found[-1][0] == each["verdict"]:
            found[-1] = (each["verdict"], found[-1][1] + each["count"])
        else:
            found.append((each["verdict"], each["count"]))
    return found


def check_once(test, job, records, period=1):
    """Each instant from the first to the last one is in exactly one record, decided when it was due, not before."""
    seen = collections.Counter()
    for each in (each for each in records if each["verdict"] in DUE):
        begin, end = int(seconds(each["from"])), int(seconds(each["to"]))
        test.assertEqual((end - begin) // period + 1, each["count"], each)
        seen.update(range(begin, end + 1, period))
        test.assertGreaterEqual(seconds(each["decided"]), end, f"job {job}: decided before its time")
    due = range(min(seen), max(seen) + 1, period)
    test.assertEqual([utc(at) for at in due if seen[at] != 1], [], f"job {job}: in no record, or in several")
    test.assertEqual(len(seen), len(due), f"job {job}: between its instants")


def check_events(test, client, histories):
    """For each run there is one event, and no other event of jobs; each is done."""
    there = collections.Counter(each["event"] for each in client.events(type="skein.job"))
    told = collections.Counter(each["event"] for records in histories for each in records
                               if each["verdict"] not in ("merged", "skipped"))
    test.assertEqual(there, told, "an event without a record, or a run without an event")
    for event in told:
        test.assertEqual(client.ended(event)["state"], "done")
