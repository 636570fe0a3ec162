#!/usr/bin/env bash
# Four members on one link, and no server anywhere: they find each other by IP multicast, post, and stream.
. "$(dirname "$0")/scene.sh"

lab_up
for i in 1 2 3 4; do lab_host "m$i" "10.99.0.1$i"; done
spec=$("$bin/annulus-peer" groupspec --name lan --multicast --posting --no-server-channel --lan 239.7.7.7:4007)
[[ $spec == G:* ]] || scene_fail "no groupspec"

# Who knows multicast tells the switch which groups it listens to (IGMPv3, here the kernel's).
! lab m1 timeout 20 "$bin/annulus-peer" post --group "$("$bin/annulus-peer" groupspec --name x --posting)" hello \
	2>"$work/refused.log" || scene_fail "a member without server and meeting place begins"
grep -q 'names no IP multicast address' "$work/refused.log" || scene_fail "and does not say why not"

lab_start m2_pid m2 "$work/m2.log" "$bin/annulus-peer" listen --group "$spec" --json
lab_start m3_pid m3 "$work/m3.log" "$bin/annulus-peer" listen --group "$spec" --json
heard() {
	[ "$(grep -c -- "$2" "$work/$1.log")" -ge "$3" ]
}
await heard m2 Neighbor.Connect 1 || scene_fail "two members of a link do not meet"
lab m1 "$bin/annulus-peer" post --group "$spec" "no server here" >"$work/post.log" 2>&1 ||
	scene_fail "a posting finds nobody"
await heard m2 '"message":"no server here"' 1 || scene_fail "m2 does not hear the posting"
await heard m3 '"message":"no server here"' 1 || scene_fail "m3 does not hear the posting"
lab m2 ip maddress show dev eth0 | grep -q '239\.7\.7\.7' || scene_fail "nobody listens to the group"

media_make "$work/source.flv" 8 || scene_fail "no film"
lab_start play_pid m4 "$work/play.log" "$bin/annulus-peer" play --group "$spec" --name film --json "$work/out.flv"
await heard play Neighbor.Connect 1 || scene_fail "a player finds nobody"
lab m1 "$bin/annulus-peer" publish --group "$spec" --name film --preset low --json "$work/source.flv" \
	>"$work/publish.log" 2>&1 || scene_fail "nothing is published"
for ((i = 0; i < 150; i++)); do
	kill -0 "$play_pid" 2>/dev/null || break
	sleep 0.1
done
wait "$play_pid" || scene_fail "the player ended with $?"
"$bin/annulus-peer" compare "$work/source.flv" "$work/out.flv" || scene_fail "it did not get the film"
# What a program that drives them is told (netgroup-semantics 8.4, 12).
for code in NetStream.Play.Start NetStream.Play.UnpublishNotify NetGroup.MulticastStream.PublishNotify \
	NetStream.MulticastInfo; do
	heard play "\"code\":\"$code\"" 1 || scene_fail "the player is not told $code"
done
heard publish '"code":"NetStream.Publish.Start"' 1 || scene_fail "the publisher is not told that it began"
heard publish '"code":"NetStream.Unpublish.Success"' 1 || scene_fail "nor that all is done"
grep -q 'MulticastInfo.*"bytes\(Pushed\|Requested\)FromPeers":[1-9]' "$work/play.log" ||
	scene_fail "its figures are empty"
echo "passed"
