#!/usr/bin/env bash
# archive.sh OUT CC TOP HEADER... -- LIBRARY...
#
# One static library of many, of which a program sees only what the headers declare: a rule of `ring_next` in
# ours must not meet a `ring_next` in theirs. The compiler lists the declarations (-aux-info), so no list
# of names has to be kept.
set -euo pipefail
out=$1 cc=$2 top=$3
shift 3
headers=()
while [[ $1 != -- ]]; do
	headers+=("$1")
	shift
done
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in "${headers[@]}"; do
	printf '#include "%s"\n' "$header"
done >"$work/all.h"
"$cc" -x c -std=gnu17 -D_GNU_SOURCE -I"$top" -fsyntax-only -aux-info "$work/declared" "$work/all.h"
# "/* TOP/control/node.h:91:NC */ extern struct node *node_create (const ...": functions of these headers;
# and the few constants, which the compiler does not list.
for header in "${headers[@]}"; do
	grep -F "/* $top/$header:" "$work/declared" | grep -oP '\*/ extern .*?\K\w+(?= \()' || true
	grep -oP '^extern const struct \w+ \K\w+(?=;)' "$top/$header" || true
done | sort -u >"$work/names"
ld -r --whole-archive "$@" -o "$work/annulus.o"
objcopy --keep-global-symbols="$work/names" "$work/annulus.o"
rm -f "$out"
ar rcs "$out" "$work/annulus.o"
