#!/usr/bin/env bash
# Builds each planted bug of tests/planted_bugs.txt (or those named) and checks that its test fails. One build folder
# is used again and again; prints the time to catch. Exit code 1 if a bug was not caught.
#   scripts/planted_bugs.sh [NAME...]        SKEIN_BUGS_BUILD: the build folder, default build/bugs
set -uo pipefail
cd "$(dirname "$0")/.."
folder=${SKEIN_BUGS_BUILD:-build/bugs}
missed=0
trim() { local text=$1; text=${text#"${text%%[![:space:]]*}"}; printf '%s' "${text%"${text##*[![:space:]]}"}"; }

while IFS='|' read -r name what target; do
  name=$(trim "$name") what=$(trim "${what:-}") target=$(trim "${target:-}")
  [[ -z $name || $name == \#* ]] && continue
  [[ $# -gt 0 && " $* " != *" $name "* ]] && continue
  # With the flags of the release build, so that a compiler cache has all but the sources that name the bug.
  if ! cmake --preset release -B "$folder" -DSKEIN_PLANTED_BUG="$name" >/dev/null ||
     ! nice ninja -C "$folder" "$target" >"$folder/$name.log" 2>&1; then
    echo "$name: does not build, see $folder/$name.log"
    missed=1
    continue
  fi
  began=$SECONDS
  # A test that is not found must not count as one that failed.
  ctest --test-dir "$folder" -R "^$target\$" --no-tests=ignore --output-on-failure >"$folder/$name.log" 2>&1
  if grep -q "tests failed out of [1-9]" "$folder/$name.log" && ! grep -q "100% tests passed" "$folder/$name.log"; then
    why=$(grep -a -m 1 -o -E '(SAFETY|LIVENESS) [a-z-]+|never happened: .*|broken invariant: .*' "$folder/$name.log")
    echo "$name: caught by $target in $((SECONDS - began)) s${why:+ ($why)}"
  else
    echo "$name: NOT caught by $target ($what)"
    missed=1
  fi
done < tests/planted_bugs.txt
exit $missed
