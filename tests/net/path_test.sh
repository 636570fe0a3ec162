#!/usr/bin/env bash
# Paths that carry less than the port (RFC 7016 §3.5.4.3): players without a group behind a router, on links of 1300
# octets and of 1500, and the second link shrinks to 1280 in the midst of the film, by a router that says nothing of it.
# The film is whole at both, in packets as large as each path carries; the first router's "too big" was heard.
. "$(dirname "$0")/scene.sh"

# far NAME INTERFACE NET MTU: a namespace on the router's INTERFACE, address NET.2.
far() {
	ip netns add "$lab_id-$1"
	lab_hosts+=("$1")
	ip link add eth0 netns "$lab_id-$1" mtu "$4" type veth peer name "$2" netns "$lab_id-router" mtu "$4"
	lab "$1" ethtool -K eth0 tx off rx off gso off tso off gro off >/dev/null 2>&1
	lab router ethtool -K "$2" tx off rx off gso off tso off gro off >/dev/null 2>&1
	ip -n "$lab_id-router" addr add "$3.1/24" dev "$2"
	ip -n "$lab_id-router" link set "$2" up
	ip -n "$lab_id-$1" addr add "$3.2/24" dev eth0
	ip -n "$lab_id-$1" link set lo up
	ip -n "$lab_id-$1" link set eth0 up
	ip -n "$lab_id-$1" route add default via "$3.1"
}

# start NAME publish|play FILE: of "film", without a group: its messages are cut, so large packets carry them better.
start() {
	local pid

	lab_start pid "$1" "$work/$1.log" "$bin/annulus-peer" "$2" --server "$sp_addr/live" --name film \
		--progress lines "$3"
	pid_of[$1]=$pid
}

# mtu_of ADDRESS: how large packets to it may be, as the super-peer sees it.
mtu_of() {
	ctl --json peers | tr '{' '\n' | sed -n "s/.*\"$1:.*\"path_mtu\":\([0-9]*\).*/\1/p" | head -n 1
}

# carries ADDRESS LEAST MOST
carries() {
	local mtu

	mtu=$(mtu_of "$1")
	((${mtu:-0} >= $2 && mtu <= $3))
}

shrink() {
	lab router nft 'table ip silent { chain out { type filter hook output priority 0; icmp type destination-unreachable drop; }; }' ||
		scene_fail "nft refuses"
	ip -n "$lab_id-router" link set eth2 mtu 1280
	ip -n "$lab_id-wide" link set eth0 mtu 1280
}

media_make "$work/source.flv" 10 || scene_fail "no film"
lab_up
lab_host router 10.99.0.2
lab router sysctl -qw net.ipv4.ip_forward=1
far narrow eth1 10.97.0 1300
far wide eth2 10.98.0 1500
sp_addresses="$sp_addr/24
    gateway: 10.99.0.2"
cast_super_peer dpdk || scene_fail "annulusd did not start"
start narrow play "$work/narrow.flv"
start wide play "$work/wide.flv"
cast_wait narrow waiting 30 || scene_fail "the player behind 1300 octets did not join"
cast_wait wide waiting 20 || scene_fail "the player behind 1500 octets did not join"
lab_host publisher 10.99.0.10
start publisher publish "$work/source.flv"
await carries 10.97.0.2 1261 1300 || scene_fail "to 1300 octets it sends $(mtu_of 10.97.0.2)"
await carries 10.98.0.2 1301 1500 || scene_fail "to 1500 octets it sends $(mtu_of 10.98.0.2)"
grown=$(mtu_of 10.98.0.2)
[[ $(ctl --json status) =~ '"pmtu_told":'([0-9]+) ]] || scene_fail "nothing counts what routers say"
((BASH_REMATCH[1] > 0)) || scene_fail "the router's word was not heard"
shrink
await carries 10.98.0.2 1200 1280 || scene_fail "to 1280 octets it sends $(mtu_of 10.98.0.2)"
[[ $(ctl --json status) =~ '"pmtu_fallbacks":'([0-9]+) ]] && ((BASH_REMATCH[1] > 0)) || scene_fail "no fallback"
echo "packets to 1300 octets: $(mtu_of 10.97.0.2), to 1500: $grown, then to 1280: $(mtu_of 10.98.0.2)"
cast_end publisher 60 || scene_fail "the publisher ended with $?"
for name in narrow wide; do
	cast_end "$name" 30 || scene_fail "$name ended with $?"
	"$bin/annulus-peer" compare "$work/source.flv" "$work/$name.flv" --apart || scene_fail "$name"
done
echo "passed"
