#!/usr/bin/env bash
# Which lines and branches of the cores (protocol, journal, actors) their tests and the simulator reach: builds the
# preset `coverage`, runs the tests, prints a table. With a number, fails if fewer per cent of the lines are reached.
#   scripts/coverage.sh [PER_CENT]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
build_preset coverage protocol_tests journal_units journal_conformance journal_sqlite actors_test simulate
find build/coverage -name '*.gcda' -delete # what an earlier run has counted
ctest --test-dir build/coverage --no-tests=error -R '^(protocol_tests|journal_.*|actors_test)$'
build/coverage/tests/sim/simulate --seeds 100 --first 1 --no-rare
python3 scripts/coverage_table.py build/coverage "${1:-0}"
