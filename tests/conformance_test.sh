#!/usr/bin/env bash
# CONFORMANCE.md is complete and names tests that exist; and the check that says so can say no.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mapfile -t numbers < <(seq 1 135)
few=(1 2 50)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# refuses WHAT SED-SCRIPT: a few rows, altered so, must not pass.
refuses() {
	sed -E "$2" "$dir/few.md" >"$dir/altered.md"
	if cmp -s "$dir/altered.md" "$dir/few.md"; then
		echo "the rows cannot be altered: $1" >&2
		exit 1
	fi
	if "$here/claims.sh" "$dir/altered.md" "${few[@]}" >/dev/null 2>&1; then
		echo "the check accepts $1" >&2
		exit 1
	fi
}

"$here/claims.sh" "$here/CONFORMANCE.md" "${numbers[@]}"

grep -E '^\| (1|2|50) \|' "$here/CONFORMANCE.md" >"$dir/few.md"
"$here/claims.sh" "$dir/few.md" "${few[@]}" >/dev/null
refuses 'a missing row' '/^\| 2 \|/d'
refuses 'no last row' '/^\| 50 \|/d'
refuses 'a row twice' 's/^\| 2 \|/| 1 |/'
refuses 'a row more' '/^\| 50 \|/{p;s/50/51/}'
refuses 'a row without a test' 's/^(\| 1 \|)[^|]*(\|.*)$/\1 - \2/'
refuses 'a function that is not there' '/^\| 1 \|/s/_test\.c:[a-z_0-9]+/&_or_not/'
refuses 'a file that is not there' '/^\| 1 \|/s/_test\.c/_or_not_test.c/'
refuses 'a file without a function' '/^\| 1 \|/s/_test\.c:[a-z_0-9]+/_test.c/'
refuses 'a row of a table that is not there' '/^\| 50 \|/s/:"/:"no /'
echo 'and what is wrong is refused'
