"""Lines and branches that tests have reached, file by file, from what gcov says:

    coverage_table.py BUILD_FOLDER MINIMUM_PER_CENT

A line or branch counts as reached if it was in any object. Branches that only an exception takes are left out: errors
are values here, and what is left is the allocator's.
"""
import collections
import json
import os
import subprocess
import sys

ROOMS = ("protocol", "journal", "actors")


def notes(build):
    """gcov's report of every object of the rooms."""
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(build, room)):
            for name in sorted(names):
                if name.endswith(".gcda"):
                    said = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities",
                                           os.path.join(folder, name)], capture_output=True, check=True)
                    yield json.loads(said.stdout)


def reached(build):
    """By file: {line: count} and {(line, number): count}."""
    lines = collections.defaultdict(collections.Counter)
    branches = collections.defaultdict(collections.Counter)
    for note in notes(build):
        top = note["current_working_directory"]
        for file in note["files"]:
            path = os.path.relpath(os.path.normpath(os.path.join(top, file["file"])))
            if path.split(os.sep)[0] not in ROOMS:
                continue
            for line in file["lines"]:
                lines[path][line["line_number"]] += line["count"]
                for number, branch in enumerate(line["branches"]):
                    if not branch["throw"]:
                        branches[path][line["line_number"], number] += branch["count"]
    return lines, branches


def share(counts):
    """(reached, all)"""
    return sum(1 for count in counts.values() if count), len(counts)


def text(part, whole):
    return f"{part:6}/{whole:<6}{100 * part / whole:5.1f} %" if whole else f"{'':21}"


def main():
    lines, branches = reached(sys.argv[1])
    if not lines:
        sys.exit("no counts found: build and run the tests of the preset `coverage` first")
    sums = [0, 0, 0, 0]
    print(f"{'file':40}{'lines':>21}{'branches':>21}")
    for path in sorted(lines):
        of_lines, of_branches = share(lines[path]), share(branches[path])
        sums = [a + b for a, b in zip(sums, of_lines + of_branches)]
        print(f"{path:40}{text(*of_lines)}{text(*of_branches)}")
    print(f"{'all':40}{text(*sums[:2])}{text(*sums[2:])}")
    if 100 * sums[0] < float(sys.argv[2]) * sums[1]:
        sys.exit(f"fewer than {sys.argv[2]} % of the lines are reached")


main()
