#include "control/admin/ring_draw.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/admin/reply.h"

enum {
	RADIUS_X = 32, // characters are twice as high as wide
	RADIUS_Y = 15,
	WIDTH = 2 * RADIUS_X + 1,
	HEIGHT = 2 * RADIUS_Y + 1,
	DEGREES = 720,
	ID_LEN = 64,
	ID_SHOWN = 12,
	SVG_SIZE = 800,
	SVG_RADIUS = 340,
};

// ---- what the reply says ----

static bool is_id(const struct yaml_node *v)
{
	return v != NULL && v->kind == YAML_SCALAR && v->len == ID_LEN &&
	       strspn(v->text, "0123456789abcdef") == ID_LEN;
}

// Where an address stands: 0 at the top, below 1. Its first digits say more than a drawing can
// show.
static double turn_of(const struct yaml_node *address)
{
	char digits[9] = {0};

	memcpy(digits, address->text, sizeof(digits) - 1);
	return (double)strtoul(digits, NULL, 16) / 4294967296.0;
}

static bool is_true(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *v = yaml_get(map, key);

	return v != NULL && yaml_text_is(v, "true");
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *v = yaml_get(map, key);

	return v != NULL && v->kind == YAML_SCALAR && !yaml_is_null(v) ? v->text : "";
}

// What we cover: from, clockwise, so far; false: our own address alone, or nothing.
static bool coverage_of(const struct yaml_node *ring, double *from, double *span)
{
	const struct yaml_node *c = yaml_get(ring, "coverage");
	const struct yaml_node *a = yaml_get(c, "from"), *b = yaml_get(c, "to");

	if (!is_id(a) || !is_id(b) || memcmp(a->text, b->text, ID_LEN) == 0)
		return false;
	*from = turn_of(a);
	*span = turn_of(b) - *from;
	*span += *span < 0;
	return true;
}

enum kind {
	KNOWN,
	SUSPECT,
	NEIGHBOUR,
	SUPER,
	KINDS,
};

static const struct {
	char sign;
	const char *word, *colour;
} kinds[KINDS] = {
	[KNOWN] = {'o', "known", "#9aa5b1"},
	[SUSPECT] = {'?', "silent", "#d64545"},
	[NEIGHBOUR] = {'#', "linked", "#2680c2"},
	[SUPER] = {'S', "super-peer", "#7b3fb5"},
};

static enum kind kind_of(const struct yaml_node *member)
{
	if (is_true(member, "is_suspect"))
		return SUSPECT;
	if (!is_true(member, "is_neighbour"))
		return KNOWN;
	return is_true(member, "is_super") ? SUPER : NEIGHBOUR;
}

// The next member that has an address; NULL: no more.
static const struct yaml_node *member_from(const struct yaml_node *m)
{
	while (m != NULL && !is_id(yaml_get(m, "address")))
		m = m->next;
	return m;
}

static const struct yaml_node *first_member(const struct yaml_node *ring)
{
	const struct yaml_node *list = yaml_get(ring, "members");

	return list != NULL && list->kind == YAML_LIST ? member_from(list->first) : NULL;
}

// ---- in characters ----

struct canvas {
	char rows[HEIGHT][WIDTH + 1];
};

static void put(struct canvas *c, double turn, char sign)
{
	double angle = 2 * M_PI * turn;

	c->rows[RADIUS_Y - lround(RADIUS_Y * cos(angle))]
	       [RADIUS_X + lround(RADIUS_X * sin(angle))] = sign;
}

static void circle_put(struct canvas *c, const struct yaml_node *ring)
{
	double from = 0, span = 0;
	bool is_covering = coverage_of(ring, &from, &span);

	memset(c, ' ', sizeof(*c));
	for (int i = 0; i < DEGREES; i++)
		put(c, (double)i / DEGREES, '.');
	for (double turn = 0; is_covering && turn <= span; turn += 1.0 / DEGREES)
		put(c, from + turn, '=');
}

// Where several stand in one place, who is more to us is seen.
static void members_put(struct canvas *c, const struct yaml_node *ring)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (const struct yaml_node *m = first_member(ring); m != NULL;
		     m = member_from(m->next))
			if (kind_of(m) == kind)
				put(c, turn_of(yaml_get(m, "address")), kinds[kind].sign);
}

static void canvas_print(FILE *out, struct canvas *c)
{
	for (int y = 0; y < HEIGHT; y++) {
		int len = WIDTH;

		while (len > 0 && c->rows[y][len - 1] == ' ')
			len--;
		fprintf(out, "%.*s\n", len, c->rows[y]);
	}
}

static void head_print(FILE *out, const struct yaml_node *ring)
{
	const struct yaml_node *name = yaml_get(ring, "name");
	double from, span;
	char text[256] = "";

	if (name != NULL && !yaml_is_null(name))
		reply_text(text, sizeof(text), name->text, name->len);
	fprintf(out, "%s%s@ %.12s, linked to %s of %s known, %s estimated", text,
		text[0] != 0 ? ": " : "", text_of(ring, "address"), text_of(ring, "neighbours"),
		text_of(ring, "members_known"), text_of(ring, "members_estimated"));
	if (coverage_of(ring, &from, &span))
		fprintf(out, "; we cover %.2f %% (=)%s", span * 100,
			is_true(yaml_get(ring, "coverage"), "is_whole") ? "" : ", with a gap");
	fputs("\n\n", out);
}

static void links_print(FILE *out, const struct yaml_node *ring)
{
	fprintf(out, "\n%7s  %-*s  %-*s  %-10s  %s\n", "turn", ID_SHOWN, "address", ID_SHOWN,
		"peer id", "", "rtt ms");
	for (const struct yaml_node *m = first_member(ring); m != NULL; m = member_from(m->next)) {
		enum kind kind = kind_of(m);

		if (kind == KNOWN)
			continue;
		fprintf(out, "%5.2f %%  %.12s  %.12s  %-10s  %.1f\n",
			turn_of(yaml_get(m, "address")) * 100, text_of(m, "address"),
			text_of(m, "peer_id"), kinds[kind].word,
			strtod(text_of(m, "rtt_us"), NULL) / 1000);
	}
}

static void ring_print(FILE *out, const struct yaml_node *ring)
{
	const struct yaml_node *self = yaml_get(ring, "address");
	struct canvas c;

	circle_put(&c, ring);
	members_put(&c, ring);
	if (is_id(self))
		put(&c, turn_of(self), '@');
	head_print(out, ring);
	canvas_print(out, &c);
	fputs("\n@ we", out);
	for (enum kind kind = KINDS; kind-- > 0;)
		fprintf(out, "  %c %s", kinds[kind].sign, kinds[kind].word);
	fputs("   (0 is at the top, addresses go clockwise)\n", out);
	links_print(out, ring);
}

// ---- SVG ----

static double x_of(double turn)
{
	return SVG_SIZE / 2.0 + SVG_RADIUS * sin(2 * M_PI * turn);
}

static double y_of(double turn)
{
	return SVG_SIZE / 2.0 - SVG_RADIUS * cos(2 * M_PI * turn);
}

// Names come from strangers.
static void escape(FILE *svg, const struct yaml_node *v)
{
	char text[256] = "";

	if (v != NULL && !yaml_is_null(v))
		reply_text(text, sizeof(text), v->text, v->len);
	for (const char *c = text; *c != 0; c++)
		if (strchr("<>&\"'", *c) != NULL)
			fprintf(svg, "&#%d;", *c);
		else
			fputc(*c, svg);
}

static void svg_coverage(FILE *svg, const struct yaml_node *ring)
{
	double from, span;

	if (!coverage_of(ring, &from, &span))
		return;
	if (span > 0.9999) { // an arc's ends must differ
		fprintf(svg, "<circle class=\"ours\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n",
			SVG_SIZE / 2, SVG_SIZE / 2, SVG_RADIUS);
		return;
	}
	fprintf(svg, "<path class=\"ours\" d=\"M%.2f %.2fA%d %d 0 %d 1 %.2f %.2f\"/>\n", x_of(from),
		y_of(from), SVG_RADIUS, SVG_RADIUS, span > 0.5, x_of(from + span),
		y_of(from + span));
}

static void svg_links(FILE *svg, const struct yaml_node *ring)
{
	const struct yaml_node *self = yaml_get(ring, "address");
	double at = is_id(self) ? turn_of(self) : 0;

	for (const struct yaml_node *m = first_member(ring); m != NULL; m = member_from(m->next)) {
		double turn = turn_of(yaml_get(m, "address"));

		if (is_id(self) && kind_of(m) != KNOWN)
			fprintf(svg,
				"<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" "
				"stroke=\"%s\"/>\n",
				x_of(at), y_of(at), x_of(turn), y_of(turn),
				kinds[kind_of(m)].colour);
	}
}

static void svg_dot(FILE *svg, const struct yaml_node *address, double radius, const char *colour,
		    const char *word, const char *peer_id)
{
	fprintf(svg,
		"<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.1f\" fill=\"%s\"><title>%s %.64s\n"
		"peer %.64s</title></circle>\n",
		x_of(turn_of(address)), y_of(turn_of(address)), radius, colour, word, address->text,
		peer_id);
}

static void svg_members(FILE *svg, const struct yaml_node *ring)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (const struct yaml_node *m = first_member(ring); m != NULL;
		     m = member_from(m->next))
			if (kind_of(m) == kind)
				svg_dot(svg, yaml_get(m, "address"), kind == KNOWN ? 3 : 5,
					kinds[kind].colour, kinds[kind].word,
					is_id(yaml_get(m, "peer_id")) ? text_of(m, "peer_id") : "");
}

static void ring_svg(FILE *svg, const struct yaml_node *ring)
{
	const struct yaml_node *self = yaml_get(ring, "address"), *id = yaml_get(ring, "peer_id");

	fprintf(svg,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\">\n"
		"<style>.ring{fill:none;stroke:#cbd2d9}.ours{fill:none;stroke:#f0b429;"
		"stroke-width:9}line{stroke-opacity:.45}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		"<circle class=\"ring\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n",
		SVG_SIZE, SVG_SIZE, SVG_SIZE / 2, SVG_SIZE / 2, SVG_RADIUS);
	svg_coverage(svg, ring);
	svg_links(svg, ring);
	svg_members(svg, ring);
	if (is_id(self))
		svg_dot(svg, self, 7, "#27ab83", "we", is_id(id) ? id->text : "");
	fputs("<text x=\"16\" y=\"28\">", svg);
	escape(svg, yaml_get(ring, "name"));
	fputs("</text>\n<text x=\"16\" y=\"48\" font-size=\"13\">linked to ", svg);
	escape(svg, yaml_get(ring, "neighbours"));
	fputs(" of ", svg);
	escape(svg, yaml_get(ring, "members_known"));
	fputs(" known, ", svg);
	escape(svg, yaml_get(ring, "members_estimated"));
	fputs(" estimated</text>\n</svg>\n", svg);
}

// ---- either ----

static int draw(FILE *out, FILE *errors, const char *reply, size_t len,
		void (*how)(FILE *, const struct yaml_node *))
{
	const struct yaml_node *ring;
	struct arena arena = {0};
	int err = reply_read(&arena, errors, reply, len, &ring);

	if (err == 0 && ring->kind != YAML_MAP)
		err = -EPROTO;
	if (err == 0) {
		how(out, ring);
		err = fflush(out) != 0 || ferror(out) ? -EIO : 0;
	}
	arena_free(&arena);
	return err;
}

int ring_print_reply(FILE *out, FILE *errors, const char *reply, size_t len)
{
	return draw(out, errors, reply, len, ring_print);
}

int ring_svg_reply(FILE *svg, FILE *errors, const char *reply, size_t len)
{
	return draw(svg, errors, reply, len, ring_svg);
}
