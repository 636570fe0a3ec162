// THE DECLARED STAND-IN FOR DIFFIE-HELLMAN: keys of the true lengths, made and used in a
// microsecond, safe from nobody. It is chosen by the source of random octets: what is made with
// test_dh_random's is a stand-in, what is made with another is a real key, and a stand-in's secret
// is a stand-in. So one program has both, and no variable says which.
//
// The linker puts it before crypto/dh.c in programs of tests/sim alone (--wrap, tests/sim/
// meson.build); tests/sim/not_shipped looks after that.
#pragma once

#include "crypto/dh.h"
#include "crypto/random.h"

// The octets of `real`, which is borrowed.
struct random test_dh_random(const struct random *real);
