#!/usr/bin/env bash
# Holds a table of promises against the tests that are said to show them.
#
#	tests/claims.sh TABLE.md ID...
#
# Each ID needs exactly one row `| ID | tests | note |`, in the order given. A test is named in back
# quotes, by its place under tests/: `unit/wire/vlu_test.c:reading` (a test function; the compiler
# refuses one that is never run), `vectors/replay_test.c:"glare"` (a row of the file's table) or
# `net/loss_test.sh`. A row without tests has `-` there and a note that begins with "left out:".
# Every file named has to be known to meson. Says all that is wrong, each with its line; fails if
# anything is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
table=$1
shift
n_bad=0

wrong() {
	printf '%s:%s: %s\n' "$table" "$1" "$2" >&2
	n_bad=$((n_bad + 1))
}

# is_built FILE: the meson.build beside it runs it.
declare -A built
is_built() {
	local name
	if [[ -z ${built[$1]-} ]]; then
		name=$(basename "$1")
		name=${name%_test.*}
		built[$1]=no
		! grep -qE "'([^']*/)?$name(_test\.(c|sh))?'" "$here/$(dirname "$1")/meson.build" ||
			built[$1]=yes
	fi
	[[ ${built[$1]} == yes ]]
}

# check_test LINE REFERENCE
check_test() {
	local file=${2%%:*} name=
	[[ $2 != *:* ]] || name=${2#*:}
	if [[ ! -f $here/$file ]]; then
		wrong "$1" "there is no tests/$file"
	elif ! is_built "$file"; then
		wrong "$1" "no meson.build runs tests/$file"
	elif [[ $file == *.sh ]]; then
		[[ -x $here/$file ]] || wrong "$1" "tests/$file cannot be run"
	elif [[ $name == '"'*'"' ]]; then
		grep -qF -- "$name" "$here/$file" || wrong "$1" "tests/$file has no row $name"
	elif [[ -z $name ]]; then
		wrong "$1" "tests/$file is named without a function"
	else
		grep -qE "^static void $name\(void \*\*" "$here/$file" ||
			wrong "$1" "tests/$file has no test $name"
	fi
}

# check_row LINE TESTS NOTE
check_row() {
	local n=0 reference
	while read -r reference; do
		check_test "$1" "$reference"
		n=$((n + 1))
	done < <(grep -oE '`[^`]+`' <<<"$2" | tr -d '`')
	((n > 0)) || [[ $2 == "-" && $3 == "left out: "* ]] || wrong "$1" "no test, and no reason why"
}

wanted=("$@")
at=0
while IFS='|' read -r line id tests note; do
	if ((at >= ${#wanted[@]})) || [[ $id != "${wanted[at]}" ]]; then
		wrong "$line" "row $id stands where ${wanted[at]-the end} should"
		break
	fi
	at=$((at + 1))
	check_row "$line" "$tests" "$note"
done < <(awk -F' *[|] *' '/^\| *[A-Z0-9][A-Z0-9-]* *\|/ {print NR "|" $2 "|" $3 "|" $4}' "$table")
((n_bad > 0 || at == ${#wanted[@]})) || wrong 1 "there is no row ${wanted[at]}"

((n_bad == 0)) || exit 1
printf '%s: %d rows, every test named exists\n' "$(basename "$table")" "$at"
