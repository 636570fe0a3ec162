#!/usr/bin/env bash
# A film published to annulusd and played from it by annulus-peer, without any group: in time, late, of another app; a
# name that is taken; what annulusctl shows. Every tag of it arrives, though the publisher loses 5 % each way. (Players
# on such lines lose what does not reach them in 2 s: tests/sim/live_test.c.)
. "$(dirname "$0")/scene.sh"

# start NAME INDEX publish|play APP: of "film", in a namespace of its own.
start() {
	local pid file=$work/$1.flv

	[ "$3" = publish ] && file=$work/source.flv
	lab_host "$1" "10.99.0.$((10 + $2))"
	[ "$1" != publisher ] || lab_loss publisher 5
	lab_start pid "$1" "$work/$1.log" "$bin/annulus-peer" "$3" --server "$sp_addr/$4" --name film \
		--progress lines "$file"
	pid_of[$1]=$pid
}

live() {
	"$bin/annulusctl" --socket "$work/annulusd.sock" --json live
}

# number KEY: the first such field of `annulusctl live`.
number() {
	live | grep -o "\"$1\":[0-9]*" | head -n 1 | grep -o '[0-9]*$'
}

media_make "$work/source.flv" 12 || scene_fail "no film"
lab_up
cast_super_peer "${BACKEND:-udp}" || scene_fail "annulusd did not start"
start one 1 play live/hall
cast_wait one waiting 20 || scene_fail "player one is not there"
for ((i = 0; i < 40; i++)); do # it asks with its next packet
	[ "$(number players)" = 1 ] && break
	sleep 0.05
done
[ "$(number players)" = 1 ] || scene_fail "annulusctl shows no player: $(live)"
start other 2 play live/yard
cast_wait other waiting 20 || scene_fail "player other is not there"
start publisher 0 publish live/hall
cast_wait publisher publishing 20 || scene_fail "the publisher does not publish"
cast_wait one playing 20 || scene_fail "player one does not play"
start second 3 publish live/hall # while the first one is on
cast_end second 20
[ $? = 2 ] || scene_fail "a name that is taken was taken again"
grep -q "NetStream.Publish.BadName" "$work/second.log" || scene_fail "it was not told why"
for ((i = 0; i < 100; i++)); do
	[ "$(cast_field "$work/publisher.log" stream_ms)" -ge 5000 ] && break
	sleep 0.1
done
joined=$(cast_field "$work/publisher.log" stream_ms)
start late 4 play live/hall
cast_wait late playing 20 || scene_fail "player late does not play"
live | grep -q '"app":"live/hall","name":"film","state":"published","players":2,' || scene_fail "annulusctl shows $(live)"
[ "$(live | grep -o '"rx_bits":[0-9]*' | sort -t: -k2 -n | tail -n 1 | cut -d: -f2)" -gt 200000 ] ||
	scene_fail "annulusctl shows too low a rate: $(live)"
for name in publisher one late; do
	cast_end "$name" 40 || scene_fail "$name ended with $?"
done
"$bin/annulus-peer" compare "$work/source.flv" "$work/one.flv" --apart || scene_fail "player one"
"$bin/annulus-peer" compare "$work/source.flv" "$work/late.flv" --apart --joined "$joined" --late-max 2500 ||
	scene_fail "player late, who joined after $joined ms"
[ "$(cast_field "$work/other.log" state)" = waiting ] || scene_fail "a player of another app is not waiting"
live | grep -q '"name":"film","state":"waited for","players":1,' || scene_fail "annulusctl shows $(live)"
lab_stop "${pid_of[other]}"
for ((i = 0; i < 40; i++)); do
	[ -z "$(number players)" ] && break
	sleep 0.05
done
[ -z "$(number players)" ] || scene_fail "something is left: $(live)"
[[ $(lab publisher nft list chain netdev lossy in) == *ingress* ]] || scene_fail "nothing was lost"
echo "passed"
