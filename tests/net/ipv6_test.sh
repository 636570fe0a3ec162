#!/usr/bin/env bash
# The main job over IPv6: a publisher and a player of IPv6 and a player of IPv4 in one group, through
# annulusd on an af_packet port with an address of each, and a player in another network on a second port.
# Neighbour discovery against the kernel, pings in pieces, duplicate addresses, and what annulusctl shows.
. "$(dirname "$0")/scene.sh"

sp6=2001:db8:99::1
taken=2001:db8:99::66

# lab_dual NAME ADDRESS ADDRESS6: a kernel host with both.
lab_dual() {
	lab_host "$1" "$2"
	lab "$1" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
	ip -n "$lab_id-$1" addr add "$3/64" dev eth0 nodad
}

shows() { # shows COMMAND PATTERN
	ctl "$1" | grep -E -- "$2" >/dev/null # -q would end the pipe before annulusctl is done
}

media_make "$work/source.flv" 8 || scene_fail "no film"
lab_up
lab_dual publisher 10.99.0.10 2001:db8:99::10
lab_dual six 10.99.0.11 2001:db8:99::11
lab_dual rival 10.99.0.13 $taken
# A second network on the same switch, with a port of its own.
sp2=10.98.0.1
lab_port sp
ip link add eth1 netns "$lab_id-sp" type veth peer name port99 netns "$lab_id-sw"
lab sw ethtool -K port99 tx off rx off gso off tso off gro off >/dev/null 2>&1
lab sp ethtool -K eth1 tx off rx off gso off tso off gro off >/dev/null 2>&1
ip -n "$lab_id-sw" link set port99 master br0 up
ip -n "$lab_id-sp" link set eth1 up
lab_cable other
ip -n "$lab_id-other" addr add 10.98.0.12/24 dev eth0
sp_addresses="[$sp_addr/24, '$sp6/64', '$taken/64']
  - name: second
    device: net_af_packet1,iface=eth1,qdisc_bypass=1
    address: $sp2/24"
cast_super_peer dpdk || scene_fail "annulusd did not start"

# An address that the kernel of another host has is not taken; the others are, after a second.
await shows links "$sp6/64 +ready" || scene_fail "our address never came into use"
shows links "$taken/64 +duplicate" || scene_fail "somebody's address was taken"
await grep -q "our address $taken is also that of" "$work/annulusd.log" || scene_fail "nobody was told"

# The switch has heard who listens where (MLD).
bridge -n "$lab_id-sw" mdb show dev br0 | grep "ff02::1:ff00:1" >/dev/null || scene_fail "the switch knows no listener"

# The kernel finds us, by both families, and at our link-local address; whole packets and pieces.
link=$(ctl links | sed -n 's/.* \(fe80::[0-9a-f:]*\)\/64.*/\1/p' | head -n 1)
lab six ping -6 -q -c 3 -i 0.2 -W 2 $sp6 >/dev/null || scene_fail "no ping over IPv6"
lab six ping -6 -q -c 2 -i 0.2 -W 2 "$link%eth0" >/dev/null || scene_fail "no ping to $link"
lab six ping -4 -q -c 2 -i 0.2 -W 2 "$sp_addr" >/dev/null || scene_fail "no ping over IPv4"
ip -n "$lab_id-six" route replace $sp6/128 dev eth0 mtu lock 1280
ip -n "$lab_id-six" route replace "$sp_addr/32" dev eth0 mtu lock 600
lab six ping -6 -q -c 2 -i 0.2 -W 2 -s 1300 $sp6 >/dev/null || scene_fail "no ping in pieces over IPv6"
lab six ping -4 -q -c 2 -i 0.2 -W 2 -s 1300 "$sp_addr" >/dev/null || scene_fail "no ping in pieces"
ip -n "$lab_id-six" route del $sp6/128
ip -n "$lab_id-six" route del "$sp_addr/32"
ip -n "$lab_id-six" neigh show "$sp6" | grep lladdr >/dev/null || scene_fail "the kernel does not know us"
shows links "2001:db8:99::11 +[0-9a-f:]{17} +(reachable|stale|probed)" || scene_fail "we do not know the kernel"
# IPv4's the kernel puts together before DPDK's af_packet port sees them (it asks for that).
ctl --json links | grep -E '"reassembled":2,' >/dev/null || scene_fail "pieces were not put together"

# One stream, both families.
cast_player four 2
sp_addr="[$sp6]" cast_player six 1
sp_addr=$sp2 cast_player other 3
cast_wait other waiting 30 || scene_fail "the player in the other network did not join"
cast_wait six waiting 30 || scene_fail "the player of IPv6 did not join"
cast_wait four waiting 20 || scene_fail "the player of IPv4 did not join"
lab_start pid_of[publisher] publisher "$work/publisher.log" "$bin/annulus-peer" publish --server "[$sp6]" \
	--group "$spec" --name film --progress lines "$work/source.flv"
cast_wait publisher publishing 30
shows peers '\[2001:db8:99::10\]' || scene_fail "the publisher did not come over IPv6"
cast_end publisher 60 || scene_fail "the publisher ended with $?"
for name in six four other; do
	cast_end "$name" 30 || scene_fail "$name ended with $?"
	"$bin/annulus-peer" compare "$work/source.flv" "$work/$name.flv" || scene_fail "$name"
done
for reason in nd_bad l3_checksum l3_malformed; do
	shows drops " $reason +0 " || scene_fail "$reason: $(ctl drops | grep "$reason")"
done
shows links "second +0 +10.98.0.12 " || scene_fail "the second port has no neighbour"
ctl links
echo "passed"
