#!/usr/bin/env bash
# A player killed and started again from the same address and port plays on within 5 s.
. "$(dirname "$0")/scene.sh"

media_make "$work/source.flv" 20 || scene_fail "no film"
lab_up
cast_super_peer "${BACKEND:-dpdk}" || scene_fail "annulusd did not start"
cast_player player 1 --bind 10.99.0.11:5000
cast_wait player waiting 20 || scene_fail "the player did not join"
cast_publisher
cast_wait publisher publishing 20 || scene_fail "the publisher did not join"
start=$(ms_now)
cast_wait player playing 10 || scene_fail "the player did not play"
sleep 3
kill -KILL "${pid_of[player]}"
wait "${pid_of[player]}" 2>/dev/null
restart=$(ms_now)
cast_player player 1 --bind 10.99.0.11:5000
cast_wait player playing 15 || scene_fail "the player did not play on"
took=$(($(ms_now) - restart))
echo "plays on after $took ms"
[ "$took" -le 5000 ] || scene_fail "that is more than 5 s"
cast_end publisher 60 || scene_fail "the publisher ended with $?"
cast_end player 30 || scene_fail "the player ended with $?"
"$bin/annulus-peer" compare "$work/source.flv" "$work/player.flv" --joined $((restart - start)) --late-max 5000 ||
	scene_fail "the player's file"
echo "passed"
