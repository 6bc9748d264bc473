#!/usr/bin/env bash
# The manual, the scripts of the shells and the histories, compressed as a package has them; the same bytes each time.
#   make_documents.sh PROGRAM SOURCE_FOLDER FOLDER
set -euo pipefail
program=$1 source=$2 folder=$3
mkdir -p "$folder/man/man1" "$folder/man/man5" "$folder/pages"
"$program" man --out "$folder/pages"
for page in "$folder"/pages/*; do
  gzip -9nc "$page" >"$folder/man/man${page##*.}/${page##*/}.gz"
done
"$program" completion bash >"$folder/skein.bash"
"$program" completion zsh >"$folder/_skein"
"$program" completion fish >"$folder/skein.fish"
gzip -9nc "$source/CHANGELOG.md" >"$folder/CHANGELOG.md.gz"
gzip -9nc "$source/packaging/debian/changelog" >"$folder/changelog.Debian.gz"
