// The log of the control thread. Workers never log: they count and report.
//
// ERR: an operator must act. WARNING: we degraded and recover alone. NOTICE: life cycle. INFO:
// rare, rate limited, with the number suppressed. DEBUG: off unless asked for.
#ifndef ANNULUS_CONTROL_ADMIN_LOG_H
#define ANNULUS_CONTROL_ADMIN_LOG_H

#include <stdbool.h>
#include <stdint.h>

// The order is that of `log.level` in the configuration.
enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

#define LOG_LINE_MAX 1024 // octets of text in a line; the rest is cut and marked with "..."

struct log;

// Opens `target`: "stderr", or the path of a file that is appended to (created with mode 0640).
// Returns 0 and *out (owned by the caller), or -errno of the file.
int log_create(const char *target, enum log_level level, struct log **out);
void log_destroy(struct log *log); // NULL is fine

// Opens the file anew, for whoever rotated it. On an error the old file stays in use.
int log_reopen(struct log *log);

bool log_wants(const struct log *log, enum log_level level);

// Writes one line: time (UTC, ms), level, text. Control characters and broken UTF-8 in the text are
// escaped, so that no far peer's string can forge a line. With log == NULL nothing happens.
void log_print(struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// One place in the code that may speak at most `burst` times in `period_us`. Owned by the caller,
// one per place; the rest starts as zero.
struct log_limit {
	uint32_t burst;
	uint64_t period_us;
	uint64_t period_start_us;
	uint32_t n_said;
	uint32_t n_suppressed;
};

// Like log_print within the limit; else counts. The next line that is let through ends with
// " (N more like this since)".
void log_limited(struct log *log, struct log_limit *limit, uint64_t now_us, enum log_level level,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#define log_err(log, ...)     log_print(log, LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(log, ...) log_print(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(log, ...)  log_print(log, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(log, ...)    log_print(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_print(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
