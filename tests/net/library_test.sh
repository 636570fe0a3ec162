#!/usr/bin/env bash
# The library as a stranger gets it: installed somewhere, found by pkg-config, and docs/examples/talk.c built
# with nothing else. Two such programs post to each other and to annulus-peer through annulusd. What is ours
# alone stays inside: a program may have names of its own that are names of ours.
. "$(dirname "$0")/scene.sh"

build=$(cd "$bin/../.." && pwd)
[ -f "$build/control/member/libannulus.a" ] || { echo "skipped: this build makes no library"; exit 77; }
DESTDIR=$work/root meson install -C "$build" --no-rebuild --tags devel --quiet || scene_fail "not installed"
pc=$(find "$work/root" -name annulus.pc)
[ -n "$pc" ] || scene_fail "no annulus.pc"
prefix=$work/root$(pkg-config --variable=prefix "$pc")
flags() {
	pkg-config --define-variable=prefix="$prefix" "$@" "$pc"
}
[ "$(flags --modversion)" = "$("$bin/annulusd" --version | grep -o '[0-9.]*$')" ] || scene_fail "another version"
for header in $(cd "$prefix/include/annulus" && find . -name '*.h'); do
	# shellcheck disable=SC2046 # words, as in anybody's makefile
	echo "#include \"${header#./}\"" | cc -x c -Wall -Wextra -Werror -fsyntax-only $(flags --cflags) - ||
		scene_fail "$header cannot be included alone"
done
cp "$top/docs/examples/talk.c" "$work/talk.c"
echo "int ring_next(void); int ring_next(void) { return 1; } int body_pool_create, wr_put, rd_u8, slab_get;" >"$work/own.c"
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror "$work/talk.c" "$work/own.c" $(flags --cflags --libs) -o "$work/talk" || scene_fail "not built"

lab_up
lab_host sp "$sp_addr"
lab_host alice 10.99.0.11
lab_host bob 10.99.0.12
lab_host carol 10.99.0.13
group=$("$bin/annulus-peer" groupspec --name talk --posting | grep -om1 "G:[0-9a-f]*")
cat >"$work/annulusd.yaml" <<Y
identity: { file: $work/identity }
backend: udp
groups: [{ name: talk, spec: "$group" }]
admin: { socket: $work/annulusd.sock }
Y
lab_start sp_pid sp "$work/annulusd.log" "$bin/annulusd" --config "$work/annulusd.yaml"
await ctl status || scene_fail "annulusd did not start"

talks() { # NAME: what is written to $work/NAME.in is posted
	mkfifo "$work/$1.in"
	lab_start pid "$1" "$work/$1.log" bash -c 'exec "$@" <"$0"' "$work/$1.in" "$work/talk" "$sp_addr" "$group"
}
talks alice
exec {alice}<>"$work/alice.in"
talks bob
exec {bob}<>"$work/bob.in"
lab_start carol_pid carol "$work/carol.log" "$bin/annulus-peer" listen --server "$sp_addr" --group "$group"
for name in alice bob; do
	await grep -q "met a neighbour" "$work/$name.log" || scene_fail "$name is alone"
done
echo "hello from a program" >&"$alice"
await grep -qx "hello from a program" "$work/bob.log" || scene_fail "bob hears nothing"
echo "and one back" >&"$bob"
await grep -qx "and one back" "$work/alice.log" || scene_fail "alice hears nothing"
await grep -q "hello from a program" "$work/carol.log" || scene_fail "annulus-peer hears nothing"
! grep -q "hello from a program" "$work/alice.log" || scene_fail "alice hears herself"

lab alice "$work/talk" 2>"$work/usage.txt" && scene_fail "no arguments are none too few"
lab alice "$work/talk" "$sp_addr" G:01zz 2>"$work/spec.txt" </dev/null && scene_fail "any groupspec is taken"
grep -q "talk: groupspec, character" "$work/spec.txt" || scene_fail "no place in a wrong groupspec"
echo ok
