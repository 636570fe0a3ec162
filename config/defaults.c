// The commented file, written from the table. Its indentation follows the rows' paths.

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "config/schema.h"
#include "config/units.h"
#include "config/value.h"

enum { WIDTH = 100, STEP = 2 };

// Where a line begins: "  # " and the like.
struct margin {
	FILE *out;
	unsigned indent;
	bool is_comment; // the key itself, too: an example
	bool is_first;   // of a list's item: "- " instead of the last step
};

static void margin_print(const struct margin *m, bool is_key)
{
	unsigned indent = m->indent;

	if (m->is_comment)
		fputc('#', m->out);
	if (is_key && m->is_first)
		fprintf(m->out, "%*s- ", (int)(indent - STEP), "");
	else
		fprintf(m->out, "%*s", (int)indent, "");
}

// Breaks the sentence at spaces so that a line, its margin included, stays inside WIDTH.
static void comment_print(const struct margin *m, const char *text)
{
	unsigned room = WIDTH - m->indent - 3;
	unsigned column = 0;

	while (*text != 0) {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > room) {
			fputc('\n', m->out);
			column = 0;
		}
		if (column == 0) {
			margin_print(m, false);
			fputs("# ", m->out);
		} else {
			fputc(' ', m->out);
			column++;
		}
		fwrite(text, 1, word, m->out);
		column += (unsigned)word;
		text += word + (text[word] == ' ');
	}
	fputc('\n', m->out);
}

// What may stand there, as far as the type does not say it: a range or a choice.
static void allowed_text(const struct schema_key *key, char *out, size_t size)
{
	char min[UNITS_TEXT_SIZE], max[UNITS_TEXT_SIZE], choices[96];

	out[0] = 0;
	switch (key->type) {
	case SCHEMA_COUNT:
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
	case SCHEMA_RATE:
		value_print_number(key->type, min, key->min);
		value_print_number(key->type, max, key->max);
		snprintf(out, size, " From %s to %s.", min, max);
		break;
	case SCHEMA_BOOL:
		snprintf(out, size, " true or false.");
		break;
	case SCHEMA_CHOICE:
	case SCHEMA_ORDER:
		value_print_choices(key->choices, choices, sizeof(choices));
		snprintf(out, size, " %s of %s.", key->type == SCHEMA_ORDER ? "Some" : "One",
			 choices);
		break;
	default:
		break;
	}
}

static void value_print(const struct schema_key *key, FILE *out)
{
	const char *text = key->example != NULL ? key->example : key->dflt;
	const char *word;
	size_t len;

	switch (key->type) {
	case SCHEMA_ORDER:
		fputc('[', out);
		for (unsigned i = 0; (word = value_choice(text, i, &len)) != NULL; i++)
			fprintf(out, "%s%.*s", i > 0 ? ", " : "", (int)len, word);
		fputc(']', out);
		break;
	case SCHEMA_TEXTS:
	case SCHEMA_ADDRESSES:
	case SCHEMA_NETS:
		fputs("[]", out);
		break;
	default:
		fputs(text[0] != 0 ? text : "\"\"", out);
		break;
	}
}

static void rows_print(const struct margin *outer, const char *parent);

static void blocks_print(const struct margin *m, const struct schema_key *key, const char *name)
{
	struct margin item = *m;
	char path[VALUE_LABEL_SIZE];

	margin_print(m, true);
	fprintf(m->out, key->shows_item ? "%s:\n" : "%s: []\n", name);
	if (!key->shows_item) { // as it would look
		item.is_comment = true;
		margin_print(&item, true);
		fprintf(m->out, "%s:\n", name);
	}
	item.indent += 2 * STEP;
	item.is_first = true;
	snprintf(path, sizeof(path), "%s[]", key->path);
	rows_print(&item, path);
}

// An example names what to give, not its alternatives: `spec` stands there, `file` stays "".
static void key_print(struct margin *m, const struct schema_key *key, const char *name)
{
	char text[512], allowed[128];

	allowed_text(key, allowed, sizeof(allowed));
	snprintf(text, sizeof(text), "%s%s", key->sentence, allowed);
	comment_print(m, text);
	if (key->type == SCHEMA_BLOCKS) {
		blocks_print(m, key, name);
		return;
	}
	margin_print(m, true);
	m->is_first = false;
	fprintf(m->out, "%s:", name);
	if (key->type == SCHEMA_SECTION) {
		struct margin inner = *m;

		fputc('\n', m->out);
		inner.indent += STEP;
		rows_print(&inner, key->path);
		return;
	}
	fputc(' ', m->out);
	value_print(key, m->out);
	fputc('\n', m->out);
}

static void rows_print(const struct margin *outer, const char *parent)
{
	struct margin m = *outer;
	const char *name;

	for (size_t i = 0; i < schema_n_keys; i++) {
		if (!schema_is_child(&schema_keys[i], parent, &name))
			continue;
		if (parent[0] == 0)
			fputc('\n', m.out);
		key_print(&m, &schema_keys[i], name);
	}
}

int config_defaults_print(FILE *out)
{
	struct margin top = {.out = out};

	fputs("# annulusd: every key with its default. A key that is left out has the value shown "
	      "here.\n"
	      "# Durations are written with us, ms, s, min or h, sizes with B, KiB, MiB or GiB (or "
	      "kB, MB, GB),\n"
	      "# rates with bit/s, kbit/s, Mbit/s or Gbit/s. Relative paths start in this file's "
	      "directory.\n",
	      out);
	rows_print(&top, "");
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
