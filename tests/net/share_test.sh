#!/usr/bin/env bash
# A file through a group of annulusd: alice and bob behind translators of their own, carol in the open. Bob is
# killed on the way and goes on with what he had; carol joins in while he fetches; both have the file octet for
# octet, and most of carol's pieces need not come from alice.
. "$(dirname "$0")/scene.sh"

mebibytes=48

lab_up
lab_host sp "$sp_addr"
lab_home alice 10.99.0.11
lab_home bob 10.99.0.12
lab_host carol 10.99.0.13
"$bin/annulus-peer" groupspec --name files --replication >"$work/specs"
spec=$(grep -o "G:[0-9a-f]*" "$work/specs" | sed -n 1p)
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: udp
groups: [{ name: files, spec: "$spec" }]
admin: { socket: $work/annulusd.sock }
Y
lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start"
head -c $((mebibytes << 20)) /dev/urandom >"$work/file"

# fetches NAME OPTIONS...: NAME fetches the file into $work/NAME.
fetches() {
	local pid name=$1

	shift
	lab_start pid "$name" "$work/$name.log" "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec" \
		--json "$@" "$work/$name"
	pid_of[$name]=$pid
}

results() {
	grep -c '"code":"NetGroup.Replication.Fetch.Result"' "$work/$1.log" || true
}

has_some() {
	[ "$(results "$1")" -ge 20 ]
}

is_whole() {
	grep -q '"command":"fetch","result":"whole"' "$work/$1.log"
}

# becomes_whole NAME: within a minute.
becomes_whole() {
	local i

	for ((i = 0; i < 600; i++)); do
		is_whole "$1" && return
		kill -0 "${pid_of[$1]}" 2>/dev/null || break
		sleep 0.1
	done
	is_whole "$1" || scene_fail "$1 does not get the file"
}

lab_start share_pid alice "$work/alice.log" "$bin/annulus-peer" share --server "$sp_addr" --group "$spec" --json \
	"$work/file"
await grep -q '"command":"share"' "$work/alice.log" || scene_fail "alice does not share"
root=$(grep -o '"root":"[0-9a-f]*"' "$work/alice.log" | head -1 | grep -oE '[0-9a-f]{64}')

fetches bob
await has_some bob || scene_fail "bob gets nothing"
kill -STOP "$share_pid" # so that he cannot get it all before he is killed
kill -KILL "${pid_of[bob]}"
wait "${pid_of[bob]}" 2>/dev/null
kill -CONT "$share_pid"
[ -f "$work/bob.part" ] && [ ! -f "$work/bob" ] || scene_fail "bob was not killed on the way"
n_first=$(results bob)

fetches bob --root "$root" --for 60
await has_some bob || scene_fail "bob does not go on"
fetches carol --in-order --for 60
becomes_whole bob
becomes_whole carol
grep -q "are there already, and verified" "$work/bob.log" || scene_fail "bob began anew"
for name in bob carol; do
	cmp "$work/file" "$work/$name" || scene_fail "$name has another file"
	[ ! -e "$work/$name.part" ] && [ ! -e "$work/$name.state" ] || scene_fail "$name left something behind"
done
n_pieces=$((mebibytes << 4)) n_second=$(results bob) # a piece is 64 KiB; the root comes again
[ $((n_second + n_first)) -ge "$n_pieces" ] && [ "$n_second" -le $((n_pieces + 5 - n_first * 9 / 10)) ] ||
	scene_fail "bob had $n_first objects and fetched $n_second more of $n_pieces"

# Without alice: those who have it are enough.
lab_stop "$share_pid"
lab sp "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec" --quiet "$work/dave" >"$work/dave.log" 2>&1 ||
	scene_fail "dave does not get the file from bob and carol"
cmp "$work/file" "$work/dave" || scene_fail "dave has another file"
for name in bob carol; do
	grep -q '"code":"NetGroup.Replication.Request"' "$work/$name.log" || scene_fail "$name gave nothing"
done

# Not another file than the one that was asked for; and what is there is verified, not believed.
cp "$work/file" "$work/eve.part"
printf 'y' | dd of="$work/eve.part" bs=1 seek=12345678 conv=notrunc status=none
printf 'x' >"$work/eve.state" # of nothing: begun anew
lab sp "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec" --quiet --root "${root//[0-7]/8}" --wait 3 \
	"$work/none" >"$work/none.log" 2>&1
[ $? = 4 ] && [ ! -e "$work/none.part" ] || scene_fail "what is fetched is not what --root says"
lab sp "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec" --quiet "$work/eve" >"$work/eve.log" 2>&1 ||
	scene_fail "eve does not get the file"
cmp "$work/file" "$work/eve" || scene_fail "eve has another file"
lab_stop "${pid_of[bob]}" "${pid_of[carol]}"
echo "passed"
