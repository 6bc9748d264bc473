#!/usr/bin/env python3
"""Runs the benchmarks of one build, one after the other, and prints one table with ratios to the limits of the same run.

    bench/report.py BUILD_FOLDER [--json] [--quick]
"""
import json
import pathlib
import subprocess
import sys


IN_PROCESS = "pipeline, in process, no-op"
BACKLOG = "pipeline, in process, window 32,768"
HTTP = "pipeline, HTTP batches of 100, no-op"
EXEC = "pipeline, exec lines, compiled worker"
# What each row must reach on two cores: (measure, least value).
TARGETS = {IN_PROCESS: ("of SQLite", 0.5), BACKLOG: ("of SQLite", 0.3), HTTP: ("events/s", 60000), EXEC: ("events/s", 20000)}
LATENCY_P99_MS_MAX = 5.0
ROUNDS = 3  # of the in-process figure


def run(program, *arguments):
    done = subprocess.run([str(program), *arguments, "--json"], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{program.name} failed: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(words) != 1:
        sys.exit(__doc__)
    build = pathlib.Path(words[0]).resolve()
    bench = build / "bench"
    worker = next(build.glob("tests/**/worker_lines"), None)
    events = "300000" if "--quick" in sys.argv else "1000000"

    # The limit and the road by turns: a machine that others share changes within a minute.
    rounds = [(run(bench / "journal_bench", "--events=200000"), run(bench / "pipeline", "--events", events))
              for _ in range(ROUNDS)]
    journal, in_process = sorted(rounds, key=ratio_of)[ROUNDS // 2]
    zmq = run(bench / "zmq_bench")
    rows = {
        IN_PROCESS: in_process,
        # More is offered than is in flight, in small frames: a backlog must not cost speed.
        BACKLOG: run(bench / "pipeline", "--events", str(int(events) // 2), "--window", "32768", "--batch", "64"),
        HTTP: run(
            bench / "pipeline", "--events", str(int(events) // 2), "--via", "http", "--batch", "100", "--connections", "16"),
    }
    if worker:
        rows[EXEC] = run(
            bench / "pipeline", "--events", "200000", "--agent", "exec", "--worker", str(worker))
    latency = run(bench / "latency")

    if "--json" in sys.argv:
        print(json.dumps({"journal": journal, "zmq": zmq, "pipeline": rows, "latency": latency,
                          "ratios": [ratio_of(each) for each in rounds]}))
        return
    print_table(journal, zmq, rows, latency)
    print(f"{IN_PROCESS}: the middle one of {ROUNDS} rounds, which had "
          + ", ".join(f"{ratio_of(each):.2f}" for each in sorted(rounds, key=ratio_of)) + " of SQLite")


def limit_of(journal):
    """SQLite at its best batch size."""
    return max(row["events_per_s"] for row in journal if row["what"].startswith("sqlite"))


def ratio_of(a_round):
    journal, pipeline = a_round
    return pipeline["done_per_s"] / limit_of(journal)


def print_table(journal, zmq, rows, latency):
    limit = limit_of(journal)
    print(f"{'':42} {'events/s':>10} {'of SQLite':>10} {'B/event':>8} {'syncs/1000':>10}  target")
    for row in journal:
        print(f"{row['what'] + ', batch ' + str(row['batch']):42} {row['events_per_s']:10.0f}")
    print(f"{'ZeroMQ ROUTER/DEALER, batches of 256':42} {zmq['batched_per_s']:10.0f}")
    for name, row in rows.items():
        ratio = row["done_per_s"] / limit
        measure, least = TARGETS[name]
        figure = ratio if measure == "of SQLite" else row["done_per_s"]
        print(f"{name:42} {row['done_per_s']:10.0f} {ratio:10.2f} {row['written_bytes_per_event']:8.0f} "
              f"{1000 * row['syncs_per_event']:10.2f}  {verdict(figure >= least)}: at least {least:g} {measure}")
    print(f"latency at {latency['rate']}/s: p50 {latency['p50_ms']:.2f} ms, p99 {latency['p99_ms']:.2f} ms, "
          f"p999 {latency['p999_ms']:.2f} ms  {verdict(latency['p99_ms'] <= LATENCY_P99_MS_MAX)}: "
          f"p99 at most {LATENCY_P99_MS_MAX:g} ms")


def verdict(met):
    return "met" if met else "NOT met"


main()
