#!/usr/bin/env bash
# A film from peer to peer, each behind an address translator of its own, brought together by annulusd; whom an
# app refuses; and a peer that is not there.
. "$(dirname "$0")/scene.sh"

media_make "$work/source.flv" 6 || scene_fail "no film"
lab_up
lab_host sp "$sp_addr"
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: udp
apps:
  - live
  - { name: closed, keys: [sesame] }
  - { name: elsewhere, allow_addresses: [192.0.2.0/24] }
admin: { socket: $work/annulusd.sock }
Y
lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start"

# peer NAME COMMAND...: annulus-peer in NAME's home.
peer() {
	local pid name=$1

	shift
	lab_start pid "$name" "$work/$name.log" "$bin/annulus-peer" "$@"
	pid_of[$name]=$pid
}

# drops NAME: a counter of annulusctl drops.
drops() {
	"$bin/annulusctl" --json --socket "$work/annulusd.sock" drops | grep -o "\"name\":\"$1\",\"count\":[0-9]*" |
		grep -o '[0-9]*$'
}

lab_home alice 10.99.0.11
lab_home bob 10.99.0.12
lab_home carol 10.99.0.13

# ---- apps ----

for app in live closed/sesame; do
	lab alice "$bin/annulus-peer" info "$sp_addr/$app" >"$work/info.log" 2>&1 || scene_fail "$app refuses us"
done
for app in other:InvalidApp closed:Rejected closed/open:Rejected elsewhere:Rejected; do
	lab alice "$bin/annulus-peer" info "$sp_addr/${app%:*}" >"$work/info.log" 2>&1 && scene_fail "${app%:*} takes us"
	grep -q "NetConnection.Connect.${app#*:}" "$work/info.log" || scene_fail "${app%:*} does not say ${app#*:}"
done
[ "$(drops app_unknown) $(drops app_key) $(drops app_address)" = "1 2 1" ] ||
	scene_fail "refused connects were not counted"

# ---- a film ----

peer alice publish --server "$sp_addr/live" --direct --name film --progress lines "$work/source.flv"
for ((i = 0; i < 100; i++)); do
	id=$(grep -oE '^[0-9a-f]{64}$' "$work/alice.log") && break
	sleep 0.05
done
[ -n "$id" ] || scene_fail "the publisher does not say who it is"
for ((i = 0; i < 100; i++)); do
	"$bin/annulusctl" --json --socket "$work/annulusd.sock" peers | grep -q "$id.*\"role\":\"client\"" && break
	sleep 0.05
done
for name in bob carol; do
	peer $name play --server "$sp_addr/live" --peer "$id" --name film --progress lines "$work/$name.flv"
done
for name in bob carol alice; do
	cast_end $name 40 || scene_fail "$name ended with $?"
done
# Bob and Carol do not begin at one and the same moment: the second one joins in a little later.
for name in bob carol; do
	"$bin/annulus-peer" compare "$work/source.flv" "$work/$name.flv" --joined 0 || scene_fail "$name"
done
grep -q "played 'film'.*, 0 holes, ended by its source" "$work/bob.log" || scene_fail "bob saw no end"

# It went past the introducer: that saw both, but a few packets each.
[ "$("$bin/annulusctl" --json --socket "$work/annulusd.sock" status | grep -o '"rx_packets":[0-9]*' | head -n 1 |
	grep -o '[0-9]*$')" -lt 400 ] || scene_fail "the film went by the introducer"

# ---- nobody there ----

peer bob play --server "$sp_addr/live" --peer "$id" --name film --wait 3 "$work/nothing.flv"
cast_end bob 20
[ $? = 2 ] || scene_fail "to play from nobody ended with $?"
grep -q "nobody publishes that there" "$work/bob.log" || scene_fail "bob is not told that nobody is there"
[ ! -e "$work/nothing.flv" ] || scene_fail "an empty file was left"
echo "passed"
