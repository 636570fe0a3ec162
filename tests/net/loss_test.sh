#!/usr/bin/env bash
# A member that loses 5 % of its packets each way still plays the whole stream.
. "$(dirname "$0")/scene.sh"

media_make "$work/source.flv" 12 || scene_fail "no film"
lab_up
cast_super_peer "${BACKEND:-dpdk}" || scene_fail "annulusd did not start"
cast_player lossy 1
cast_player clean 2
lab_loss lossy 5
cast_wait lossy waiting 30 || scene_fail "the lossy player did not join"
cast_wait clean waiting 20 || scene_fail "the clean player did not join"
cast_publisher
cast_end publisher 60 || scene_fail "the publisher ended with $?"
for name in clean lossy; do
	cast_end "$name" 30 || scene_fail "$name ended with $?"
	"$bin/annulus-peer" compare "$work/source.flv" "$work/$name.flv" || scene_fail "$name"
done
[[ $(lab lossy nft list chain netdev lossy in) == *ingress* ]] || scene_fail "nothing was lost"
echo "passed"
