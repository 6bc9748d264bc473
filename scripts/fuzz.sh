#!/usr/bin/env bash
# Fuzzes one target after the other with libFuzzer, for SECONDS each (default 60), or only those named. New inputs go
# to build/fuzz/found/TARGET; what fails is left beside them as TARGET-crash-... and belongs into tests/fuzz/corpus once
# it is mended: every build runs the targets over that.
#   scripts/fuzz.sh [SECONDS [TARGET...]]
# Exit code 77: there is no clang++.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
seconds=${1:-60}
shift || true
command -v clang++ >/dev/null || { echo "SKIPPED: there is no clang++ here (Debian: clang)"; exit 77; }
if [ $# -eq 0 ]; then
  mapfile -t targets < <(ls tests/fuzz/corpus)
  set -- "${targets[@]}"
fi
build_preset fuzz "${@/%/_fuzz}"
failed=()
for target in "$@"; do
  found=build/fuzz/found/$target
  mkdir -p "$found"
  echo "== $target, $seconds s"
  "build/fuzz/tests/fuzz/${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -print_final_stats=1 -print_funcs=0 -verbosity=0 -artifact_prefix="$found-" "$found" "tests/fuzz/corpus/$target" ||
    failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { echo "FAILED: ${failed[*]}"; exit 1; }
