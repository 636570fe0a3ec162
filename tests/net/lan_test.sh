#!/usr/bin/env bash
# Members on one link, and no server anywhere: they find each other by IP multicast, post, and stream. Then a
# super-peer on DPDK that none of them was told of: it says by IGMPv3 what it listens to, and they find it, too.
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

# ---- streams by IP multicast ----

# m4 loses a fifth of what comes by multicast: its peers repair it (fusion). m3 has no peers at all.
lab m4 nft "table netdev lossy { chain in { type filter hook ingress device eth0 priority 0;
	udp dport 4007 numgen random mod 100 < 20 counter drop; }
}" || scene_fail "nft refuses to lose"
lonely=$("$bin/annulus-peer" groupspec --name alone --multicast --lan 239.7.7.8:4008 --no-peers)
# plays NAME PID-VARIABLE SPEC
plays() {
	lab_start "$2" "$1" "$work/$1-film.log" "$bin/annulus-peer" play --group "$3" --name film --json "$work/$1-film.flv"
}
plays m4 fused_pid "$spec"
plays m3 alone_pid "$lonely"
await heard m4-film Neighbor.Connect 1 || scene_fail "m4 finds nobody"
lab_start send_pid m2 "$work/send.log" "$bin/annulus-peer" publish --group "$lonely" --name film --multicast-ttl 1 \
	"$work/source.flv"
lab m1 "$bin/annulus-peer" publish --group "$spec" --name film --multicast-ttl 1 --json "$work/source.flv" \
	>"$work/both.log" 2>&1 || scene_fail "nothing is published by multicast"
ends() {
	for ((i = 0; i < 250; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	wait "$1"
}
ends "$fused_pid" || scene_fail "m4 ended with $?"
ends "$alone_pid"
case $? in 0 | 3) ;; *) scene_fail "m3 ended with $?" ;; esac # nobody repairs what a busy machine drops there
for code in NetStream.Play.Start NetStream.Play.UnpublishNotify; do
	heard m3-film "\"code\":\"$code\"" 1 || scene_fail "m3 is not told $code"
done
grep -q '"fragmentsReceivedFromIPMulticast":[1-9]' "$work/m3-film.log" || scene_fail "m3 got nothing"
"$bin/annulus-peer" compare "$work/source.flv" "$work/m4-film.flv" || scene_fail "m4 did not get the film"
[[ $(lab m4 nft list table netdev lossy) =~ packets\ [1-9] ]] || scene_fail "nothing was lost"
grep -q '"fragmentsReceivedFromIPMulticast":[1-9]' "$work/m4-film.log" || scene_fail "m4 got nothing by multicast"
grep -q '"fragmentsRequestedFromPeers":[1-9]' "$work/m4-film.log" || scene_fail "m4 repaired nothing"
! grep -q 'Neighbor' "$work/m3-film.log" || scene_fail "m3 was to have no peers"
grep -q '"fragmentsPushedToIPMulticast":[1-9]' "$work/both.log" || scene_fail "m1 does not count what it sent"

# ---- a super-peer ----

lab_stop "$m3_pid"
lab_port sp
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: dpdk
ports: [{ name: lab, device: 'net_af_packet0,iface=eth0,qdisc_bypass=1', address: $sp_addr/24 }]
eal: { hugepages: off, memory: 256MiB }
groups: [{ name: lan, spec: "$spec", lan: true }]
admin: { socket: $work/annulusd.sock }
Y
"$bin/annulusd" --check --config "$work/annulusd.yaml" >"$work/check.log" 2>&1 || scene_fail "$(cat "$work/check.log")"
lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start"
# The switch has heard which group is wanted at the last port.
snooped() {
	ip netns exec "$lab_id-sw" bridge mdb show dev br0 | grep -q "port port$lab_n grp 239.7.7.7"
}
await snooped || scene_fail "the switch knows of no listener: $(ip netns exec "$lab_id-sw" bridge mdb show dev br0)"
neighbour_of_sp() {
	[ "$("$bin/annulusctl" --json --socket "$work/annulusd.sock" groups | grep -o '"neighbours":[0-9]*')" = '"neighbours":1' ]
}
await neighbour_of_sp || scene_fail "m2 and the super-peer do not meet: $(ctl groups)"
echo "passed"
