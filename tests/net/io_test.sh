#!/usr/bin/env bash
# The DPDK world against a kernel: io_test.sh PROGRAM. On a veth with everything switched off that a
# peer may leave to its card, then with the kernel's defaults, then on a TAP.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lab.sh"

[ "$(id -u)" = 0 ] || { echo "skipped: network namespaces need root"; exit 77; }
trap 'trap - EXIT; lab_down' EXIT
trap 'exit 130' INT TERM

export IO_TEST_PEER=/run/netns/$lab_id-peer
lab_up
lab_port sp
lab_host peer 10.99.0.2
lab sp "$1" closed || exit 1
lab sp "$1" down || exit 1
for name in peer sp; do
	lab $name ethtool -K eth0 tx on gso on tso on gro on >/dev/null 2>&1
done
for port in port1 port2; do
	lab sw ethtool -K $port tx on gso on tso on gro on >/dev/null 2>&1
done
lab sp "$1" open || exit 1

ip netns add "$lab_id-tap"
lab_hosts+=(tap)
lab tap sysctl -qw net.ipv6.conf.default.disable_ipv6=1
IO_TEST_PEER=/run/netns/$lab_id-tap lab tap "$1" tap || exit 1
