# A small network of its own: namespaces joined by a bridge, made and removed by whoever sources this.
#
#   lab_up                       a bridge, in a namespace of its own
#   lab_host NAME ADDRESS        a namespace NAME with eth0 = ADDRESS/24, kernel stack
#   lab_home NAME ADDRESS [symmetric]  a namespace NAME behind a translator with that address: a port-restricted
#                                cone, or one that takes another port for each far end
#   lab_far NAME ADDRESS LINE KEY VALUE...  as lab_host, at the end of a bad line (LINE: the program of line.c)
#   lab_port NAME                a namespace NAME with eth0 without address: a DPDK port's
#   lab NAME COMMAND...          runs COMMAND in NAME, in the foreground
#   lab_start VARIABLE NAME LOG COMMAND...  ... in the background, output to LOG; its pid into VARIABLE
#   lab_stop PID...              SIGTERM, SIGKILL after 5 s
#   lab_loss NAME PERCENT        drops that share of NAME's packets, each way
#   lab_down                     ends what was started here and removes everything; safe to call twice
#
# If the script is killed before it comes to that, as meson does half a second after SIGTERM, a process outside its
# group removes the namespaces, and ends what runs in them.
# Names carry the pid, so that two labs do not meet. Everything stays inside these namespaces.

lab_id=an$$
lab_hosts=()
lab_pids=()
lab_n=0

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

lab_guard() {
	setsid bash -c '
		tail --pid="$1" -f /dev/null
		for name in $(ip netns list | grep -o "^$2-[^ ]*"); do
			ip netns pids "$name" | xargs -r kill -KILL
			ip netns del "$name"
		done' guard "$$" "$lab_id" </dev/null >/dev/null 2>&1 &
	disown "$!"
}

lab_up() {
	[ "$(id -u)" = 0 ] || lab_die "network namespaces need root"
	lab_guard
	ip netns add "$lab_id-sw" || lab_die "cannot make a network namespace"
	ip -n "$lab_id-sw" link add br0 type bridge
	ip -n "$lab_id-sw" link set br0 type bridge stp_state 0 forward_delay 0
	ip -n "$lab_id-sw" link set br0 up
	lab_hosts+=(sw)
}

# A cable between NAME's eth0 and the bridge. Offloads are off on both ends: an af_packet port sees checksums
# and segments as they would be on a wire.
lab_cable() {
	local name=$1 port

	lab_n=$((lab_n + 1))
	port=port$lab_n
	ip netns add "$lab_id-$name"
	lab_hosts+=("$name")
	ip link add eth0 netns "$lab_id-$name" type veth peer name "$port" netns "$lab_id-sw"
	ip netns exec "$lab_id-$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	ip netns exec "$lab_id-sw" sysctl -qw "net.ipv6.conf.$port.disable_ipv6=1"
	ip netns exec "$lab_id-$name" ethtool -K eth0 tx off rx off gso off tso off gro off >/dev/null 2>&1
	ip netns exec "$lab_id-sw" ethtool -K "$port" tx off rx off gso off tso off gro off >/dev/null 2>&1
	ip -n "$lab_id-sw" link set "$port" master br0
	ip -n "$lab_id-sw" link set "$port" up
	ip -n "$lab_id-$name" link set lo up
	ip -n "$lab_id-$name" link set eth0 up
}

lab_host() {
	lab_cable "$1"
	ip -n "$lab_id-$1" addr add "$2/24" dev eth0
}

# NAME has 192.168.1.2 in a net of its own; NAME-nat stands between and lends it ADDRESS.
lab_home() {
	local nat=$1-nat translation=masquerade

	[ "${3:-}" != symmetric ] || translation="masquerade fully-random"

	lab_host "$nat" "$2"
	ip netns add "$lab_id-$1"
	lab_hosts+=("$1")
	ip link add eth0 netns "$lab_id-$1" type veth peer name eth1 netns "$lab_id-$nat"
	ip netns exec "$lab_id-$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	ip netns exec "$lab_id-$nat" sysctl -qw net.ipv4.ip_forward=1
	ip -n "$lab_id-$nat" addr add 192.168.1.1/24 dev eth1
	ip -n "$lab_id-$nat" link set eth1 up
	ip -n "$lab_id-$1" addr add 192.168.1.2/24 dev eth0
	ip -n "$lab_id-$1" link set lo up
	ip -n "$lab_id-$1" link set eth0 up
	ip -n "$lab_id-$1" route add default via 192.168.1.1
	# What comes unasked from outside is dropped, as a home's router would, not answered with an ICMP.
	lab "$nat" nft "table ip home {
		chain out { type nat hook postrouting priority 100; oifname eth0 $translation; }
		chain in { type filter hook input priority 0; iifname eth0 ct state new udp dport 1024-65535 drop; }
	}" || lab_die "nft refuses to translate"
}

lab_port() {
	lab_cable "$1"
}

# The line is a namespace of its own, NAME-line, whose two interfaces a program joins.
lab_far() {
	local name=$1 address=$2 line=$3 i

	shift 3
	lab_cable "$name-line"
	ip netns add "$lab_id-$name"
	lab_hosts+=("$name")
	ip link add eth0 netns "$lab_id-$name" type veth peer name eth1 netns "$lab_id-$name-line"
	for i in "$name" "$name-line"; do
		ip netns exec "$lab_id-$i" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		ip netns exec "$lab_id-$i" ethtool -K "$([ "$i" = "$name" ] && echo eth0 || echo eth1)" \
			tx off rx off gso off tso off gro off >/dev/null 2>&1
	done
	ip -n "$lab_id-$name-line" link set eth1 up
	ip -n "$lab_id-$name" addr add "$address/24" dev eth0
	ip -n "$lab_id-$name" link set lo up
	ip -n "$lab_id-$name" link set eth0 up
	lab_start lab_line_pid "$name-line" "$work/$name-line.log" "$line" eth0 eth1 "$@"
	for ((i = 0; i < 100; i++)); do
		grep -q joined "$work/$name-line.log" && return
		sleep 0.1
	done
	lab_die "the line to $name does not carry"
}

lab() {
	local name=$1

	shift
	ip netns exec "$lab_id-$name" "$@"
}

# exec makes the pid the command's own, not ip's.
lab_start() {
	local -n lab_pid_ref=$1
	local name=$2 log=$3

	shift 3
	ip netns exec "$lab_id-$name" "$@" >"$log" 2>&1 </dev/null &
	lab_pid_ref=$!
	lab_pids+=("$lab_pid_ref")
}

lab_stop() {
	local pid i

	for pid in "$@"; do
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in "$@"; do
		for ((i = 0; i < 50; i++)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	return 0
}

# The kernel has no netem; a netdev ingress chain on either end of the cable drops by chance instead.
lab_loss() {
	local name=$1 percent=$2 port

	port=$(ip -n "$lab_id-$name" -o link show eth0 | sed -n 's/.*eth0@if\([0-9]*\):.*/\1/p')
	port=$(ip -n "$lab_id-sw" -o link | sed -n "s/^$port: \([^@]*\)@.*/\1/p")
	lab "$name" nft "table netdev lossy { chain in { type filter hook ingress device eth0 priority 0; \
		numgen random mod 100 < $percent drop; }; }" || lab_die "nft refuses a netdev chain"
	lab sw nft "table netdev lossy_$port { chain in { type filter hook ingress device $port priority 0; \
		numgen random mod 100 < $percent drop; }; }" || lab_die "nft refuses a netdev chain"
}

lab_down() {
	local name

	lab_stop "${lab_pids[@]}"
	lab_pids=()
	for name in "${lab_hosts[@]}"; do
		ip netns del "$lab_id-$name" 2>/dev/null
	done
	lab_hosts=()
}
