#include "control/admin/metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "control/admin/reply.h"

static bool is_text(const struct yaml_node *n)
{
	return n != NULL && n->kind == YAML_SCALAR;
}

static bool is_list(const struct yaml_node *n)
{
	return n != NULL && n->kind == YAML_LIST;
}

// [a-zA-Z_][a-zA-Z0-9_]*: of metrics and of labels. They are ours, and still looked at: a reply is
// input.
static bool is_name(const struct yaml_node *n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (!is_text(n) || n->len == 0 || strchr(letters, n->text[0]) == NULL)
		return false;
	for (size_t i = 0; i < n->len; i++)
		if (n->text[i] == 0 ||
		    (strchr(letters, n->text[i]) == NULL && (n->text[i] < '0' || n->text[i] > '9')))
			return false;
	return true;
}

static bool is_number(const struct yaml_node *n)
{
	if (!is_text(n) || n->len == 0)
		return false;
	for (size_t i = 0; i < n->len; i++)
		if (n->text[i] < '0' || n->text[i] > '9')
			return false;
	return true;
}

static bool is_sample(const struct yaml_node *s, uint32_t n_labels)
{
	const struct yaml_node *labels = yaml_get(s, "labels");
	uint32_t n = 0;

	if (!is_list(labels) || !is_number(yaml_get(s, "value")))
		return false;
	for (const struct yaml_node *l = labels->first; l != NULL; l = l->next, n++)
		if (!is_text(l))
			return false;
	return n == n_labels;
}

static bool is_family(const struct yaml_node *f)
{
	const struct yaml_node *type = yaml_get(f, "type"), *names = yaml_get(f, "label_names");
	const struct yaml_node *samples = yaml_get(f, "samples");
	uint32_t n_labels = 0;

	if (!is_name(yaml_get(f, "name")) || !is_text(yaml_get(f, "help")) || !is_text(type) ||
	    (!yaml_text_is(type, "counter") && !yaml_text_is(type, "gauge")) || !is_list(names) ||
	    !is_list(samples))
		return false;
	for (const struct yaml_node *n = names->first; n != NULL; n = n->next, n_labels++)
		if (!is_name(n))
			return false;
	for (const struct yaml_node *s = samples->first; s != NULL; s = s->next)
		if (!is_sample(s, n_labels))
			return false;
	return true;
}

// Names come from strangers: a quote or line end in one must not begin a metric of its own.
static void put_escaped(FILE *out, const struct yaml_node *n, bool is_quoted)
{
	for (size_t i = 0; i < n->len; i++)
		if (n->text[i] == '\n')
			fputs("\\n", out);
		else if (n->text[i] == '\\' || (is_quoted && n->text[i] == '"'))
			fprintf(out, "\\%c", n->text[i]);
		else
			fputc(n->text[i], out);
}

static void put_sample(FILE *out, const struct yaml_node *family, const struct yaml_node *s)
{
	const struct yaml_node *name = yaml_get(family, "name"), *value = yaml_get(s, "value");
	const struct yaml_node *label = yaml_get(family, "label_names")->first;
	const char *before = "{";

	fprintf(out, "%.*s", (int)name->len, name->text);
	for (const struct yaml_node *l = yaml_get(s, "labels")->first; l != NULL;
	     l = l->next, label = label->next, before = ",") {
		fprintf(out, "%s%.*s=\"", before, (int)label->len, label->text);
		put_escaped(out, l, true);
		fputc('"', out);
	}
	fprintf(out, "%s %.*s\n", before[0] == ',' ? "}" : "", (int)value->len, value->text);
}

static void put_family(FILE *out, const struct yaml_node *f)
{
	const struct yaml_node *name = yaml_get(f, "name"), *type = yaml_get(f, "type");

	fprintf(out, "# HELP %.*s ", (int)name->len, name->text);
	put_escaped(out, yaml_get(f, "help"), false);
	fprintf(out, "\n# TYPE %.*s %.*s\n", (int)name->len, name->text, (int)type->len,
		type->text);
	for (const struct yaml_node *s = yaml_get(f, "samples")->first; s != NULL; s = s->next)
		put_sample(out, f, s);
}

static int print(FILE *out, const struct yaml_node *families)
{
	if (!is_list(families))
		return -EPROTO;
	for (const struct yaml_node *f = families->first; f != NULL; f = f->next)
		if (!is_family(f))
			return -EPROTO;
	for (const struct yaml_node *f = families->first; f != NULL; f = f->next)
		put_family(out, f);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

int metrics_print_reply(FILE *out, FILE *errors, const char *reply, size_t len)
{
	const struct yaml_node *families;
	struct arena arena = {0};
	int err = reply_read(&arena, errors, reply, len, &families);

	if (err == 0)
		err = print(out, families);
	arena_free(&arena);
	return err;
}
