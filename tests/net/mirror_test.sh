#!/usr/bin/env bash
# A super-peer that mirrors a group: alice shares a file and leaves when annulusd has it; annulusd is killed while it
# fetches and again when it has it all, and bob still gets the file from it, octet for octet. A second group is too
# big for its mirror, a third has another root than its configuration says: neither is kept.
. "$(dirname "$0")/scene.sh"

lab_up
lab_host sp "$sp_addr"
lab_host alice 10.99.0.11
lab_home bob 10.99.0.12
"$bin/annulus-peer" groupspec --name mirrored --replication >"$work/a.spec"
"$bin/annulus-peer" groupspec --name big --replication >"$work/b.spec"
"$bin/annulus-peer" groupspec --name pinned --replication >"$work/c.spec"
"$bin/annulus-peer" groupspec --name shelf --replication >"$work/d.spec"
for group in a b c d; do
	printf -v "spec_$group" "%s" "$(grep -o "G:[0-9a-f]*" "$work/$group.spec" | sed -n 1p)"
done
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: udp
objects: { directory: $work/objects }
groups:
- { name: mirrored, spec: "$spec_a", mirror: { enabled: true, size: 64MiB } }
- { name: big, spec: "$spec_b", mirror: { enabled: true, size: 1MiB } }
- name: pinned
  spec: "$spec_c"
  mirror: { enabled: true, root: 8888888888888888888888888888888888888888888888888888888888888888 }
- { name: shelf, spec: "$spec_d", mirror: { enabled: true, files: 3, size: 7MiB, idle: 2s } }
admin: { socket: $work/annulusd.sock }
Y
head -c $((32 << 20)) /dev/urandom >"$work/file"
n_objects=$((1 + 1 + 512)) # root, list, pieces

annulusd_up() {
	lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
	await ctl status || scene_fail "annulusd did not start"
}

# Killed: no farewell, nothing written at the end.
annulusd_killed() {
	kill -KILL "$sp_pid"
	wait "$sp_pid" 2>/dev/null
}

# stored GROUP FIELD
stored() {
	ctl --json store | grep -o "{\"group\":\"$1\"[^}]*}" | grep -o "\"$2\":[^,}]*" | cut -d: -f2
}

# has GROUP FIELD NUMBER: at least so many.
has() {
	[ "$(stored "$1" "$2")" -ge "$3" ]
}

# within SECONDS COMMAND...
within() {
	local i n=$(($1 * 10))

	shift
	for ((i = 0; i < n; i++)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

shares() {
	lab_start "$1" alice "$work/$1.log" "$bin/annulus-peer" share --server "$sp_addr" --group "$2" --quiet "$work/file"
}

annulusd_up
shares share_pid "$spec_a"
within 30 has mirrored objects 40 || scene_fail "annulusd mirrors nothing"
annulusd_killed # on the way, or when it has just got it all
annulusd_up
kill -KILL "$share_pid" && wait "$share_pid" 2>/dev/null # whose session is with the one that is no more: 85 s until it knew
shares share_pid "$spec_a"
has mirrored objects 40 || scene_fail "what was stored is gone"
[ "$(stored mirrored errors)" = 0 ] || scene_fail "the store has errors"
within 60 has mirrored objects "$n_objects" || scene_fail "annulusd does not mirror the whole file"
lab_stop "$share_pid"
annulusd_killed
annulusd_up
[ "$(stored mirrored objects)" = "$n_objects" ] || scene_fail "the file is not in the store any more"

# The publisher is gone, and so is everybody else.
lab bob "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec_a" --quiet "$work/copy" >"$work/bob.log" 2>&1 ||
	scene_fail "bob does not get the file from the mirror"
cmp "$work/file" "$work/copy" || scene_fail "bob has another file"
has mirrored given "$n_objects" || scene_fail "the mirror did not give it"
[ "$(stored mirrored by_workers)" -lt 20 ] || scene_fail "what nobody had asked for came from memory"

# And again: all of it is in the worker's memory now.
lab bob "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec_a" --quiet "$work/copy2" >"$work/bob2.log" 2>&1 ||
	scene_fail "bob does not get the file again"
cmp "$work/file" "$work/copy2" || scene_fail "bob has another file the second time"
within 5 has mirrored given $((2 * n_objects)) || scene_fail "the mirror did not give it again"
has mirrored by_workers "$n_objects" || scene_fail "its worker did not give it by itself"

shares big_pid "$spec_b"
within 30 has big over_size 1 || scene_fail "a file beyond the mirror's size is not refused"
[ "$(stored big state)" = '"full"' ] || scene_fail "a mirror that is full does not say so"
shares pinned_pid "$spec_c"
within 30 has pinned false 1 || scene_fail "another root than the configured one is not refused"
for group in big pinned; do
	[ "$(stored "$group" bytes)" = 0 ] || scene_fail "$group was kept"
done

# Several files: two of 3 MiB fit; a third takes the place of the one that was asked for least recently.
# kept FILE: the state of that file of the shelf.
kept() {
	ctl --json store | grep -o '{"group":"shelf"[^}]*}' | grep "\"file\":$1[,}]" | grep -o '"state":"[^"]*"' | cut -d\" -f4
}
is_kept() {
	[ "$(kept "$1")" = file ] && [ "$(ctl --json store | grep -o '{"group":"shelf"[^}]*}' | grep "\"file\":$1[,}]" |
		grep -o '"objects":[0-9]*' | cut -d: -f2)" -ge 50 ]
}
for n in 0 1 2; do
	head -c $((3 << 20)) /dev/urandom >"$work/file$n"
done
for n in 0 1; do
	lab_start "shelf${n}_pid" alice "$work/shelf$n.log" "$bin/annulus-peer" share --server "$sp_addr" --group "$spec_d" --quiet \
		--number $n "$work/file$n"
	within 30 is_kept $n || scene_fail "file $n is not mirrored"
done
lab_stop "$shelf0_pid" "$shelf1_pid"
sleep 2.5 # both are idle then
lab bob "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec_d" --quiet --number 0 "$work/shelved0" >"$work/bob3.log" 2>&1 ||
	scene_fail "bob does not get file 0"
cmp "$work/file0" "$work/shelved0" || scene_fail "file 0 is another"
lab_start shelf2_pid alice "$work/shelf2.log" "$bin/annulus-peer" share --server "$sp_addr" --group "$spec_d" --quiet \
	--number 2 "$work/file2"
within 90 is_kept 2 || scene_fail "file 2 does not take the place of file 1"
[ "$(kept 1)" = "no room" ] || scene_fail "file 1 does not say that it went"
lab_stop "$shelf2_pid"
for n in 0 2; do
	lab bob "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec_d" --quiet --number $n "$work/again$n" \
		>"$work/bob4.log" 2>&1 || scene_fail "bob does not get file $n from the mirror"
	cmp "$work/file$n" "$work/again$n" || scene_fail "file $n is another"
done

ctl store >"$work/store.txt" || scene_fail "annulusctl store does not work"
lab_stop "$big_pid" "$pinned_pid" "$sp_pid"
echo "passed"
