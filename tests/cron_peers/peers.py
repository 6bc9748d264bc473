"""Skein's cron expressions against others': peers.py CRON_LINES [COUNT [SEED]]

Generated expressions and zones, half of them near a change of the clocks, go to Skein and to croniter, croner and
cron-parser. A difference must have an explanation that is checked: it goes away in UTC and a change of the clocks is near,
or when both fields of days are not written together (then it is about how the two are joined), or without the days that
February lacks, or the peer does not read the expression. Anything else fails. Who is right is not judged here: see due_times_test.cpp. The table is in
docs/decisions/0019-cron.md. Exit code 77 without the peers (apt: python3-croniter, nodejs, npm).
"""
import collections
import datetime
import os
import random
import shutil
import subprocess
import sys
import tempfile

SYSTEMS = "/usr/bin/python3"  # which the system's packages are for, where another one comes first
try:
    import croniter
    import zoneinfo
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(SYSTEMS) and os.path.exists(SYSTEMS):
        os.execv(SYSTEMS, [SYSTEMS, *sys.argv])
    print("needs python3-croniter")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = 4
PACKAGES = {"croner": "11.0.1", "cron-parser": "5.10.5"}
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Cairo",
         "Pacific/Auckland", "America/Santiago", "Asia/Beirut", "Europe/Dublin", "America/St_Johns", "Asia/Tehran", "Pacific/Chatham"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


class Expression:
    """Fields in Skein's own writing, with what else the peers need to know of them."""

    def __init__(self, dice):
        self.second = dice.choice(["", "", "", "", "0", "30", "*/20"])
        self.minute = field(dice, 0, 59)
        self.hour = field(dice, 0, 23)
        self.month = field(dice, 1, 12, MONTHS) if dice.random() < 0.3 else "*"
        self.day, self.weekday = "*", "*"
        kind = dice.random()
        if kind < 0.2:
            self.day = field(dice, 1, 28)
        elif kind < 0.45:
            self.weekday = field(dice, 0, 6, DAYS)
        elif kind < 0.55:
            self.day, self.weekday = field(dice, 1, 28), field(dice, 0, 6, DAYS)
        elif kind < 0.6:
            self.day = dice.choice(["L", "L,15"])
        elif kind < 0.65:
            self.day = dice.choice(["15W", "1W", "LW", "31W"])
        elif kind < 0.7:
            self.weekday = f"{dice.randrange(7)}#{dice.randrange(1, 6)}"
        elif kind < 0.75:
            self.weekday = f"{dice.randrange(7)}L"

    def text(self):
        return " ".join(filter(None, [self.second, self.minute, self.hour, self.day, self.month, self.weekday]))

    def of_croniter(self):
        """It has the second last, and the last of a weekday as L5."""
        week = f"L{self.weekday[0]}" if self.weekday.endswith("L") else self.weekday
        fields = [self.minute, self.hour, self.day, self.month, week]
        return " ".join(fields + ([self.second] if self.second else []))

    def has_both_days(self):
        return self.day != "*" and self.weekday != "*"

    def without_weekday(self):
        other = Expression.__new__(Expression)
        other.__dict__.update(self.__dict__, weekday="*")
        return other

    def within_february(self):
        """A step of days as the list that it stands for, without those that February lacks."""
        other = Expression.__new__(Expression)
        day = self.day
        if day.startswith("*/"):
            day = ",".join(str(each) for each in range(1, 29, int(day[2:])))
        other.__dict__.update(self.__dict__, day=day)
        return other

    def without_day(self):
        other = Expression.__new__(Expression)
        other.__dict__.update(self.__dict__, day="*")
        return other


def field(dice, low, high, names=None):
    def value():
        number = dice.randint(low, high)
        return names[number - low] if names and dice.random() < 0.3 else str(number)

    kind = dice.random()
    if kind < 0.3:
        return "*" if dice.random() < 0.5 else f"*/{dice.randint(2, max(2, (high - low) // 2))}"
    if kind < 0.65:
        return value()
    if kind < 0.8:
        return ",".join(sorted({str(dice.randint(low, high)) for _ in range(3)}, key=int))
    first, last = sorted([dice.randint(low, high), dice.randint(low, high)])
    return f"{first}-{last}" + (f"/{dice.randint(2, 5)}" if dice.random() < 0.4 else "")


def changes_of(zone):
    """The changes of its clocks in 2015 to 2036, to the hour."""
    rules, found = zoneinfo.ZoneInfo(zone), []
    at = datetime.datetime(2015, 1, 1, tzinfo=datetime.timezone.utc)
    last = at.astimezone(rules).utcoffset()
    while at.year < 2037:
        at += datetime.timedelta(hours=6)
        now = at.astimezone(rules).utcoffset()
        if now != last:
            found.append(int(at.timestamp()))
        last = now
    return found


class Lines:
    """A program that answers a line with a line."""

    def __init__(self, command, folder=None):
        self.command, self.folder = command, folder

    def ask(self, lines):
        done = subprocess.run(self.command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True, cwd=self.folder,
                              timeout=1200)
        answers = done.stdout.splitlines()
        assert len(answers) == len(lines), (len(answers), len(lines), done.stderr[-500:])
        return answers


class Croniter:
    def ask(self, lines):
        return [self.one(*line.split("|", 3)) for line in lines]

    @staticmethod
    def one(zone, after, count, text):
        try:
            start = datetime.datetime.fromtimestamp(int(after), zoneinfo.ZoneInfo(zone))
            walk = croniter.croniter(text, start)
            return " ".join(str(int(walk.get_next(datetime.datetime).timestamp())) for _ in range(int(count)))
        except Exception as problem:  # whatever it throws is its answer
            return f"error {problem}"


def peers(folder):
    found = {"croniter": Croniter()}
    if shutil.which("node") and shutil.which("npm"):
        names = [f"{name}@{version}" for name, version in PACKAGES.items()]
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, *names], capture_output=True, text=True)
        if done.returncode == 0:
            for name in PACKAGES:
                found[name] = Lines(["node", os.path.join(HERE, "peers.mjs"), name], folder)
    return found


def line(zone, after, text):
    return f"{zone}|{after}|{RUNS}|{text}"


def writing(name):
    return Expression.of_croniter if name == "croniter" else Expression.text


def last_of(answer):
    return int(answer.split()[-1]) if answer and not answer.startswith("error") else 0


def explain(name, peer, own, cases, answers, changes):
    """Each difference by the first explanation that holds; how often each does, and what is left."""
    counts, left = collections.Counter(), []
    write = writing(name)
    differing = [(case, mine, theirs) for case, mine, theirs in zip(cases, *answers) if mine != theirs]
    counts["the same"] = len(cases) - len(differing)
    read = [each for each in differing if not each[2].startswith("error") and each[2]]
    counts["the peer does not read it, or finds none"] = len(differing) - len(read)

    def agree(variants):
        """Whether both answer all the variants of each case alike."""
        flat = [(zone, after, each) for group in variants for zone, after, each in group]
        mine = own.ask([line(zone, after, each.text()) for zone, after, each in flat]) if flat else []
        theirs = peer.ask([line(zone, after, write(each)) for zone, after, each in flat]) if flat else []
        same = iter([a == b for a, b in zip(mine, theirs)])
        return [all([next(same) for _ in group]) for group in variants]

    in_utc = agree([[("UTC", after, each)] for (zone, after, each), _, _ in read])
    apart = agree([[("UTC", after, each.without_day()), ("UTC", after, each.without_weekday())] for (_, after, each), _, _ in read])
    short = agree([[(zone, after, each.within_february())] for (zone, after, each), _, _ in read])
    for (case, mine, theirs), utc, parts, in_february in zip(read, in_utc, apart, short):
        until = max(last_of(mine), last_of(theirs)) + 2 * 86400
        if utc and any(case[1] - 2 * 86400 <= change <= until for change in changes[case[0]]):
            counts["only where the clocks change"] += 1
        elif parts and case[2].has_both_days():
            counts["both fields of days, one with a star and a step"] += 1
        elif in_february and case[2].day.startswith("*/"):
            counts["only with days that February lacks"] += 1
        else:
            left.append((case[0], case[1], case[2].text(), mine, theirs))
    return counts, left


def main():
    own = Lines([sys.argv[1]])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    dice = random.Random(seed)
    changes = {zone: changes_of(zone) for zone in ZONES}
    cases = []
    while len(cases) < count:
        zone = dice.choice(ZONES)
        after = dice.randint(1420070400, 2051222400)
        if changes[zone] and dice.random() < 0.5:
            after = dice.choice(changes[zone]) - dice.randint(0, 2 * 86400)
        cases.append((zone, after, Expression(dice)))
    mine = own.ask([line(zone, after, each.text()) for zone, after, each in cases])
    refused = [(case[2].text(), answer) for case, answer in zip(cases, mine) if answer.startswith("error")]
    failed = False
    for text, answer in refused[:10]:
        print("refused:", text, answer)
    print(f"{count} expressions, seed {seed}; {len(refused)} refused as never due or not to be read")
    with tempfile.TemporaryDirectory() as folder:
        known = peers(folder)
        for name, peer in known.items():
            write = writing(name)
            theirs = peer.ask([line(zone, after, write(each)) for zone, after, each in cases])
            counts, left = explain(name, peer, own, cases, (mine, theirs), changes)
            print(f"\n{name}")
            for what, times in counts.most_common():
                print(f"  {times:6d}  {what}")
            print(f"  {len(left):6d}  not explained")
            for each in left[:12]:
                print("         ", *each)
            failed = failed or bool(left)
    if len(known) < 3:
        print("node or npm is missing: one peer only")
        sys.exit(1 if failed else 77)
    sys.exit(1 if failed else 0)


main()
