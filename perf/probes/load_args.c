#include "perf/probes/load_args.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/io/port.h"
#include "perf/probes/load_message.h"

#define MEMBERS_MAX 20000

int load_args_usage(void)
{
	fprintf(stderr,
		"usage: load --device DEVICE --server IP --address IP --group SPEC\n"
		"  --device   a DPDK device: net_vhost0,iface=PATH[,queues=N], net_memif0,...\n"
		"  --address  of the first member; the others' follow it. On the server's link,\n"
		"             or (more than 1000) beyond its gateway, which --gateway IP tells\n"
		"  --whole    N (1): so many members have all turns and play by themselves\n"
		"  --members N (100)  --join-rate N/s (50)  --bytes N (1000)  --rate N/s (100)\n"
		"  --seconds N (10)  --queues N (1)  --huge  --json\n"
		"The first member publishes, all others play. 0: all got everything; 3: not.\n");
	return 1;
}

static bool number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*out = (uint32_t)v;
	return *text != '\0' && *end == '\0' && v > 0 && v <= max;
}

bool load_args_read(struct load_opts *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"device", 1, NULL, 'd'},    {"server", 1, NULL, 's'}, {"address", 1, NULL, 'a'},
		{"gateway", 1, NULL, 'w'},   {"group", 1, NULL, 'g'},  {"members", 1, NULL, 'n'},
		{"join-rate", 1, NULL, 'j'}, {"bytes", 1, NULL, 'b'},  {"rate", 1, NULL, 'r'},
		{"seconds", 1, NULL, 't'},   {"queues", 1, NULL, 'q'}, {"huge", 0, NULL, 'H'},
		{"whole", 1, NULL, 'W'},     {"json", 0, NULL, 'J'},   {NULL, 0, NULL, 0},
	};
	bool is_good = true;
	uint32_t queues = 1;
	int c;

	*o = (struct load_opts){.n = 100,
				.n_whole = 1,
				.join_per_s = 50,
				.message_bytes = 1000,
				.message_hz = 100,
				.seconds = 10};
	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0)
		switch (c) {
		case 'd':
			o->device = optarg;
			break;
		case 'g':
			o->group = optarg;
			break;
		case 's':
			is_good &= inet_aton(optarg, &o->server) != 0;
			break;
		case 'a':
			is_good &= inet_aton(optarg, &o->address) != 0;
			break;
		case 'w':
			is_good &= inet_aton(optarg, &o->gateway) != 0;
			break;
		case 'n':
			is_good &= number(optarg, MEMBERS_MAX, &o->n);
			break;
		case 'W':
			is_good &= number(optarg, MEMBERS_MAX, &o->n_whole);
			break;
		case 'j':
			is_good &= number(optarg, 100000, &o->join_per_s);
			break;
		case 'b':
			is_good &= number(optarg, LOAD_MESSAGE_MAX, &o->message_bytes);
			break;
		case 'r':
			is_good &= number(optarg, 100000, &o->message_hz);
			break;
		case 't':
			is_good &= number(optarg, 3600, &o->seconds);
			break;
		case 'q':
			is_good &= number(optarg, PORT_QUEUES_MAX, &queues);
			break;
		case 'H':
			o->wants_huge = true;
			break;
		case 'J':
			o->wants_json = true;
			break;
		default:
			is_good = false;
			break;
		}
	o->queues = (uint16_t)queues;
	if (o->gateway.s_addr == 0)
		o->gateway = o->address;
	if (o->n_whole > o->n)
		o->n_whole = o->n;
	return is_good && o->n > 1 && o->message_bytes >= LOAD_MESSAGE_LEAST && o->device != NULL &&
	       o->group != NULL && o->server.s_addr != 0 && o->address.s_addr != 0;
}
