#!/usr/bin/env bash
# Builds the packages: skein_VERSION_ARCH.deb for Debian 12, and skein-VERSION-linux-MACHINE.tar.gz, which runs from any
# folder. They come into FOLDER, by default build/package.
#   scripts/package.sh [--build BUILD_FOLDER] [FOLDER]      with --build, of that folder instead of the preset release
set -euo pipefail
build=
if [ "${1:-}" = --build ]; then
  build=$(cd "$2" && pwd)
  shift 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-$root/build/package}"
out=$(cd "${1:-$root/build/package}" && pwd)
cd "$root"
for tool in dpkg-shlibdeps dpkg-deb file gzip strip; do
  command -v "$tool" >/dev/null || { echo "package: $tool is needed (apt-get install dpkg-dev file binutils)" >&2; exit 1; }
done
if [ -z "$build" ]; then
  . scripts/setup.sh
  configure_preset release
  build=$root/build/release
fi
cmake --build "$build" --target skein skein_portable skein_documents >&2
work=$(mktemp -d "$out/cpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
umask 022 # as the files' modes in a package
for generator in DEB TGZ; do
  cpack --config "$build/CPackConfig.cmake" -G "$generator" -B "$work/$generator" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
  mv "$work/$generator"/skein[_-]* "$out/"
done
ls -l "$out"/skein[_-]*
