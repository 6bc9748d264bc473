# Sourced by run and test: the packages of a fresh Debian 12 and the builds.

# Everything that the build and the tests need.
skein_packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3
  libcaf-dev libzmq3-dev cppzmq-dev libmsgpack-cxx-dev libspdlog-dev libfmt-dev catch2 libtomlplusplus-dev
  libcli11-dev libsqlite3-dev libboost-dev libsimdjson-dev nlohmann-json3-dev prometheus-cpp-dev libssl-dev
)

setup_packages() {
  local missing=()
  local package
  for package in "${skein_packages[@]}" "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing: ${missing[*]}" >&2
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# build_preset PRESET TARGET...: configures once, then builds. Paths in the cache are relative to the tree, so that
# another clone of it finds what this one compiled.
build_preset() {
  local preset=$1
  shift
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"build.$preset.log" 2>&1 || { cat "build.$preset.log" >&2; return 1; }
  rm -f "build.$preset.log"
  cmake --build "build/$preset" --target "$@" >&2
}
