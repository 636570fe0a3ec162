#!/usr/bin/env bash
# The demo's scenario, short, on the real drivers: drivers_test.sh KIND [CABLE]. A publisher and players in
# namespaces of their own, one of them late; all get the film, and annulusd runs on
#
#   tap           net_tap, joined to the lab by its namespace's kernel
#   virtio        net_virtio_user, whose vhost side is another process (cable.c) that joins it to the lab
#   virtio-two    the same with two queues and two workers, both of which must have worked
#   virtio-huge   the same as virtio, both processes on huge pages
#   packet-two    net_af_packet with two workers, among which the kernel's hash spreads the peers
#   packet-huge   net_af_packet on huge pages
. "$(dirname "$0")/scene.sh"

kind=$1
cable=${2:-}
huge_taken=0

# Pages that we took are given back, whoever else has some.
huge_change() {
	local now

	now=$(cat /proc/sys/vm/nr_hugepages)
	echo $((now + $1 > 0 ? now + $1 : 0)) >/proc/sys/vm/nr_hugepages
}
huge_take() { # huge_take PAGES of 2 MiB
	local free_kb

	[ -w /proc/sys/vm/nr_hugepages ] || { echo "skipped: this kernel has no huge pages"; exit 77; }
	free_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
	((free_kb > 2 * $1 * 2048)) || { echo "skipped: not enough free memory for huge pages"; exit 77; }
	huge_taken=$1
	huge_change "$1"
	free_kb=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)
	((free_kb >= $1)) || { echo "skipped: the kernel finds only $free_kb huge pages of 2 MiB"; exit 77; }
}
scene_more_cleanup() {
	[ "$huge_taken" = 0 ] || huge_change "-$huge_taken"
}

start_cable() { # start_cable QUEUES [huge]
	lab_port sp
	lab_start cable_pid sp "$work/cable.log" "$cable" "net_vhost0,iface=$work/vhost,queues=$1" \
		"net_af_packet0,iface=eth0,qdisc_bypass=1" "$@"
	await grep -q joined "$work/cable.log" || scene_fail "the vhost side did not start"
}

media_make "$work/source.flv" 8 || scene_fail "no film"
lab_up
case $kind in
tap)
	lab_port sp
	CAST_DEVICE=net_tap0,iface=dt0
	;;
virtio | virtio-two)
	queues=1
	[ "$kind" = virtio ] || queues=2
	start_cable "$queues"
	CAST_DEVICE=net_virtio_user0,path=$work/vhost,queue_size=1024,queues=$queues
	[ "$kind" = virtio ] || { CAST_CONFIG="workers: { count: 2 }" CAST_QUEUES=2; }
	;;
packet-two)
	CAST_CONFIG="workers: { count: 2 }" CAST_QUEUES=0
	;;
virtio-huge)
	huge_take 200
	start_cable 1 huge
	CAST_DEVICE=net_virtio_user0,path=$work/vhost,queue_size=1024
	CAST_HUGE=on
	;;
packet-huge)
	huge_take 130
	CAST_HUGE=on
	;;
*) exit 1 ;;
esac

cast_super_peer dpdk || scene_fail "annulusd did not start"
if [ "$kind" = tap ]; then # its kernel is the switch between the TAP and the lab
	ip -n "$lab_id-sp" link add br1 type bridge stp_state 0 forward_delay 0
	for i in dt0 eth0 br1; do
		lab sp sysctl -qw "net.ipv6.conf.$i.disable_ipv6=1"
		[ "$i" = br1 ] || ip -n "$lab_id-sp" link set "$i" master br1
		ip -n "$lab_id-sp" link set "$i" up
	done
fi

for i in 1 2 3; do
	cast_player "player$i" "$i"
done
for i in 1 2 3; do
	cast_wait "player$i" waiting 30 || scene_fail "player$i did not join"
done
cast_publisher
cast_wait publisher publishing 20 || scene_fail "the publisher did not join"
start_ms=$(ms_now)
sleep 3
late_ms=$(($(ms_now) - start_ms))
cast_player late 4
cast_end publisher 60 || scene_fail "the publisher ended with $?"
for name in player1 player2 player3 late; do
	cast_end "$name" 30 || scene_fail "$name ended with $?"
	late=()
	[ "$name" != late ] || late=(--joined "$late_ms")
	"$bin/annulus-peer" compare "$work/source.flv" "$work/$name.flv" "${late[@]}" || scene_fail "$name"
done

status=$("$bin/annulusctl" --socket "$work/annulusd.sock" status --json)
[[ $kind != *-two ]] || for w in 0 1; do
	row=$(grep -o "{\"worker\":$w,[^}]*" <<<"$status")
	turns=$(sed -n 's/.*"turns":\([0-9]*\).*/\1/p' <<<"$row")
	idle=$(sed -n 's/.*"idle_turns":\([0-9]*\).*/\1/p' <<<"$row")
	((turns - idle > 100)) || scene_fail "worker $w had next to nothing to do: $row"
done
echo "passed"
