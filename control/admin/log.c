#include "control/admin/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/utf8.h"

struct log {
	int fd;
	enum log_level level;
	char *path; // NULL: stderr, which is not ours to close
};

static const char *const level_names[] = {
	[LOG_LEVEL_ERR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
};

static int log_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

	return fd < 0 ? -errno : fd;
}

int log_create(const char *target, enum log_level level, struct log **out)
{
	struct log *log = calloc(1, sizeof(*log));
	int err = -ENOMEM;

	*out = NULL;
	if (log == NULL)
		return err;
	log->level = level;
	log->fd = STDERR_FILENO;
	if (strcmp(target, "stderr") != 0) {
		log->path = strdup(target);
		if (log->path == NULL)
			goto out_free;
		log->fd = log_open(target);
		if (log->fd < 0) {
			err = log->fd;
			goto out_free;
		}
	}
	*out = log;
	return 0;
out_free:
	free(log->path);
	free(log);
	return err;
}

void log_destroy(struct log *log)
{
	if (log == NULL)
		return;
	if (log->path != NULL)
		close(log->fd);
	free(log->path);
	free(log);
}

int log_reopen(struct log *log)
{
	int fd;

	if (log->path == NULL)
		return 0;
	fd = log_open(log->path);
	if (fd < 0)
		return fd;
	close(log->fd);
	log->fd = fd;
	return 0;
}

bool log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && level <= log->level;
}

// C0 and C1 controls, and DEL: what a terminal or a reader of lines would obey.
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

// A line being put together; the end is kept free for the newline.
struct line {
	char text[LOG_LINE_MAX * 4 + 128]; // every octet may become \xNN
	size_t len;
};

static void line_add(struct line *l, const char *text, size_t len)
{
	if (len > sizeof(l->text) - 1 - l->len)
		len = sizeof(l->text) - 1 - l->len;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void line_add_escaped(struct line *l, const char *text, size_t len)
{
	char hex[5];
	uint32_t c;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_read(&c, text + i, len - i);
		if (n > 0 && !is_control(c)) {
			line_add(l, text + i, n);
			continue;
		}
		n = n > 0 ? n : 1;
		for (size_t k = 0; k < n; k++) {
			snprintf(hex, sizeof(hex), "\\x%02x", (uint8_t)text[i + k]);
			line_add(l, hex, 4);
		}
	}
}

static void line_add_time(struct line *l)
{
	struct timespec now;
	struct tm tm;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03ldZ ", now.tv_nsec / 1000000);
	line_add(l, text, n);
}

// One write per line, so that lines of several processes do not mix in one file. If the disk is
// full there is nobody left to tell.
static void line_write(const struct log *log, struct line *l)
{
	size_t done = 0;

	l->text[l->len++] = '\n';
	while (done < l->len) {
		ssize_t n = write(log->fd, l->text + done, l->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

static void log_vprint(struct log *log, enum log_level level, uint32_t n_suppressed,
		       const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX + 1], more[64];
	struct line line = {.len = 0};
	int n = vsnprintf(text, sizeof(text), fmt, args);

	if (n < 0)
		return;
	line_add_time(&line);
	line_add(&line, level_names[level], strlen(level_names[level]));
	line_add(&line, ": ", 2);
	line_add_escaped(&line, text, strlen(text));
	if (n > LOG_LINE_MAX)
		line_add(&line, "...", 3);
	if (n_suppressed > 0) {
		snprintf(more, sizeof(more), " (%" PRIu32 " more like this since)", n_suppressed);
		line_add(&line, more, strlen(more));
	}
	line_write(log, &line);
}

void log_print(struct log *log, enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (!log_wants(log, level))
		return;
	va_start(args, fmt);
	log_vprint(log, level, 0, fmt, args);
	va_end(args);
}

void log_limited(struct log *log, struct log_limit *limit, uint64_t now_us, enum log_level level,
		 const char *fmt, ...)
{
	va_list args;

	if (!log_wants(log, level))
		return;
	if (limit->n_said == 0 || now_us - limit->period_start_us >= limit->period_us) {
		limit->period_start_us = now_us;
		limit->n_said = 0;
	}
	if (limit->n_said >= limit->burst) {
		limit->n_suppressed += limit->n_suppressed < UINT32_MAX;
		return;
	}
	limit->n_said++;
	va_start(args, fmt);
	log_vprint(log, level, limit->n_suppressed, fmt, args);
	va_end(args);
	limit->n_suppressed = 0;
}
