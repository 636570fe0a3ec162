// What every unit test includes: cmocka and what it wants before it.
#ifndef ANNULUS_TESTS_TEST_H
#define ANNULUS_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// Names the row of a table when a check inside it fails.
#define assert_row(condition, name)                                                                \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: %s", (name), #condition);                                    \
	} while (0)

#endif
