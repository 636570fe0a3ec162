#include "dataplane/io/eal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#define HUGE_ROOT "/sys/kernel/mm/hugepages"

struct eal {
	FILE *log; // DPDK writes here, and nobody else hears it
	pthread_mutex_t lock;
	char line[EAL_LINE_MAX];
};

// -- its chatter --

// Called with whole lines, from any thread. The first one counts.
static ssize_t log_write(void *cookie, const char *text, size_t size)
{
	struct eal *e = cookie;
	size_t len = strcspn(text, "\n");

	if (len > size)
		len = size;
	if (len == 0)
		return (ssize_t)size;
	pthread_mutex_lock(&e->lock);
	if (e->line[0] == '\0')
		snprintf(e->line, sizeof(e->line), "%.*s", (int)len, text);
	pthread_mutex_unlock(&e->lock);
	return (ssize_t)size;
}

const char *eal_reason(struct eal *e, char line[EAL_LINE_MAX])
{
	pthread_mutex_lock(&e->lock);
	memcpy(line, e->line, EAL_LINE_MAX);
	pthread_mutex_unlock(&e->lock);
	return line;
}

void eal_forget_reason(struct eal *e)
{
	pthread_mutex_lock(&e->lock);
	e->line[0] = '\0';
	pthread_mutex_unlock(&e->lock);
}

static struct eal *listen(void)
{
	struct eal *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	pthread_mutex_init(&e->lock, NULL);
	e->log = fopencookie(e, "w", (cookie_io_functions_t){.write = log_write});
	if (e->log == NULL) {
		free(e);
		return NULL;
	}
	setvbuf(e->log, NULL, _IOLBF, 0);
	rte_openlog_stream(e->log);
	return e;
}

static void hang_up(struct eal *e)
{
	rte_openlog_stream(NULL);
	fclose(e->log);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

// -- huge pages --

// One of "hugepages-2048kB".
static uint64_t free_kb(const char *root, const char *name)
{
	char path[512];
	unsigned long long n = 0, kb = 0;
	FILE *f;

	if (sscanf(name, "hugepages-%llukB", &kb) != 1)
		return 0;
	snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, name);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0;
	fclose(f);
	return n * kb;
}

uint64_t eal_free_huge_mb(const char *root)
{
	DIR *d = opendir(root);
	struct dirent *entry;
	uint64_t kb = 0;

	if (d == NULL)
		return 0;
	while ((entry = readdir(d)) != NULL)
		kb += free_kb(root, entry->d_name);
	closedir(d);
	return kb / 1024;
}

static int decide_huge(const struct eal_opts *o, bool *uses_huge, char *why, size_t why_size)
{
	uint64_t free_mb = eal_free_huge_mb(HUGE_ROOT);

	*uses_huge = o->huge != EAL_HUGE_OFF && free_mb >= o->memory_mb;
	if (o->huge != EAL_HUGE_ON || *uses_huge)
		return 0;
	snprintf(why, why_size,
		 "%u MiB of packet memory need as much in free huge pages, there are %llu MiB "
		 "(/proc/sys/vm/nr_hugepages)",
		 o->memory_mb, (unsigned long long)free_mb);
	return -ENOMEM;
}

// -- arguments --

struct builder {
	struct eal_args *args;
	size_t used;
	int err;
};

__attribute__((format(printf, 2, 3))) static void add(struct builder *b, const char *fmt, ...)
{
	struct eal_args *a = b->args;
	size_t left = sizeof(a->text) - b->used;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(a->text + b->used, left, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= left || a->argc == EAL_ARGS_MAX) {
		b->err = -E2BIG;
		return;
	}
	a->argv[a->argc++] = a->text + b->used;
	a->argv[a->argc] = NULL;
	b->used += (size_t)len + 1;
}

static void add_memory(struct builder *b, const struct eal_opts *o, bool uses_huge)
{
	if (uses_huge) {
		add(b, "--in-memory");            // no mount, no files, any number of processes
		add(b, "--single-file-segments"); // vhost-user passes few file descriptors
	} else {
		add(b, "--no-huge");
		add(b, "--no-shconf"); // or a second process could not start
	}
	add(b, "-m");
	add(b, "%u", o->memory_mb);
}

static void add_pci(struct builder *b, const struct eal_opts *o)
{
	if (o->n_pci == 0)
		add(b, "--no-pci"); // else EAL would reach for the machine's own card
	for (uint32_t i = 0; i < o->n_pci; i++) {
		add(b, "-a");
		add(b, "%s", o->pci[i]);
	}
}

int eal_args_build(struct eal_args *a, const struct eal_opts *o, bool uses_huge, unsigned cpu)
{
	struct builder b = {.args = a};

	a->argc = 0;
	add(&b, "%s", o->program != NULL ? o->program : "annulusd");
	add(&b, "--lcores=0@%u", cpu); // only the caller; workers register themselves
	add(&b, "--file-prefix=annulus%d", getpid());
	add_memory(&b, o, uses_huge);
	add_pci(&b, o);
	if (!o->has_telemetry)
		add(&b, "--no-telemetry");
	add(&b, "--log-level=*:warning");
	for (uint32_t i = 0; i < o->n_args; i++)
		add(&b, "%s", o->args[i]);
	return b.err;
}

// -- start and stop --

static unsigned first_cpu(const cpu_set_t *set)
{
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set))
			return i;
	return 0;
}

// What EAL finds fatal and what getopt thinks of the arguments goes to stderr around every log, and
// two pages of usage to stdout. Kept in memory while EAL starts.
struct output {
	int out, err; // where they went before
	int memory;
};

static struct output output_keep(void)
{
	struct output o = {.out = dup(STDOUT_FILENO),
			   .err = dup(STDERR_FILENO),
			   .memory = memfd_create("eal", MFD_CLOEXEC)};

	fflush(stdout);
	if (o.memory >= 0 && o.out >= 0)
		dup2(o.memory, STDOUT_FILENO);
	if (o.memory >= 0 && o.err >= 0)
		dup2(o.memory, STDERR_FILENO);
	return o;
}

static void restore(int was, int fd)
{
	if (was < 0)
		return;
	dup2(was, fd);
	close(was);
}

// And the first line of what was kept.
static void output_restore(struct output *o, char line[EAL_LINE_MAX])
{
	ssize_t len = 0;

	fflush(stdout);
	restore(o->out, STDOUT_FILENO);
	restore(o->err, STDERR_FILENO);
	if (o->memory >= 0) {
		len = pread(o->memory, line, EAL_LINE_MAX - 1, 0);
		close(o->memory);
	}
	line[len > 0 ? len : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

static int init(struct eal *e, struct eal_args *args, char *why, size_t why_size)
{
	struct output output = output_keep();
	int n = rte_eal_init(args->argc, args->argv), err = rte_errno;
	char line[EAL_LINE_MAX], reason[EAL_LINE_MAX];

	output_restore(&output, line);
	if (n >= 0)
		return 0;
	eal_reason(e, reason);
	if (err == EALREADY)
		snprintf(why, why_size, "DPDK was started in this process before");
	else
		snprintf(why, why_size, "DPDK does not start: %s (%s)", rte_strerror(err),
			 line[0] != '\0' ? line : reason);
	return -1;
}

struct eal *eal_start(const struct eal_opts *o, char *why, size_t why_size)
{
	struct eal_args args;
	cpu_set_t affinity;
	bool uses_huge;
	struct eal *e;
	int err;

	if (decide_huge(o, &uses_huge, why, why_size) != 0)
		return NULL;
	CPU_ZERO(&affinity);
	pthread_getaffinity_np(pthread_self(), sizeof(affinity), &affinity);
	if (eal_args_build(&args, o, uses_huge, first_cpu(&affinity)) != 0) {
		snprintf(why, why_size, "too many or too long arguments for DPDK");
		return NULL;
	}
	e = listen();
	if (e == NULL) {
		snprintf(why, why_size, "no memory");
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	err = init(e, &args, why, why_size);
	// EAL pinned us to its lcore, and every thread that we start would inherit that.
	pthread_setaffinity_np(pthread_self(), sizeof(affinity), &affinity);
	if (err == 0)
		return e;
	hang_up(e);
	return NULL;
}

void eal_stop(struct eal *e)
{
	if (e == NULL)
		return;
	rte_eal_cleanup();
	// EAL makes it even when told to keep no files there. Our prefix, so nobody else's; not
	// empty if the operator's arguments say otherwise.
	rmdir(rte_eal_get_runtime_dir());
	hang_up(e);
}
