#include "control/admin/reply.h"

#include <errno.h>
#include <string.h>

#include "config/utf8.h"

enum {
	DEPTH_MAX = 12,
	NODES_MAX = 1 << 22,
	ERROR_SIZE = 256,
};

void reply_text(char *out, size_t size, const char *text, size_t len)
{
	size_t to = 0;
	uint32_t c;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_read(&c, text + i, len - i);
		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			n = n > 0 ? n : 1;
			if (to + 1 < size)
				out[to++] = '?';
		} else if (to + n < size) {
			memcpy(out + to, text + i, n);
			to += n;
		}
	}
	out[to] = 0;
}

static int refused(FILE *errors, const struct yaml_node *root)
{
	const struct yaml_node *error = yaml_get(root, "error");
	char text[ERROR_SIZE];

	if (error == NULL || error->kind != YAML_SCALAR)
		return -EPROTO;
	reply_text(text, sizeof(text), error->text, error->len);
	fprintf(errors, "%s\n", text);
	return -EREMOTEIO;
}

int reply_read(struct arena *a, FILE *errors, const char *reply, size_t len,
	       const struct yaml_node **result)
{
	const struct yaml_limits limits = {NODES_MAX, DEPTH_MAX};
	const struct yaml_node *root, *ok;
	struct yaml_error error;
	int err = yaml_parse(a, reply, len, &limits, &root, &error);

	if (err != 0)
		return err == -EINVAL ? -EPROTO : err;
	ok = yaml_get(root, "ok");
	*result = yaml_get(root, "result");
	if (ok == NULL)
		return -EPROTO;
	if (yaml_text_is(ok, "false"))
		return refused(errors, root);
	return *result != NULL && yaml_text_is(ok, "true") ? 0 : -EPROTO;
}
