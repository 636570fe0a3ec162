#!/usr/bin/env bash
# A whole group on a network as people have it: group_test.sh LINE. annulusd on DPDK; alice and bob at home behind
# translators of two kinds, carol and dave at the ends of lines that delay, overtake, double and lose, erin with 3 %
# loss, fay well off. They post, route, stream and replicate; a member comes back, then annulusd does, as the same.
. "$(dirname "$0")/scene.sh"

line=$1
names=(alice bob carol dave erin fay)
declare -A in_of

media_make "$work/source.flv" 8 || scene_fail "no film"
spec=$("$bin/annulus-peer" groupspec --name scene --multicast --posting --routing --replication | grep -om1 "G:[0-9a-f]*")
lab_up
cast_super_peer dpdk || scene_fail "annulusd did not start"
lab_home alice 10.99.0.21
lab_home bob 10.99.0.22 symmetric
lab_far carol 10.99.0.23 "$line" seed 7 delay 40 late 10 twice 2 lost 1
lab_far dave 10.99.0.24 "$line" seed 8 delay 15 late 25 late-by 50 twice 5
lab_host erin 10.99.0.25
lab_loss erin 3
lab_host fay 10.99.0.26

# member NAME: hears what there is; what it shall do is written to ${in_of[NAME]}.
member() {
	local pid fd name=$1

	[ -p "$work/$name.in" ] || mkfifo "$work/$name.in"
	exec {fd}<>"$work/$name.in" # so that it never ends
	in_of[$name]=$fd
	lab_start pid "$name" "$work/$name.log" bash -c 'exec "$@" <"$0"' "$work/$name.in" \
		"$bin/annulus-peer" listen --server "$sp_addr" --group "$spec" --json --nearest \
		--identity "$work/$name.identity"
	pid_of[$name]=$pid
}
tell() {
	echo "$2" >&"${in_of[$1]}"
}
# hears NAME PATTERN [TIMES]: sooner or later it is told so, at least that often.
hears() {
	for ((i = 0; i < 300; i++)); do
		(($(grep -c -- "$2" "$work/$1.log") >= ${3:-1})) && return
		sleep 0.1
	done
	scene_fail "$1 does not hear $2"
}
times() {
	grep -c -- "$2" "$work/$1.log"
}
# all_hear POSTER TEXT: everybody else, once.
all_hear() {
	local name

	for name in "${names[@]}"; do
		[ "$name" = "$1" ] || hears "$name" "Posting.Notify.*\"message\":\"$2\""
	done
	for name in "${names[@]}"; do
		[ "$(times "$name" "Posting.Notify.*\"message\":\"$2\"")" = "$([ "$name" = "$1" ] && echo 0 || echo 1)" ] ||
			scene_fail "$name does not hear '$2' as often as it should"
	done
}

# ---- join ----

for name in "${names[@]}"; do
	member "$name"
done
for name in "${names[@]}"; do
	hears "$name" Neighbor.Connect
	hears "$name" LocalCoverage.Notify
done

# ---- post, route ----

for name in "${names[@]}"; do
	tell "$name" "post hello from $name"
done
for name in "${names[@]}"; do
	all_hear "$name" "hello from $name"
done
# Alice and bob cannot be neighbours (a port-restricted cone and a symmetric translator, SV-11): what one of them
# routes to the other goes by somebody who has links with both. Nobody else gets it, and bob gets it once.
declare -A address
for name in "${names[@]}"; do
	address[$name]=$(grep -o '"address":"[0-9a-f]*"' "$work/$name.log" | head -1 | grep -oE '[0-9a-f]{64}')
done
for from in "${names[@]}"; do
	for to in "${names[@]}"; do
		[ "$from" = "$to" ] || tell "$from" "far ${address[$to]} from $from to $to"
	done
done
for from in "${names[@]}"; do
	for to in "${names[@]}"; do
		[ "$from" = "$to" ] || hears "$to" "SendTo.Notify.*\"message\":\"from $from to $to\""
	done
done
! grep -q "Neighbor.Connect.*${address[bob]}" "$work/alice.log" || scene_fail "alice and bob have met after all"
for name in "${names[@]}"; do
	[ "$(grep -c "SendTo.Notify.*\"message\":\"from [a-z]* to " "$work/$name.log")" = 5 ] ||
		scene_fail "$name hears what is for others, or something twice"
done

# ---- stream: a publisher at fay's, players where it is hard ----

for name in alice bob carol dave erin; do
	lab_start pid "$name" "$work/$name-play.log" "$bin/annulus-peer" play --server "$sp_addr" --group "$spec" \
		--name film --progress lines "$work/$name-play.flv"
	pid_of[$name-play]=$pid
done
for name in alice bob carol dave erin; do
	cast_wait "$name-play" waiting 30 || scene_fail "$name's player did not join"
done
lab_start pid fay "$work/publisher.log" "$bin/annulus-peer" publish --server "$sp_addr" --group "$spec" --name film \
	--progress lines "$work/source.flv"
pid_of[publisher]=$pid
cast_end publisher 60 || scene_fail "the publisher ended with $?"
for name in alice bob carol dave erin; do
	cast_end "$name-play" 30 || scene_fail "$name's player ended with $?"
	"$bin/annulus-peer" compare "$work/source.flv" "$work/$name-play.flv" || scene_fail "$name's film"
done

ctl metrics >"$work/metrics" || scene_fail "no metrics"
grep -Eq '^annulus_stream_pushed_to_peers_bytes_total\{group="[a-z]+",stream="film",key="[0-9a-f]{16}"\} [1-9][0-9]+$' \
	"$work/metrics" || scene_fail "the film is not in the metrics: $(grep pushed_to_peers "$work/metrics")"

# ---- replicate: fay's file, from her and from each other ----

head -c 3000000 /dev/urandom >"$work/file"
lab_start share_pid fay "$work/share.log" "$bin/annulus-peer" share --server "$sp_addr" --group "$spec" "$work/file"
pid_of[share]=$share_pid
for name in alice bob carol dave erin; do
	lab_start pid "$name" "$work/$name-fetch.log" "$bin/annulus-peer" fetch --server "$sp_addr" --group "$spec" --for 5 \
		--progress lines "$work/$name.file"
	pid_of[$name-fetch]=$pid
done
for name in alice bob carol dave erin; do
	cast_end "$name-fetch" 60 || scene_fail "$name's fetch ended with $?"
	cmp "$work/file" "$work/$name.file" || scene_fail "$name's file"
done
lab_stop "${pid_of[share]}"

# ---- a member comes back, from a kill, as the same and to the same ----

kill -KILL "${pid_of[dave]}"
wait "${pid_of[dave]}" 2>/dev/null
tell alice "post while dave is away"
: >"$work/dave.log"
member dave
hears dave '"message":"while dave is away"' # held for who comes late (PO-8)
tell dave "post dave is back"
all_hear dave "dave is back"
[ "$(grep -o '"address":"[0-9a-f]*"' "$work/dave.log" | head -1 | grep -oE '[0-9a-f]{64}')" = "${address[dave]}" ] ||
	scene_fail "dave is somebody else"

# ---- annulusd comes back, from a kill ----

kill -KILL "$sp_pid"
wait "$sp_pid" 2>/dev/null
tell fay "post nobody in the middle" # who have links of their own do without it
hears carol '"message":"nobody in the middle"'
before=$(ms_now)
lab_start sp_pid sp "$work/annulusd2.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start again"
# group_field KEY: of the group in annulusctl groups
group_field() {
	ctl --json groups | grep -o "\"$1\":[0-9]*" | head -1 | grep -o '[0-9]*$'
}
all_back() {
	[ "$(group_field neighbours)" = 6 ]
}
for ((i = 0; i < 300; i++)); do
	all_back && break
	sleep 0.1
done
all_back || scene_fail "only $(group_field neighbours) of 6 are back"
took=$(($(ms_now) - before))
echo "all are back after $took ms"
[ "$took" -le 15000 ] || scene_fail "that is more than 15 s"
tell bob "post all together again"
all_hear bob "all together again"

for name in carol dave; do
	lab_stop "$(ip netns pids "$lab_id-$name-line")"
	line_did=$(tail -1 "$work/$name-line.log")
	echo "$name's line: $line_did"
	[[ $line_did =~ carried=[1-9].*late=[1-9].*twice=[1-9] ]] || scene_fail "$name's line was too good"
done
for name in "${names[@]}"; do
	tell "$name" quit
done
for name in "${names[@]}"; do
	wait "${pid_of[$name]}" || scene_fail "$name did not end well"
done
echo "passed"
