#!/usr/bin/env bash
# The public CloudEvents SDK for JavaScript against a node: cloudevents_sdk.sh WORK_FOLDER
# Exits with 77 ("skipped") if npm or the package cannot be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1
binary=${SKEIN_BINARY:?names the program under test}
mkdir -p "$work"
cd "$work"

skip() {
  echo "SKIPPED: $1" >&2
  exit 77
}
command -v npm >/dev/null || skip "npm is not installed"
command -v node >/dev/null || skip "node is not installed"
if [ ! -f node_modules/cloudevents/package.json ]; then
  [ -f package.json ] || echo '{"private": true}' >package.json
  timeout 120 npm install --ignore-scripts --no-audit --no-fund cloudevents@10.0.0 >npm.log 2>&1 ||
    skip "the package cloudevents could not be installed; see $work/npm.log"
fi
cp "$here/cloudevents_sdk.mjs" .

"$binary" dev --ephemeral --port 0 >output.txt 2>log.txt &
node_pid=$!
trap 'kill $node_pid 2>/dev/null; wait $node_pid 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  url=$(sed -n 's/^ *url *\(http:[^ ]*\)$/\1/p' output.txt)
  [ -z "$url" ] || break
  kill -0 $node_pid 2>/dev/null || { cat log.txt >&2; exit 1; }
  sleep 0.05 # between two looks
done
SKEIN_SERVER=$url node cloudevents_sdk.mjs
