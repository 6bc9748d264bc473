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

    journal = run(bench / "journal_bench", "--events=200000")
    zmq = run(bench / "zmq_bench")
    rows = {
        IN_PROCESS: run(bench / "pipeline", "--events", events),
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
        print(json.dumps({"journal": journal, "zmq": zmq, "pipeline": rows, "latency": latency}))
        return
    print_table(journal, zmq, rows, latency)


def print_table(journal, zmq, rows, latency):
    limit = max((row["events_per_s"] for row in journal if row["what"].startswith("sqlite")), default=0)
    print(f"{'':42} {'events/s':>10} {'of SQLite':>10} {'B/event':>8} {'syncs/1000':>10}  target")
    for row in journal:
        print(f"{row['what'] + ', batch ' + str(row['batch']):42} {row['events_per_s']:10.0f}")
    print(f"{'ZeroMQ ROUTER/DEALER, batches of 256':42} {zmq['batched_per_s']:10.0f}")
    for name, row in rows.items():
        ratio = row["done_per_s"] / limit if limit else 0
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
