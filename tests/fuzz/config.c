// Any octets as a configuration file: refused or taken, never both, and what is taken holds the
// promises that the rest of the program relies on.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "tests/fuzz/oracle.h"

const char *__lsan_default_suppressions(void);

// libfyaml 0.7.12 loses a table of its own on some errors; that we give everything back is for the
// unit tests to see.
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so\n";
}

static void check(const struct config *cfg)
{
	assert(cfg->identity_file[0] != 0 && cfg->admin_socket[0] != 0 && cfg->log.target[0] != 0);
	assert(cfg->backend != CONFIG_BACKEND_DPDK || cfg->n_ports > 0);
	assert(cfg->server.port >= 1 && cfg->server.port <= 65535);
	assert(cfg->security.dh_groups.n >= 1 && cfg->security.dh_groups.n <= CONFIG_ORDER_MAX);
	assert(cfg->security.hmac_length >= 4 && cfg->security.hmac_length <= 32);
	for (uint32_t i = 0; i < cfg->n_ports; i++) {
		assert(cfg->ports[i].name[0] != 0 && cfg->ports[i].device[0] != 0);
		assert(cfg->ports[i].n_addresses > 0);
		for (uint32_t k = 0; k < cfg->ports[i].n_addresses; k++)
			assert(cfg->ports[i].addresses[k].family != CONFIG_ADDR_NONE);
	}
	for (uint32_t i = 0; i < cfg->n_groups; i++) {
		assert(cfg->groups[i].spec[0] != 0);
		assert(cfg->groups[i].neighbours > 0);
	}
}

static int run(const uint8_t *data, size_t size)
{
	const struct config *cfg;
	char *errors;
	size_t len;
	FILE *f = open_memstream(&errors, &len);
	int err;

	if (f == NULL)
		return 0;
	err = config_load_text("f.yaml", (const char *)data, size, NULL, f, &cfg);
	fclose(f);
	assert((err == 0) == (len == 0));
	if (err == 0)
		check(cfg);
	config_destroy(cfg);
	free(errors);
	return 0;
}

// A list of groups with a key of each kind.
static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, "groups:\n", 8, "  - name: a\n    wndow: 8s\n", 26);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {
		.run = run, .usual = usual, .memory_max = 4 << 20, .memory_per_octet = 1024};

	oracle_run(&o, data, size);
	return 0;
}
