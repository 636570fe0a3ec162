#!/usr/bin/env bash
# Three members, two of them behind address translators of their own, and annulusd: a posting reaches all, one
# who comes late too; a routed message reaches its neighbours, and the nearest member of the ring.
. "$(dirname "$0")/scene.sh"

lab_up
lab_host sp "$sp_addr"
lab_home alice 10.99.0.11
lab_home bob 10.99.0.12
lab_host carol 10.99.0.13
"$bin/annulus-peer" groupspec --name talk --posting --routing --posting-password sesame >"$work/specs"
with=$(grep -o "G:[0-9a-f]*" "$work/specs" | sed -n 1p)
without=$(grep -o "G:[0-9a-f]*" "$work/specs" | sed -n 2p)
[[ $with == G:* && $without == G:* && $with != "$without" ]] || scene_fail "no groupspecs"
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: udp
groups: [{ name: talk, spec: "$without" }]
admin: { socket: $work/annulusd.sock }
Y
lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start"

# listens NAME SPEC OPTIONS...: NAME hears what there is; what it is told to do comes through a pipe.
listens() {
	local pid fd name=$1 spec=$2

	shift 2
	mkfifo "$work/$name.in"
	exec {fd}<>"$work/$name.in" # so that it never ends
	in_of[$name]=$fd
	lab_start pid "$name" "$work/$name.log" bash -c 'exec "$@" <"$0"' "$work/$name.in" \
		"$bin/annulus-peer" listen --server "$sp_addr" --group "$spec" --json "$@"
	pid_of[$name]=$pid
}

# hears NAME PATTERN: sooner or later it is told so.
hears() {
	for ((i = 0; i < 200; i++)); do
		grep -q -- "$2" "$work/$1.log" && return
		sleep 0.1
	done
	scene_fail "$1 does not hear $2"
}

tell() {
	echo "$2" >&"${in_of[$1]}"
}

# count NAME PATTERN
count() {
	grep -c -- "$2" "$work/$1.log" || true
}

declare -A in_of
listens alice "$with" --nearest
listens bob "$without" --nearest
hears alice Neighbor.Connect
hears bob Neighbor.Connect

# ---- posting ----

tell alice "post hello from alice"
hears alice '"command":"post","result":"sent","messageID"'
hears bob '"code":"NetGroup.Posting.Notify".*"message":"hello from alice"'
tell bob "post not allowed" # without the authorization
hears bob '"command":"post","result":"error"'
lab carol "$bin/annulus-peer" post --server "$sp_addr" --group "$with" "hello from carol" >"$work/post.log" 2>&1 ||
	scene_fail "carol cannot post"
hears alice '"message":"hello from carol"'
hears bob '"message":"hello from carol"'
[ "$("$bin/annulusctl" --json --socket "$work/annulusd.sock" groups | grep -o '"posts":[0-9]*')" = '"posts":2' ] ||
	scene_fail "annulusd did not relay two postings"
listens carol "$without" --nearest # late
hears carol '"message":"hello from alice"'
hears carol '"message":"hello from carol"' # it is somebody else now

# More than may be posted at once: the rest waits, in order, and all arrives.
seq -f "line %g" 100 | lab sp "$bin/annulus-peer" post --server "$sp_addr" --group "$with" - >"$work/lines.log" 2>&1 ||
	scene_fail "a hundred lines cannot be posted"
hears bob '"message":"line 100"'
for name in alice bob carol; do
	for ((i = 0; i < 50; i++)); do
		n=$(grep -o '"message":"line [0-9]*"' "$work/$name.log" | sort | uniq | wc -l)
		[ "$n" = 100 ] && break
		sleep 0.1
	done
	[ "$n" = 100 ] || scene_fail "$name heard $n of a hundred lines"
done

# ---- routing ----

hears carol LocalCoverage.Notify # settled
tell bob "all hello neighbours"
hears alice '"code":"NetGroup.SendTo.Notify".*"fromLocal":false.*"message":"hello neighbours"'
hears carol '"message":"hello neighbours"'
address=$(grep -o '"address":"[0-9a-f]*"' "$work/carol.log" | head -1 | grep -oE '[0-9a-f]{64}')
tell alice "nearest $address hello carol"
hears carol '"far":false,"message":"hello carol"'
tell bob "far $address hello again"
hears carol '"far":true,"hops":1,"message":"hello again"'
tell bob "nearest nowhere x"
hears bob '"command":"nearest","result":"error"'
lab sp "$bin/annulus-peer" members --server "$sp_addr" --group "$without" --for 2 >"$work/members.log" 2>"$work/members.err" ||
	scene_fail "no members"
# Who posted and left is known to nobody any more.
[ "$(wc -l <"$work/members.log")" = 4 ] || scene_fail "members does not list four"
[ "$(grep -c neighbour "$work/members.log")" = 4 ] || scene_fail "members does not list four neighbours"

# ---- members by name (NG-9) ----

id=$(grep -o '"peerID":"[0-9a-f]*"' "$work/carol.log" | head -1 | grep -oE '[0-9a-f]{64}')
stranger=$(printf '%064d' 7)
tell alice "call $id"
hears alice '"command":"call","result":"accepted"'
tell alice "call $id of mine"
hears alice '"command":"call","result":"error"'
tell alice "hint nobody"
hears alice '"command":"hint","result":"error"'
tell alice members
hears alice "\"peerID\":\"$id\""
! grep -q "$stranger" "$work/alice.log" || scene_fail "alice knows the stranger already"
tell alice "hint $stranger"
hears alice '"command":"hint","result":"accepted"'
tell alice members
hears alice "\"peerID\":\"$stranger\""

for name in alice bob carol; do # each heard each posting once, and never its own
	for text in "hello from alice" "hello from carol"; do
		n=$(count "$name" "\"message\":\"$text\"")
		want=1
		[[ $name == alice && $text == *alice ]] && want=0
		[ "$n" = "$want" ] || scene_fail "$name heard '$text' $n times"
	done
	tell "$name" quit
done
wait "${pid_of[alice]}" "${pid_of[bob]}" "${pid_of[carol]}" || scene_fail "a member did not end well"
echo "passed"
