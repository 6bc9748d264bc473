#!/usr/bin/env bash
# clang-tidy by .clang-tidy over the sources that are built into the program, or over those named. It needs the
# compile commands of a build, not its objects.
#   scripts/lint.sh [FILE...]
# Exit code 77: there is no clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
command -v clang-tidy >/dev/null || { echo "SKIPPED: there is no clang-tidy here (Debian: clang-tidy)"; exit 77; }
# Its own folder: the release build's precompiled header is GCC's.
cmake --preset release -B build/lint -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
if [ $# -eq 0 ]; then
  mapfile -t files < <(find protocol journal actors nodes -name '*.cpp' | sort)
  set -- "${files[@]}"
fi
# -Wno-unknown-warning-option: the commands are GCC's.
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 1 \
  clang-tidy --quiet -p build/lint --extra-arg=-Wno-unknown-warning-option
