#!/usr/bin/env bash
# annulusd on kernel sockets, alone on a loopback of its own: how it starts, what it refuses, what it shows, what
# strangers can do to it, how it ends; then a film through a group of it.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bin=${ANNULUS_BIN:-$top/build/control/bin}
if [ -z "${ALONE:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "skipped: a network namespace needs root"; exit 77; }
	ALONE=1 exec unshare --net "$0" "$@"
fi
ip link set lo up || exit 1
. "$top/tests/demo/media.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/annulus-net-XXXXXX") || exit 1
daemon=

cleanup() {
	trap - EXIT INT TERM
	[ -n "$daemon" ] && kill -KILL "$daemon" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
	echo "FAILED: $*"
	for log in "$work"/*.log; do
		echo "--- ${log##*/}" && tail -n 8 "$log"
	done
	exit 1
}

ctl() {
	"$bin/annulusctl" --socket "$work/ctl.sock" "$@"
}

# number COMMAND KEY: the first such field of a reply.
number() {
	ctl --json "$1" | grep -o "\"$2\":[0-9]*" | head -n 1 | grep -o '[0-9]*$'
}

# config FILE [SED EXPRESSION]: a configuration that works, or one that does not.
config() {
	sed "${2:-}" >"$work/$1" <<Y
identity: { file: id }
backend: udp
endpoints:
  server: { address: 127.0.0.1, port: 21935 }
  member: { address: 127.0.0.1, port: 21936 }
groups:
- name: lab
  spec: "$spec"
admin: { socket: ctl.sock }
log: { level: info, target: annulusd.log }
Y
}

start() {
	"$bin/annulusd" --config "$work/good.yaml" &
	daemon=$!
	for ((i = 0; i < 100; i++)); do
		ctl status >/dev/null 2>&1 && return
		kill -0 "$daemon" 2>/dev/null || fail "annulusd did not start"
		sleep 0.05
	done
	fail "annulusd does not answer annulusctl"
}

# Its exit code; 124: not within 4 s.
stop() {
	kill -TERM "$daemon"
	for ((i = 0; i < 80; i++)); do
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.05
	done
	kill -0 "$daemon" 2>/dev/null && return 124
	wait "$daemon"
	code=$?
	daemon=
	return "$code"
}

# refused CODE TEXT COMMAND...: ends with that code, says TEXT, in one line on stderr.
refused() {
	local want=$1 text=$2 code

	shift 2
	"$@" 2>"$work/refused" >/dev/null
	code=$?
	[ "$code" = "$want" ] || fail "$* ended with $code, not $want: $(cat "$work/refused")"
	grep -qF -- "$text" "$work/refused" || fail "$* did not say '$text': $(cat "$work/refused")"
	[ "$want" = 1 ] || [ "$(wc -l <"$work/refused")" = 1 ] || fail "more than a line: $(cat "$work/refused")"
}

files() {
	(cd "$work" && find . -type f -o -type s | grep -v refused | sort)
}

# ---- before it runs ----

spec=$("$bin/annulus-peer" groupspec --name lab --multicast) || fail "no groupspec"
config good.yaml
"$bin/annulusd" --defaults >"$work/defaults.yaml" || fail "no defaults"
before=$(files)
"$bin/annulusd" --check --config "$work/good.yaml" >/dev/null || fail "--check refuses a good file"
"$bin/annulusd" --check --config "$work/defaults.yaml" >/dev/null || fail "--check refuses --defaults"
[ "$(files)" = "$before" ] || fail "--check made something: $(files)"

refused 1 "no --config FILE" "$bin/annulusd"
refused 1 "No such file" "$bin/annulusd" --config "$work/none.yaml"
config bad.yaml 's/spec: .*/spec: "G:012z"/'
refused 1 "bad.yaml:8:9: error: not a groupspec: not a hex digit, at character 6" \
	"$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/backend: udp/bakend: udp/'
refused 1 "bad.yaml:2:1: error: unknown key \`bakend\`; did you mean \`backend\`?" \
	"$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/spec: .*/file: none.spec/'
refused 1 "bad.yaml:8:9" "$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/address: 127.0.0.1/address: 192.0.2.1/'
refused 2 "cannot bind UDP 192.0.2.1:21935 (endpoints.server)" "$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/file: id/file: nowhere\/at\/id/'
refused 2 "nowhere/at/id: No such file or directory" "$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/file: id/file: good.yaml/'
refused 2 "good.yaml: line 1" "$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/socket: ctl.sock/socket: nowhere\/ctl.sock/'
refused 2 "nowhere/ctl.sock: No such file or directory" "$bin/annulusd" --config "$work/bad.yaml"
config bad.yaml 's/port: 21935/port: 935/; s/target: .*/target: stderr }/'
chmod 755 "$work"
refused 2 "cannot bind UDP 127.0.0.1:935 (endpoints.server): Permission denied" \
	setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/annulusd" --config "$work/bad.yaml"
rm "$work/bad.yaml" "$work/annulusd.log"
[ "$(files)" = "$before" ] || fail "failed starts left something: $(files)"

# ---- it runs ----

start
[ "$(stat -c %a "$work/id")" = 600 ] || fail "the identity has mode $(stat -c %a "$work/id")"
[ "$(stat -c %a "$work/ctl.sock")" = 600 ] || fail "the socket has mode $(stat -c %a "$work/ctl.sock")"
for command in status peers groups streams live drops help; do
	ctl "$command" >/dev/null || fail "annulusctl $command"
	ctl --json "$command" | grep -q '^[[{].*[]}]$' || fail "annulusctl --json $command"
done
server_id=$(ctl --json status | grep -o '"server_peer_id":"[0-9a-f]*"' | cut -d'"' -f4)
member_id=$(ctl --json status | grep -o '"member_peer_id":"[0-9a-f]*"' | cut -d'"' -f4)
grep -q "server on UDP 127.0.0.1:21935, peer ID $server_id" "$work/annulusd.log" || fail "no server ID in the log"
grep -q "member on UDP 127.0.0.1:21936, peer ID $member_id" "$work/annulusd.log" || fail "no member ID in the log"

"$bin/annulus-peer" info 127.0.0.1:21935 >"$work/info.log" 2>&1 || fail "annulus-peer info"
grep -q "$server_id" "$work/info.log" || fail "annulus-peer met somebody else"
grep -q "NetConnection.Connect.Success" "$work/info.log" || fail "no NetConnection"
[ "$(grep -c "HMAC-SHA256, 16 octets, sequence numbers" "$work/info.log")" = 2 ] || fail "features are not preferred"
[ "$(number status opened_in)" = 1 ] || fail "the session was not counted"

config second.yaml 's/file: id/file: id2/; s/ctl.sock/ctl2.sock/; s/annulusd.log/second.log/'
refused 2 "cannot bind UDP 127.0.0.1:21935 (endpoints.server): Address already in use" \
	"$bin/annulusd" --config "$work/second.yaml"
config second.yaml 's/file: id/file: id2/; s/port: 2/port: 3/; s/annulusd.log/second.log/'
refused 2 "ctl.sock: another annulusd answers there" "$bin/annulusd" --config "$work/second.yaml"
[ ! -e "$work/id2" ] && [ ! -e "$work/ctl2.sock" ] || fail "failed starts left something: $(files)"

mv "$work/annulusd.log" "$work/annulusd.log.1"
kill -HUP "$daemon"
for ((i = 0; i < 40; i++)); do
	[ -s "$work/annulusd.log" ] && break
	sleep 0.05
done
grep -q "opened anew" "$work/annulusd.log" || fail "SIGHUP does not open the log anew"

# ---- strangers ----

# All packets and chunks dropped so far.
drops() {
	ctl --json drops | grep -o '"where":"packets","name":"[a-z0-9_]*","count":[0-9]*' |
		awk -F: '{ n += $NF } END { print n + 0 }'
}

# Random octets of many lengths; in every third datagram the first twelve are zero, which is session 0: those
# are decrypted with the default key.
flood() {
	local zeros='\0\0\0\0\0\0\0\0\0\0\0\0' port n

	for ((n = 1; n <= 100; n++)); do
		for port in 21935 21936; do
			{
				((n % 3 == 0)) && printf "$zeros"
				head -c $((n * 14 - 10)) /dev/urandom
			} | dd bs=2000 iflag=fullblock status=none >"/dev/udp/127.0.0.1/$port"
		done
	done
}

rx=$(number status rx_packets) tx=$(number status tx_packets) dropped=$(drops) was=$(ctl --json drops)
flood
for ((i = 0; i < 40; i++)); do
	[ $(($(number status rx_packets) - rx)) = 200 ] && break
	sleep 0.05
done
[ $(($(number status rx_packets) - rx)) = 200 ] || fail "$(($(number status rx_packets) - rx)) of 200 random datagrams came in"
[ $(($(drops) - dropped)) = 200 ] || fail "$(($(drops) - dropped)) of 200 random datagrams were dropped by name"
[ "$(number status tx_packets)" = "$tx" ] || fail "random octets were answered"
[ "$(number status sessions)" = 0 ] || fail "random octets opened a session"
for name in short no_session auth; do
	[ "$(grep -o "\"name\":\"$name\",\"count\":[0-9]*" <<<"$was")" != \
		"$(ctl --json drops | grep -o "\"name\":\"$name\",\"count\":[0-9]*")" ] || fail "no drop was named $name"
done

# ---- it ends, and begins again ----

stop || fail "annulusd ended with $?"
grep -q "stopped" "$work/annulusd.log" || fail "no farewell in the log"
[ ! -e "$work/ctl.sock" ] || fail "the socket is still there"
start
[ "$(ctl --json status | grep -o '"server_peer_id":"[0-9a-f]*"' | cut -d'"' -f4)" = "$server_id" ] || fail "another server ID"
[ "$(ctl --json status | grep -o '"member_peer_id":"[0-9a-f]*"' | cut -d'"' -f4)" = "$member_id" ] || fail "another member ID"

# ---- an operator with opinions ----

stop || fail "annulusd ended with $?"
sed -i '$a security: { hmac: require, hmac_length: 32, dh_groups: [14, 16] }' "$work/good.yaml"
start
grep -q "warning: security.dh_groups: old peers" "$work/annulusd.log" || fail "no warning that old peers are shut out"
refused 2 "it has no Diffie-Hellman group that we accept and have" "$bin/annulus-peer" info 127.0.0.1:21935
"$bin/annulus-peer" info 127.0.0.1:21935 --dh 14 --hmac-length 4 --sequence-numbers off >"$work/info.log" 2>&1 ||
	fail "annulus-peer info --dh 14"
[ "$(sed -n 's/^\(dh group\|we send\|they send\) *//p' "$work/info.log" | tr '\n' ';')" = \
	"14;HMAC-SHA256, 4 octets;HMAC-SHA256, 32 octets;" ] || fail "the ends did not agree as they should"
refused 2 "it answers hellos, but not our keys: perhaps it requires an HMAC, which we do not offer" \
	"$bin/annulus-peer" info 127.0.0.1:21935 --dh 14 --hmac off --wait 4
[ "$(ctl --json drops | grep -o '"name":"refused_hmac","count":[0-9]*' | grep -o '[0-9]*$')" -ge 1 ] ||
	fail "who refuses the HMAC was not counted"
stop || fail "annulusd ended with $?"
sed -i '$d' "$work/good.yaml"
start

# ---- a film ----

state() { # of a member, by its last progress line
	tr '\r' '\n' <"$work/$1.log" 2>/dev/null | sed -n 's/^t=.* state=\([^ ]*\).*/\1/p' | tail -n 1
}

member() { # member NAME COMMAND...
	local name=$1

	shift
	"$bin/annulus-peer" "$@" --server 127.0.0.1:21935 --group "$spec" --name film --progress lines \
		"$work/$name.flv" >"$work/$name.log" 2>&1 &
	pids[$name]=$!
}

declare -A pids
media_make "$work/source.flv" 4 || fail "no film"

film() {
	local name

	member one play
	member two play
	for name in one two; do
		for ((i = 0; i < 200; i++)); do
			[ "$(state $name)" = waiting ] && break
			sleep 0.05
		done
		[ "$(state $name)" = waiting ] || fail "player $name did not join"
	done
	member source publish
	for ((i = 0; i < 100; i++)); do
		[ "$(number streams links)" = 3 ] && break
		sleep 0.05
	done
	[ "$(number streams links)" = 3 ] || fail "annulusd shows no stream with three neighbours"
	ctl --json peers | grep -q '"role":"neighbour".*"groups":\["lab"\]' || fail "annulusd shows no neighbour of the group"
	[[ $(ctl --json peers) =~ \"role\":\"neighbour\",.*\"rtt_us\":[1-9][0-9]*,\"rx_bytes\":[1-9] ]] ||
		fail "annulusd does not show what its sessions carry"
	ctl --json group lab | grep -q '"neighbours":3,"members_known":3,"members_estimated":4,' || fail "the group is not shown as it is"
	ctl ring lab | grep -q 'linked to 3 of 3 known, 4 estimated' || fail "the ring is not drawn"
	ctl ring lab --svg "$work/ring.svg" && [ "$(grep -c '<line' "$work/ring.svg")" = 3 ] || fail "the drawing has no three links"
	[ "$(ctl --json peers | grep -o '"dh_group":2,"tx_hmac":16,"rx_hmac":16,"tx_sseq":true,"rx_sseq":true' | wc -l)" = 6 ] ||
		fail "annulusd does not show what its six sessions are made of"
	for name in source one two; do
		wait "${pids[$name]}" || fail "$name ended with $?"
	done
	for name in one two; do
		"$bin/annulus-peer" compare "$work/source.flv" "$work/$name.flv" || fail "player $name"
	done
}

film
grep -q "info: group lab: stream film begins" "$work/annulusd.log" || fail "no word of the film in the log"
stop || fail "annulusd ended with $?"

# ---- the same with two workers behind the same ports ----

sed -i '$a workers: { count: 2 }' "$work/good.yaml"
start
config second.yaml 's/file: id/file: id2/; s/ctl.sock/ctl2.sock/; s/annulusd.log/second.log/; $a workers: { count: 2 }'
refused 2 "cannot bind UDP 127.0.0.1:21935 (endpoints.server): Address already in use" \
	"$bin/annulusd" --config "$work/second.yaml"
film
ctl --json status >"$work/status"
sessions=$(grep -o '"worker":[0-9],[^}]*"sessions":[0-9]*' "$work/status" | grep -o '[0-9]*$' | tr '\n' ' ')
lent=$(grep -o '"fragments_lent":[0-9]*' "$work/status" | grep -o '[0-9]*$' | awk '{ n += $1 } END { print n }')
[ "$(wc -w <<<"$sessions")" = 2 ] || fail "two workers were asked for"
((lent > 0)) || fail "no fragment went from worker to worker"
stop || fail "annulusd ended with $?"
echo "passed"
