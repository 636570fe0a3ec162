#!/usr/bin/env bash
# The load generator and annulusd at the two ends of a virtio pair: load_test.sh LOAD. Every member gets the
# whole stream, messages of two fragments: the light ones and those that play by themselves. And the generator
# says how busy it was.
. "$(dirname "$0")/scene.sh"

lab_up
lab_port sp
lab_start pid sp "$work/load.log" "$1" --device "net_vhost0,iface=$work/vhost,queues=1" --server "$sp_addr" \
	--address 10.99.0.20 --group "$spec" --members 40 --rate 50 --seconds 4 --whole 2 --json
pid_of[load]=$pid
await test -S "$work/vhost" || scene_fail "the generator made no socket"
CAST_DEVICE=net_virtio_user0,path=$work/vhost,queue_size=1024
cast_super_peer dpdk || scene_fail "annulusd did not start"
cast_end load 90 || scene_fail "the generator ended with $?"
cat "$work/load.log"
grep -q '"members":40,.*"published":200,"played":7800,"whole":39,"gaps":0,"failed":0' "$work/load.log" ||
	scene_fail "not all got everything"
grep -Eq '"light":{"members":37,"packets":[1-9][0-9]*,.*"bad":0}' "$work/load.log" || scene_fail "they were not light"
grep -Eq '"busy_percent":[0-9.]+,"cpu_percent":[0-9.]+}' "$work/load.log" || scene_fail "it does not say how busy it was"
echo "passed"
