#!/usr/bin/env bash
# scripts/setup.sh against stand-ins for apt-get and dpkg: setup_test.sh SETUP_SCRIPT
# The stand-ins keep the installed packages as files of a folder, note each call, and fail as often as a test says.
set -euo pipefail
script=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
for tool in bash env cat sed mktemp rm touch; do
  ln -s "$(command -v $tool)" "$work/bin/$tool"
done

stand_in() { # name; its text comes from standard input
  { echo '#!/usr/bin/env bash'; cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
stand_in id <<<'echo 0'
stand_in sleep <<<'echo "sleep $*" >>"$WORK/calls"'
stand_in dpkg <<'END'
[ "$1" != --print-architecture ] || { echo amd64; exit 0; }
echo "dpkg $*" >>"$WORK/calls"
END
stand_in dpkg-query <<'END'
shift 2
status=0
for package in "$@"; do
  if [ -f "$WORK/installed/$package" ]; then cat "$WORK/installed/$package"; else status=1; fi
done
exit $status
END
stand_in apt-get <<'END'
echo "apt-get $*" >>"$WORK/calls"
fails() { # takes one of the failures a test has ordered
  local left
  left=$(cat "$WORK/fail.$1" 2>/dev/null) || return 1
  [ "$left" -gt 0 ] || return 1
  echo $((left - 1)) >"$WORK/fail.$1"
}
case " $* " in
  *" update "*) if fails update; then echo 'E: no such list' >&2; exit 100; fi ;;
  *" -f install "*) ;;
  *" install "*)
    if fails install; then echo 'E: some trouble' >&2; exit 100; fi
    found=0
    for package in "$@"; do
      [ $found -eq 0 ] || { [ "$package" = "${REFUSED:-}" ] && { echo "E: no $package" >&2; exit 100; }; }
      [ "$package" != --no-install-recommends ] || found=1
    done
    found=0
    for package in "$@"; do
      [ $found -eq 0 ] || echo "$package amd64 installed" >"$WORK/installed/$package"
      [ "$package" != --no-install-recommends ] || found=1
    done ;;
esac
exit 0
END

begin() { # what this test is about
  about=$1
  rm -rf "$work/installed" "$work"/fail.* "$work/bin/node" "$work/bin/npm"
  mkdir "$work/installed"
  : >"$work/calls"
}
setup() { # arguments of setup_packages; its status goes to $status, what it says to $said
  status=0
  said=$(env -i WORK="$work" REFUSED="${refused:-}" PATH="$work/bin" \
    bash -euo pipefail -c '. "$1"; shift; setup_packages "$@"' bash "$script" "$@" 2>&1) || status=$?
}
install_all() {
  local package
  for package in $(bash -c '. "$1"; echo "${skein_packages[@]}" "${skein_helpers[@]}"' bash "$script"); do
    echo "$package amd64 installed" >"$work/installed/$package"
  done
}
expect() { # a condition as a command
  "$@" || { printf 'FAILED: %s: %s\nstatus %s\n%s\n' "$about" "$*" "$status" "$said"; cat "$work/calls"; exit 1; }
}
calls() { grep -c -e "$1" "$work/calls" || true; }

begin "apt is not called if nothing is missing"
install_all
setup
expect [ "$status" -eq 0 ]
expect [ ! -s "$work/calls" ]

begin "a row of another architecture neither counts nor hides our own"
install_all
printf 'libfmt-dev i386 installed\nlibfmt-dev amd64 installed\n' >"$work/installed/libfmt-dev"
setup
expect [ ! -s "$work/calls" ]
echo 'libfmt-dev i386 installed' >"$work/installed/libfmt-dev"
setup
expect [ "$(calls ' install .*libfmt-dev')" -eq 1 ]
echo 'libfmt-dev amd64 half-configured' >"$work/installed/libfmt-dev"
setup
expect [ "$(calls ' install .*libfmt-dev')" -eq 2 ]

begin "a program from elsewhere counts"
install_all
rm "$work/installed/ninja-build"
touch "$work/bin/ninja" && chmod +x "$work/bin/ninja"
setup
rm "$work/bin/ninja"
expect [ ! -s "$work/calls" ]

begin "an interrupted dpkg is mended first, and locks are waited for"
setup
expect [ "$status" -eq 0 ]
expect [ "$(sed -n 1p "$work/calls")" = "dpkg --configure -a" ]
expect [ "$(calls 'Lock::Timeout=300.* install ')" -eq 1 ]

begin "no package that is there is removed for one of ours"
setup
expect [ "$(calls '^apt-get ')" -gt 0 ]
expect [ "$(calls '^apt-get .*--no-remove')" -eq "$(calls '^apt-get ')" ]

begin "lists that cannot be reached are a warning"
echo 9 >"$work/fail.update"
setup
expect [ "$status" -eq 0 ]
expect [ "$(calls ' install ')" -eq 1 ]

begin "a failed installation is tried again, and its log is shown"
echo 2 >"$work/fail.install"
setup
expect [ "$status" -eq 0 ]
expect [ "$(calls ' -f install')" -ge 1 ]
expect [ "$(calls sleep)" -eq 1 ]
expect grep -q 'E: some trouble' <<<"$said"

begin "what is still missing is named"
echo 99 >"$work/fail.install"
setup
expect [ "$status" -eq 1 ]
expect grep -q 'ERROR: these packages are needed and not installed: g++ cmake' <<<"$said"

begin "an optional package that cannot be had ends nothing"
refused=npm
setup nodejs npm curl
refused=
expect [ "$status" -eq 0 ]
expect [ -f "$work/installed/curl" ]
expect [ -f "$work/installed/nodejs" ]
expect grep -q 'going on without: npm' <<<"$said"

begin "Debian's npm is not asked for beside a node from elsewhere"
wanted() { env -i PATH="$work/bin" bash -c '. "$1"; test_packages || true' bash "$script"; }
expect grep -qx npm <<<"$(wanted)"
touch "$work/bin/node" && chmod +x "$work/bin/node"
expect [ -z "$(wanted | sed -n /npm/p)" ]
echo "all of setup.sh holds"
