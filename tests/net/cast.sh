# Who plays in a lab: a super-peer, a publisher, players. Wants lab.sh, and
#   work  a directory for files and logs      bin  where the programs are      spec  the groupspec
# NAME's log is $work/NAME.log, its file $work/NAME.flv, its pid ${pid_of[NAME]}.

sp_addr=10.99.0.1
sp_addresses= # of its port, if it has others or more
declare -A pid_of

ms_now() {
	local t=$EPOCHREALTIME

	echo $((${t/./} / 1000))
}

# cast_super_peer dpdk|udp: annulusd in namespace sp; returns when it answers annulusctl. On DPDK its port is
# CAST_DEVICE (af_packet on eth0) with CAST_QUEUES queues (1); with CAST_HUGE=on its packets lie in huge pages.
# What CAST_CONFIG holds is more of its configuration.
cast_super_peer() {
	local i ports=

	if [ "$1" = dpdk ]; then
		ip netns pids "$lab_id-sp" >/dev/null 2>&1 || lab_port sp
		ports="ports:
  - name: lab
    device: '${CAST_DEVICE:-net_af_packet0,iface=eth0,qdisc_bypass=1}'
    queues: ${CAST_QUEUES:-1}
    address: ${sp_addresses:-$sp_addr/24}"
	else
		lab_host sp "$sp_addr"
	fi
	cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: $1
$ports
eal: { hugepages: ${CAST_HUGE:-off}, memory: 256MiB }
groups:
  - name: lab
    spec: "$spec"
admin: { socket: $work/annulusd.sock }
${CAST_CONFIG:-}
Y
	lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
	for ((i = 0; i < 100; i++)); do
		"$bin/annulusctl" --socket "$work/annulusd.sock" status >/dev/null 2>&1 && return
		kill -0 "$sp_pid" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# cast_player NAME INDEX [option...]: a player of "film" in a namespace of its own, made if need be.
cast_player() {
	local pid name=$1 index=$2

	shift 2
	: >"$work/$name.log" # of a former life: its last line must not be taken for this one's
	ip netns pids "$lab_id-$name" >/dev/null 2>&1 || lab_host "$name" "10.99.0.$((10 + index))"
	lab_start pid "$name" "$work/$name.log" "$bin/annulus-peer" play --server "$sp_addr" --group "$spec" \
		--name film --progress lines "$@" "$work/$name.flv"
	pid_of[$name]=$pid
}

# cast_publisher [option...]: publishes $work/source.flv as "film" from namespace publisher.
cast_publisher() {
	local pid

	lab_host publisher 10.99.0.10
	lab_start pid publisher "$work/publisher.log" "$bin/annulus-peer" publish --server "$sp_addr" \
		--group "$spec" --name film --progress lines "$@" "$work/source.flv"
	pid_of[publisher]=$pid
}

# cast_field LOG KEY: of the last progress line.
cast_field() {
	{ tr '\r' '\n' <"$1"; } 2>/dev/null | sed -n "s/^t=.* $2=\([^ ]*\).*/\1/p" | tail -n 1
}

# cast_wait NAME STATE SECONDS: until its progress says STATE. 1: it ended before, or did not in time.
cast_wait() {
	local i

	for ((i = 0; i < $3 * 20; i++)); do
		[ "$(cast_field "$work/$1.log" state)" = "$2" ] && return
		kill -0 "${pid_of[$1]}" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

# cast_end NAME SECONDS: waits for its end; its exit code, or 124 if it did not end (and is stopped).
cast_end() {
	local i pid=${pid_of[$1]}

	for ((i = 0; i < $2 * 10; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	if kill -0 "$pid" 2>/dev/null; then
		lab_stop "$pid"
		return 124
	fi
	wait "$pid"
}

# The last lines of every log.
cast_logs() {
	local log

	for log in "$work"/*.log; do
		[ -s "$log" ] || continue
		echo "--- ${log##*/} (last lines)"
		tr '\r' '\n' <"$log" | tail -n 5
	done
}
