#!/usr/bin/env bash
# IP multicast of the other kinds, on a real port: members of a link that meet by IPv6 (MLDv2), and groups of one
# source (IGMPv3, MLDv2), with annulusd on DPDK among them. The switch is told who listens to whom, and shows it.
. "$(dirname "$0")/scene.sh"

sp6=2001:db8:99::1
source4=10.99.0.21 source6=2001:db8:99::21

# lab_dual NAME ADDRESS ADDRESS6: a kernel host with both.
lab_dual() {
	lab_host "$1" "$2"
	lab "$1" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
	ip -n "$lab_id-$1" addr add "$3/64" dev eth0 nodad
}
# specs NAME PLACE OPTION...: the same group, whatever its place is.
specs() {
	"$bin/annulus-peer" groupspec --name "$1" --multicast --no-server-channel --lan "$2" "${@:3}" |
		grep -om1 "G:[0-9a-f]*"
}
# listens NAME HOST SPEC
listens() {
	local pid

	lab_start pid "$2" "$work/$1.log" "$bin/annulus-peer" listen --group "$3" --json
	pid_of[$1]=$pid
}
heard() {
	grep -q -- "$2" "$work/$1.log"
}

lab_up
ip -n "$lab_id-sw" link set br0 type bridge mcast_igmp_version 3 mcast_mld_version 2
lab_dual m1 $source4 $source6
lab_dual m2 10.99.0.22 2001:db8:99::22
lab_dual m3 10.99.0.23 2001:db8:99::23
lab_port sp
six=$(specs six "[ff12::7:7:7]:4007" --posting)
one4=$(specs one4 "232.7.7.7:4009,$source4" --no-peers)
one6=$(specs one6 "[ff35::8000:7]:4010,$source6" --no-peers)
other6=$(specs one6 "[ff35::8000:7]:4010,2001:db8:99::99" --no-peers)
other4=$(specs one4 "232.7.7.7:4009,10.99.0.99" --no-peers)
src4=$(specs src4 "232.7.7.7:4009,$source4")
# Of more than the link: else the kernel sends from its link-local address.
src6=$(specs src6 "[ff35::8000:7]:4010,$source6")
for spec in "$src4" "$src6" "$six" "$one4" "$one6" "$other4" "$other6"; do
	[[ $spec == G:* ]] || scene_fail "no groupspec"
done
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: dpdk
ports: [{ name: lab, device: 'net_af_packet0,iface=eth0,qdisc_bypass=1', address: [$sp_addr/24, '$sp6/64'] }]
eal: { hugepages: off, memory: 256MiB }
groups:
  - { name: six, spec: "$six", lan: true }
  - { name: src4, spec: "$src4", lan: true }
  - { name: src6, spec: "$src6", lan: true }
admin: { socket: $work/annulusd.sock }
Y
lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start"

# ---- MLDv2 and IGMPv3, as the switch understood them ----

# snooped PATTERN: of the port that annulusd has.
snooped() {
	bridge -d -n "$lab_id-sw" mdb show dev br0 | grep "port port$lab_n " | grep -Eq -- "$1"
}
for what in "grp ff12::7:7:7 " "grp 232\.7\.7\.7 src ${source4//./\\.} " "grp ff35::8000:7 src $source6 "; do
	await snooped "$what" ||
		scene_fail "the switch knows nothing of '$what': $(bridge -d -n "$lab_id-sw" mdb show dev br0)"
done

# ---- members that meet by IPv6, and the super-peer ----

listens a m1 "$six"
listens b m2 "$six"
await heard a Neighbor.Connect || scene_fail "nobody meets by IPv6"
lab m3 "$bin/annulus-peer" post --group "$six" "by six" >"$work/post.log" 2>&1 || scene_fail "m3 meets nobody"
await heard a '"message":"by six"' || scene_fail "m1 does not hear it"
await heard b '"message":"by six"' || scene_fail "m2 does not hear it"
neighbours() { # NAME N
	[ "$("$bin/annulusctl" --json --socket "$work/annulusd.sock" group "$1" | grep -o '"neighbours":[0-9]*')" = "\"neighbours\":$2" ]
}
await neighbours six 2 || scene_fail "the super-peer has not met both: $(ctl groups)"
ctl --json peers | grep -q "2001:db8:99::2[12]" || scene_fail "nor by IPv6: $(ctl peers)"

# ---- groups of one source: all hear m1, and m1 alone ----

# What annulusd hears of somebody whom it cannot ask back is doubted, and counted: it came through the port's filter.
doubted() {
	ctl --json drops | grep -o '"name":"lan_doubted","count":[0-9]*' | grep -o '[0-9]*$'
}
for family in 4 6; do
	spec=src$family before=$(doubted)
	listens "strange$family" m2 "${!spec}"
	sleep 2
	[ "$(doubted)" = "$before" ] || scene_fail "annulusd hears somebody else than the source by IPv$family"
	listens "source$family" m1 "${!spec}"
	more() {
		[ "$(doubted)" -gt "$before" ]
	}
	await more || scene_fail "annulusd does not hear the source by IPv$family"
	lab_stop "${pid_of[strange$family]}" "${pid_of[source$family]}"
done

# Without peers a sender is believed at first sight.

media_make "$work/source.flv" 3 || scene_fail "no film"
for family in 4 6; do
	spec=one$family
	for name in hears deaf; do
		place=$spec host=m2
		[ $name = hears ] || { place=other$family && host=m3; }
		lab_start pid $host "$work/$name$family.log" "$bin/annulus-peer" play --group "${!place}" --name film --json \
			"$work/$name$family.flv"
		pid_of[$name$family]=$pid
	done
done
sleep 1 # they listen: nothing but the film is said in such a group
for family in 4 6; do
	spec=one$family
	lab m1 "$bin/annulus-peer" publish --group "${!spec}" --name film --multicast-ttl 1 --json "$work/source.flv" \
		>"$work/publish$family.log" 2>&1 || scene_fail "nothing is published by IPv$family"
	grep -q '"fragmentsPushedToIPMulticast":[1-9]' "$work/publish$family.log" || scene_fail "nor by multicast"
	await heard "hears$family" NetStream.Play.UnpublishNotify || scene_fail "m2 does not hear the film by IPv$family"
	grep -q '"fragmentsReceivedFromIPMulticast":[1-9]' "$work/hears$family.log" || scene_fail "nor count it"
	! heard "deaf$family" Play.Start || scene_fail "m3 hears whom it did not ask for"
done
lab_stop "${pid_of[a]}" "${pid_of[b]}" "${pid_of[deaf4]}" "${pid_of[deaf6]}"
echo "passed"
