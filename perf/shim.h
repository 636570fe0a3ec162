// Google Benchmark for C: the little of it that the suite uses. It runs the rows, keeps
// the machine's context and writes the JSON; batches, ratios and the table are ours.
#ifndef ANNULUS_PERF_SHIM_H
#define ANNULUS_PERF_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shim_counter {
	const char *name;
	double value;
};

struct shim_result {
	double ns; // of a unit
	const char *label;
	const char *failure; // NULL: it went well
	const struct shim_counter *counters;
	size_t n_counters;
};

// What res points to lives as long as user.
typedef void shim_fn(void *user, struct shim_result *res);

void shim_context(const char *key, const char *value);
void shim_register(const char *name, shim_fn *fn, void *user);

// Runs what was registered. json: the file to write, or NULL. Returns how many rows ran.
size_t shim_run(const char *program, const char *json);

#ifdef __cplusplus
}
#endif

#endif
