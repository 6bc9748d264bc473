#!/usr/bin/env bash
# Formats every C++ source by .clang-format; with --check it only says which are not. Names limit it to those files.
#   scripts/format.sh [--check] [FILE...]
# Exit code 77: there is no clang-format 14, Debian 12's; other versions break lines elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
arguments=(-i)
[ "${1:-}" != --check ] || { arguments=(--dry-run -Werror); shift; }

tool=
for each in clang-format-14 clang-format; do
  if command -v "$each" >/dev/null && "$each" --version | grep -q 'version 14\.'; then
    tool=$each
    break
  fi
done
[ -n "$tool" ] || { echo "SKIPPED: there is no clang-format 14 here"; exit 77; }

if [ $# -eq 0 ]; then
  mapfile -t files < <(find protocol journal actors nodes bench tests examples -name '*.cpp' -o -name '*.hpp')
  set -- "${files[@]}"
fi
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 24 "$tool" --style=file "${arguments[@]}"
