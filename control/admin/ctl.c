#include "control/admin/ctl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"
#include "control/admin/admin_client.h"
#include "control/admin/admin_socket.h"
#include "control/admin/metrics.h"
#include "control/admin/ring_draw.h"
#include "control/admin/table.h"

enum { TIMEOUT_MS = 10000 };

struct args {
	const char *socket;
	const char *svg; // NULL: none wanted
	bool is_json, is_help;
	char request[ADMIN_REQUEST_MAX];
};

static const char usage[] =
	"usage: annulusctl [--socket PATH] [--json] COMMAND\n"
	"\n"
	"  status    peer IDs, addresses, uptime, memory, load\n"
	"  peers     open sessions: who, where, how fast\n"
	"  groups    groups that are joined or introduced\n"
	"  group G   one of them, by name or ID: members, rates over five seconds\n"
	"  ring G    its ring: members by address, our links, what we cover\n"
	"  streams   streams that flow: fragments, late, missing\n"
	"  live      streams through the server: publishers and players\n"
	"  store     mirrored groups: which file, how much of it, what was given\n"
	"  metrics   figures of groups and streams, as Prometheus reads them (a textfile)\n"
	"  links     our addresses, neighbours, what ICMP says (DPDK ports)\n"
	"  drops     packets dropped, and what had to wait, by reason\n"
	"  limit     byte limits; limit total|neighbour RATE, limit group NAME RATE changes one\n"
	"  help      what this annulusd understands\n"
	"\n"
	"  --socket PATH  admin.socket of its configuration (default %s)\n"
	"  --json         the reply as JSON, on one line\n"
	"  --svg FILE     ring: draws it into this file\n"
	"\n"
	"exit code: 0 done, 1 wrong arguments, 2 no annulusd there, 3 it refused\n";

static void usage_print(FILE *f)
{
	fprintf(f, usage, schema_find("admin", "socket", 6)->dflt);
}

// The words after the options, with single spaces. A line end in one of them would begin a second
// request.
static int request_join(struct args *a, char **words)
{
	size_t len = 0;

	for (; *words != NULL; words++) {
		size_t n = strlen(*words);

		if (strpbrk(*words, "\r\n") != NULL || len + 1 + n >= sizeof(a->request))
			return -EINVAL;
		if (len > 0)
			a->request[len++] = ' ';
		memcpy(a->request + len, *words, n + 1);
		len += n;
	}
	return 0;
}

static bool is_ring(const struct args *a)
{
	return strncmp(a->request, "ring ", 5) == 0;
}

static int args_parse(struct args *a, char **argv, FILE *errors)
{
	char *words[64];
	unsigned n = 0;

	*a = (struct args){.socket = schema_find("admin", "socket", 6)->dflt};
	for (argv++; *argv != NULL; argv++) {
		if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
			a->is_help = true;
		} else if (strcmp(*argv, "--json") == 0) {
			a->is_json = true;
		} else if (strcmp(*argv, "--socket") == 0 && argv[1] != NULL) {
			a->socket = *++argv;
		} else if (strncmp(*argv, "--socket=", 9) == 0) {
			a->socket = *argv + 9;
		} else if (strcmp(*argv, "--svg") == 0 && argv[1] != NULL) {
			a->svg = *++argv;
		} else if (strncmp(*argv, "--svg=", 6) == 0) {
			a->svg = *argv + 6;
		} else if ((*argv)[0] == '-' || n + 1 == sizeof(words) / sizeof(words[0])) {
			fprintf(errors, "annulusctl: wrong option or too many words: %s\n", *argv);
			return -EINVAL;
		} else {
			words[n++] = *argv;
		}
	}
	words[n] = NULL;
	if (request_join(a, words) != 0) {
		fprintf(errors, "annulusctl: the command is too long or has a line end in it\n");
		return -EINVAL;
	}
	if (a->svg != NULL && (a->is_json || !is_ring(a))) {
		fprintf(errors, "annulusctl: --svg draws a ring, and nothing else\n");
		return -EINVAL;
	}
	return 0;
}

static int svg_write(const struct args *a, const char *reply, FILE *errors)
{
	FILE *svg = fopen(a->svg, "we");
	int err;

	if (svg == NULL)
		return -errno;
	err = ring_svg_reply(svg, errors, reply, strlen(reply));
	if (fclose(svg) != 0 && err == 0)
		err = -errno;
	if (err != 0)
		remove(a->svg); // half a drawing, or none
	return err;
}

static int reply_print(const struct args *a, const char *reply, FILE *out, FILE *errors)
{
	int err;

	if (a->svg != NULL)
		err = svg_write(a, reply, errors);
	else if (a->is_json)
		err = table_print_json(out, errors, reply, strlen(reply));
	else if (is_ring(a))
		err = ring_print_reply(out, errors, reply, strlen(reply));
	else if (strcmp(a->request, "metrics") == 0)
		err = metrics_print_reply(out, errors, reply, strlen(reply));
	else
		err = table_print_reply(out, errors, reply, strlen(reply));
	if (err == 0)
		return CTL_OK;
	if (err == -EREMOTEIO)
		return CTL_REFUSED;
	fprintf(errors, "annulusctl: %s: %s\n",
		a->svg != NULL && err != -EPROTO ? a->svg : a->socket,
		err == -EPROTO ? "this is no reply of annulusd" : strerror(-err));
	return CTL_UNREACHABLE;
}

int ctl_main(int argc, char **argv, FILE *out, FILE *errors)
{
	struct args a;
	char why[256];
	char *reply;
	int code;

	if (args_parse(&a, argv, errors) != 0)
		return CTL_USAGE;
	if (a.is_help) {
		usage_print(out);
		return CTL_OK;
	}
	if (a.request[0] == 0) {
		usage_print(errors);
		return CTL_USAGE;
	}
	if (admin_request(a.socket, a.request, TIMEOUT_MS, &reply, why, sizeof(why)) != 0) {
		fprintf(errors, "annulusctl: %s\n", why);
		return CTL_UNREACHABLE;
	}
	code = reply_print(&a, reply, out, errors);
	free(reply);
	return code;
}
