#!/usr/bin/env bash
# A lab leaves nothing behind, however its script ends. Here: killed with all its process group, while
# somebody, who is not of that group, runs in one of the namespaces.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ "$(id -u)" = 0 ] || { echo "skipped: network namespaces need root"; exit 77; }

fifo=$(mktemp -u "${TMPDIR:-/tmp}/annulus-lab-XXXXXX")
mkfifo "$fifo" || exit 1
setsid bash -c '
	. "$1/lab.sh"
	lab_up
	lab_host a 10.77.0.1
	lab_start pid a /dev/null setsid sleep 1000
	echo "$lab_id $pid"
	exec sleep 1000' script "$here" >"$fifo" &
script=$!
read -r id runs <"$fifo"
rm -f "$fifo"

left() {
	ip netns list | grep -c "^$id-"
}

# A zombie, whose new parent has not looked yet, does not.
is_running() {
	ps -o stat= -p "$runs" | grep -qv '^Z'
}

fail() {
	echo "FAILED: $*"
	exit 1
}

[ "$(left)" = 2 ] || fail "$(left) namespaces instead of 2"
is_running || fail "nobody runs there"
kill -KILL -- "-$script"
wait "$script" 2>/dev/null
for ((i = 0; i < 100; i++)); do
	[ "$(left)" = 0 ] && break
	sleep 0.1
done
[ "$(left)" = 0 ] || fail "namespaces are left: $(ip netns list | grep "^$id-")"
! is_running || fail "it still runs"
echo "all gone"
