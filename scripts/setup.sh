# Sourced by run, test and the scripts beside it: the packages of a fresh Debian 12, and the builds.

# Without one of these nothing can be built or tested.
skein_packages=(
  g++ cmake ninja-build pkg-config ca-certificates python3
  libcaf-dev libzmq3-dev cppzmq-dev libmsgpack-cxx-dev libspdlog-dev libfmt-dev catch2 libtomlplusplus-dev
  libcli11-dev libsqlite3-dev libpq-dev libboost-dev libsimdjson-dev nlohmann-json3-dev prometheus-cpp-dev libssl-dev zlib1g-dev
  libhowardhinnant-date-dev tzdata
)
# These make builds faster; where they are absent, CMake does without.
skein_helpers=(ccache mold git)

say() { echo "setup: $*" >&2; }

# Whether a program can be started; it need not come from the package.
has_program_of() {
  local program=$1
  case $1 in
    ninja-build) program=ninja ;;
    g++ | cmake | pkg-config | python3 | ccache | mold | git | curl) ;;
    *) return 1 ;;
  esac
  command -v "$program" >/dev/null
}

# The names among the given that are not here, one a line. An installed package of another architecture does not
# count, and a name may stand in several rows (libfoo-dev of amd64 and of i386).
missing_packages() {
  local own rows package
  own=$(dpkg --print-architecture)
  rows=$(dpkg-query -W -f='${Package} ${Architecture} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    case $'\n'"$rows"$'\n' in
      *$'\n'"$package $own installed"$'\n'* | *$'\n'"$package all installed"$'\n'*) ;;
      *) has_program_of "$package" || echo "$package" ;;
    esac
  done
}

# Runs a command as root, without a terminal. What it says is shown only if it fails.
as_root_logged() {
  local log status=0
  local prefix=(env DEBIAN_FRONTEND=noninteractive)
  [ "$(id -u)" -eq 0 ] || prefix=(sudo "${prefix[@]}")
  log=$(mktemp)
  "${prefix[@]}" "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ $status -ne 0 ]; then
    say "failed with status $status: $*"
    sed 's/^/  | /' "$log" >&2
  fi
  rm -f "$log"
  return $status
}

apt_logged() {
  as_root_logged apt-get -y --no-remove -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# Mends what an interrupted dpkg has left, and reads the lists. Neither has to succeed: a list of somebody else that
# cannot be reached says nothing about the packages that we want.
refresh_packages() {
  as_root_logged dpkg --configure -a || say "going on; dpkg could not finish what was left half done"
  apt_logged update || say "going on with the package lists that are there"
}

# install_packages TRIES PACKAGE...: 0 if apt took them all in one of the tries.
install_packages() {
  local tries=$1 try
  shift
  for ((try = 1; try <= tries; ++try)); do
    apt_logged install --no-install-recommends "$@" && return 0
    [ "$try" -lt "$tries" ] || break
    say "try $try of $tries failed; another one in 10 s"
    sleep 10
    refresh_packages
    apt_logged -f install || true
  done
  return 1
}

# can_install: whether this machine has apt and lets us use it. Elsewhere CMake says what it does not find.
can_install() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this machine has no apt; going on with what is installed"
    return 1
  fi
}

# setup_packages [OPTIONAL...]: installs what is missing; fails only if something of skein_packages is still missing
# afterwards. OPTIONAL packages serve some of the tests, which are skipped without them.
setup_packages() {
  can_install || return 0
  local missing optional
  mapfile -t missing < <(missing_packages "${skein_packages[@]}")
  mapfile -t optional < <(missing_packages "${skein_helpers[@]}" "$@")
  [ $((${#missing[@]} + ${#optional[@]})) -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    say "not root, and there is no sudo: nothing is installed"
  else
    say "installing: ${missing[*]} ${optional[*]}"
    refresh_packages
    # Usually one call does it. If it does not, nothing optional may stand in the way of what is needed.
    if ! install_packages 1 "${missing[@]}" "${optional[@]}"; then
      apt_logged -f install || true
      [ ${#missing[@]} -eq 0 ] || install_packages 3 "${missing[@]}" || true
      install_each "${optional[@]}"
    fi
  fi
  report_missing "$@"
}

# One after the other: one that cannot be had does not keep the others away.
install_each() {
  local package
  for package in "$@"; do
    [ -z "$(missing_packages "$package")" ] || install_packages 1 "$package" || true
  done
}

report_missing() {
  local missing optional
  mapfile -t optional < <(missing_packages "${skein_helpers[@]}" "$@")
  [ ${#optional[@]} -eq 0 ] || say "going on without: ${optional[*]} (tests that need them are skipped)"
  mapfile -t missing < <(missing_packages "${skein_packages[@]}")
  [ ${#missing[@]} -gt 0 ] || return 0
  say "ERROR: these packages are needed and not installed: ${missing[*]}"
  say "What apt said stands above. Mend that (as root: dpkg --configure -a; apt-get -f install; apt-get update),"
  say "then: apt-get install --no-install-recommends ${missing[*]}"
  return 1
}

# For the tests that make disks of their own, which only root can.
disk_packages() {
  [ "$(id -u)" -eq 0 ] || return 0
  local path=$PATH:/usr/sbin:/sbin
  PATH=$path command -v mkfs.ext4 >/dev/null || echo e2fsprogs
  command -v nbdkit >/dev/null || echo nbdkit
  command -v nbdfuse >/dev/null || echo libnbd-bin
}

# The packages that only some tests use, as far as their commands are not there. Where one of node and npm is there,
# it may come from elsewhere, and Debian's npm conflicts with such a nodejs: then neither is asked for.
test_packages() {
  command -v curl >/dev/null || echo curl
  command -v clang-format >/dev/null || echo clang-format
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  python3 -c 'import zmq' 2>/dev/null || echo python3-zmq
  python3 -c 'import msgpack' 2>/dev/null || echo python3-msgpack
  disk_packages
  command -v node >/dev/null || command -v npm >/dev/null || printf '%s\n' nodejs npm
}

# configure_preset PRESET: configures once.
configure_preset() {
  [ ! -f "build/$1/build.ninja" ] || return 0
  local log
  log=$(mktemp)
  cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; return 1; }
  rm -f "$log"
}

# build_preset PRESET TARGET...
build_preset() {
  local preset=$1
  shift
  configure_preset "$preset"
  cmake --build "build/$preset" --target "$@" >&2
}
