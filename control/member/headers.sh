#!/usr/bin/env bash
# headers.sh CC TOP DIRECTORY HEADER...: installs the headers and whatever of ours they include, which the
# compiler knows, so that no list of it can be wrong.
set -euo pipefail
cc=$1 top=$2 directory=$MESON_INSTALL_DESTDIR_PREFIX/$3
shift 3
cd "$top"
for header in "$@"; do
	echo "#include \"$header\""
done | "$cc" -x c -std=gnu17 -D_GNU_SOURCE -I. -MM - | grep -oE '[a-z0-9_/]+\.h' | sort -u |
	while read -r header; do
		install -D -m 644 "$header" "$directory/$header"
	done
