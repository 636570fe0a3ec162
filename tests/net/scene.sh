# What the scripts of this folder begin with: work directory, programs, clean-up, verdict.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
top=$(cd "$here/../.." && pwd)
bin=${ANNULUS_BIN:-$top/build/control/bin}
work=$(mktemp -d "${TMPDIR:-/tmp}/annulus-net-XXXXXX") || exit 1
. "$top/tests/net/lab.sh"
. "$top/tests/net/cast.sh"
. "$top/tests/demo/media.sh"

scene_cleanup() {
	trap - EXIT
	trap '' INT TERM # a second one must not end this
	lab_down
	! declare -F scene_more_cleanup >/dev/null || scene_more_cleanup # the script's own
	rm -rf "$work"
}
trap scene_cleanup EXIT
trap 'exit 130' INT TERM

scene_fail() {
	echo "FAILED: $*"
	cast_logs
	if [ -S "$work/annulusd.sock" ]; then
		"$bin/annulusctl" --socket "$work/annulusd.sock" status
		"$bin/annulusctl" --socket "$work/annulusd.sock" drops | grep -v ' 0 '
	fi
	exit 1
}

ctl() {
	"$bin/annulusctl" --socket "$work/annulusd.sock" "$@"
}

# Until a command succeeds, ten seconds at most.
await() {
	local i

	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

[ "$(id -u)" = 0 ] || { echo "skipped: network namespaces need root"; exit 77; }
spec=$("$bin/annulus-peer" groupspec --name scene --multicast) || scene_fail "no groupspec"
