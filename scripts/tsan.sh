#!/usr/bin/env bash
# The tests that have threads, under the thread sanitizer: the log, the store, the broker, the HTTP server, the programs,
# and the simulator's checker. CAF as Debian packages it is not instrumented, and every message between two actors
# would look like a race; so a CAF of Debian's own source is built for it once (build/tsan-deps, minutes). libzmq and
# the rest stay as they are: tests/tsan.supp says what is left out, and why.
#   scripts/tsan.sh [TEST_TARGET...]
# Exit code 77: the source of CAF cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
deps=$PWD/build/tsan-deps

# The source of the installed version, from where this machine gets its packages; the machine's own lists stay as they
# are.
fetch_caf() {
  local apt=$deps/apt options version
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache"
  sed -s 's/^Types: .*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$apt/parts/debian.sources" || true
  sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/parts/debian.list" || true
  options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts" -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=)
  version=$(dpkg-query -W -f='${source:Version}' libcaf-dev)
  apt-get "${options[@]}" update
  (cd "$1" && apt-get "${options[@]}" source --tar-only "$(dpkg-query -W -f='${source:Package}' libcaf-dev)=$version")
}

build_caf() {
  [ ! -f "$deps/lib/libcaf_core.so" ] || return 0
  local folder=$deps/source archives
  rm -rf "$folder" # what an earlier version may have left
  mkdir -p "$folder"
  if ! fetch_caf "$folder" >"$deps/source.log" 2>&1; then
    sed 's/^/  | /' "$deps/source.log"
    echo "SKIPPED: the source of CAF cannot be had here"
    exit 77
  fi
  archives=("$folder"/*.orig.tar.?z*)
  tar -xf "${archives[0]}" -C "$folder" --strip-components=1
  cmake -S "$folder" -B "$deps/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX="$deps" \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_CXX_FLAGS="-fsanitize=thread -O1 -g1" -DCMAKE_CXX_STANDARD=20 \
    -DCAF_ENABLE_EXAMPLES=OFF -DCAF_ENABLE_IO_MODULE=OFF -DCAF_ENABLE_OPENSSL_MODULE=OFF -DCAF_ENABLE_TESTING=OFF \
    -DCAF_ENABLE_TOOLS=OFF >"$deps/cmake.log"
  cmake --build "$deps/build" --target install >"$deps/build.log"
}

mkdir -p "$deps"
build_caf
export CMAKE_PREFIX_PATH=$deps LD_LIBRARY_PATH=$deps/lib
[ $# -gt 0 ] || set -- nodes_logging_test store_threads_test broker_test http_server_test agents_parts_test sim_checker
build_preset tsan "$@"
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=0 exitcode=66 second_deadlock_stack=1"
pattern=$(IFS='|'; echo "$*")
ctest --test-dir build/tsan --output-on-failure --no-tests=error -R "^($pattern)\$"
