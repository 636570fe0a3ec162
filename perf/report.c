/*
 * What a run of the suite says: a line per row while it goes on, and report.md with plots.gp at its
 * end. Figures are written with three digits; a fourth was never seen to stay.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "perf/suite.h"

static const char *const state_words[] = {
	[RATIO_GOOD] = "", [RATIO_SKIPPED] = "skipped", [RATIO_VOID] = "void"};

// Three digits, with the unit's prefix from a million on.
static const char *figure_text(char buf[32], double v)
{
	double size = fabs(v);

	if (size >= 1e6)
		snprintf(buf, 32, "%.3g M", v / 1e6);
	else if (size >= 1000)
		snprintf(buf, 32, "%.0f", v);
	else
		snprintf(buf, 32, "%.3g", v);
	return buf;
}

static bool has_sides(const struct bench_row *row)
{
	return row->sides[RATIO_OURS] != NULL;
}

static void figures_write(FILE *f, const struct ratio *r)
{
	char text[32];

	for (uint32_t i = 0; i < r->n_figures; i++)
		fprintf(f, "%s%s %s", i == 0 ? "" : ", ", r->figures[i].name,
			figure_text(text, r->figures[i].value));
}

void report_line(const struct bench_entry *e)
{
	const struct bench_row *row = &e->row;
	const struct ratio *r = &e->ratio;
	char text[32];

	printf("%-44s", row->name);
	if (r->state != RATIO_GOOD) {
		printf(" %s: %s\n", state_words[r->state], r->why);
		fflush(stdout);
		return;
	}
	if (has_sides(row))
		printf(" %8s ns/%s", figure_text(text, ratio_ns(r, RATIO_OURS).median), row->unit);
	for (unsigned side = RATIO_LIMIT; side < RATIO_SIDES && row->sides[side] != NULL; side++) {
		struct ratio_spread s = ratio_to(r, side);

		printf("  %s %.3f (%.3f..%.3f)", row->sides[side], s.median, s.p10, s.p90);
	}
	if (r->n_figures > 0)
		printf("  ");
	figures_write(stdout, r);
	putchar('\n');
	fflush(stdout);
}

// ---- report.md ----

static void head_write(FILE *f, const struct machine *m, double took_s)
{
	fprintf(f, "# Report of %s\n\n", m->date);
	fprintf(f, "    %s\n\n", m->command);
	fprintf(f, "| | |\n|---|---|\n");
	fprintf(f, "| CPU | %s, %ld online |\n", m->cpu, m->n_cpus);
	fprintf(f, "| kernel | %s |\n| load at the start | %s |\n", m->kernel, m->load);
	fprintf(f, "| commit | %s |\n| took | %.0f s |\n| flags | %s |\n", m->commit, took_s,
		m->flags);
}

static const char *verdict(const struct bench_goal *g, double seen)
{
	double sign = g->aim < g->at_least ? -1 : 1;

	if (sign * seen >= sign * g->aim)
		return "aim reached";
	return sign * seen >= sign * g->at_least ? "reached" : "**missed**";
}

static void goal_write(FILE *f, const struct bench_entry *e, const struct bench_goal *g)
{
	const struct ratio *r = &e->ratio;
	char least[32], aim[32], text[32];
	const struct ratio_figure *figure;
	struct ratio_spread s;

	fprintf(f, "| %s | %s | %s |", g->what, figure_text(least, g->at_least),
		figure_text(aim, g->aim));
	if (!e->has_run) {
		fprintf(f, " - | | not run | `%s` |\n", e->row.name);
		return;
	}
	if (r->state != RATIO_GOOD) {
		fprintf(f, " - | | %s: %s | `%s` |\n", state_words[r->state], r->why, e->row.name);
		return;
	}
	if (g->figure == NULL) {
		s = ratio_to(r, RATIO_LIMIT);
		fprintf(f, " %.3f | %.3f .. %.3f | %s | `%s` |\n", s.median, s.p10, s.p90,
			verdict(g, s.median), e->row.name);
		return;
	}
	figure = ratio_figure_find(r, g->figure);
	if (figure == NULL)
		fprintf(f, " - | | no figure | `%s` |\n", e->row.name);
	else
		fprintf(f, " %s | | %s | `%s` |\n", figure_text(text, figure->value),
			verdict(g, figure->value), e->row.name);
}

static void goals_write(FILE *f, const struct bench *b)
{
	fprintf(f, "\n## Figures to reach\n\n");
	fprintf(f, "| row | at least | aim | seen | p10 .. p90 | | measured by |\n");
	fprintf(f, "|---|---|---|---|---|---|---|\n");
	for (uint32_t i = 0; i < b->n; i++) {
		const struct bench_row *row = &b->entries[i].row;

		for (unsigned g = 0; g < BENCH_GOALS_MAX && row->goals[g].what != NULL; g++)
			goal_write(f, &b->entries[i], &row->goals[g]);
	}
}

static size_t family_len(const char *name)
{
	return strcspn(name, "/");
}

static void row_write(FILE *f, const struct bench_entry *e)
{
	const struct bench_row *row = &e->row;
	const struct ratio *r = &e->ratio;
	struct ratio_spread s;
	char text[3][32];

	fprintf(f, "| `%s` | ", row->name);
	if (r->state != RATIO_GOOD) {
		fprintf(f, "%s: %s | | |\n", state_words[r->state], r->why);
		return;
	}
	if (has_sides(row)) {
		s = ratio_ns(r, RATIO_OURS);
		fprintf(f, "%s (%s .. %s) ns/%s", figure_text(text[0], s.median),
			figure_text(text[1], s.p10), figure_text(text[2], s.p90), row->unit);
	}
	fprintf(f, " | ");
	for (unsigned side = RATIO_LIMIT; side < RATIO_SIDES && row->sides[side] != NULL; side++) {
		s = ratio_to(r, side);
		fprintf(f, "%s%s: %s ns, **%.3f** (%.3f .. %.3f)", side == RATIO_LIMIT ? "" : "; ",
			row->sides[side], figure_text(text[0], ratio_ns(r, side).median), s.median,
			s.p10, s.p90);
	}
	fprintf(f, " | ");
	figures_write(f, r);
	fprintf(f, " |\n");
}

static void rows_write(FILE *f, const struct bench *b)
{
	const char *family = "";

	for (uint32_t i = 0; i < b->n; i++) {
		const struct bench_entry *e = &b->entries[i];
		size_t len = family_len(e->row.name);

		if (!e->has_run)
			continue;
		if (family_len(family) != len || strncmp(family, e->row.name, len) != 0) {
			family = e->row.name;
			fprintf(f, "\n## %.*s\n\n", (int)len, family);
			fprintf(f, "| row | median (p10 .. p90) | limit: its ns, **its ns / ours** "
				   "(p10 .. p90) | besides |\n");
			fprintf(f, "|---|---|---|---|\n");
		}
		row_write(f, e);
	}
}

// ---- plots.gp ----

static bool point_of(const struct bench_entry *e, double *y)
{
	const struct bench_plot *p = &e->row.plot;
	const struct ratio_figure *figure;

	if (!e->has_run || e->ratio.state != RATIO_GOOD || p->name == NULL)
		return false;
	if (p->figure == NULL) {
		*y = ratio_to(&e->ratio, RATIO_LIMIT).median;
		return true;
	}
	figure = ratio_figure_find(&e->ratio, p->figure);
	if (figure == NULL)
		return false;
	*y = figure->value;
	return true;
}

// Is entry i the first point of its plot, or (with lines) of its line there?
static bool is_first(const struct bench *b, uint32_t i, bool of_line)
{
	const struct bench_plot *p = &b->entries[i].row.plot;
	double y;

	if (!point_of(&b->entries[i], &y))
		return false;
	for (uint32_t k = 0; k < i; k++) {
		const struct bench_plot *q = &b->entries[k].row.plot;

		if (point_of(&b->entries[k], &y) && strcmp(p->name, q->name) == 0 &&
		    (!of_line || strcmp(p->line, q->line) == 0))
			return false;
	}
	return true;
}

static void plot_write(FILE *f, const struct bench *b, uint32_t first)
{
	const struct bench_plot *p = &b->entries[first].row.plot;
	const char *comma = "";

	for (uint32_t i = first; i < b->n; i++) {
		const struct bench_plot *q = &b->entries[i].row.plot;

		if (!is_first(b, i, true) || strcmp(p->name, q->name) != 0)
			continue;
		fprintf(f, "$line%u << EOD\n", i);
		for (uint32_t k = i; k < b->n; k++) {
			const struct bench_plot *at = &b->entries[k].row.plot;
			double y;

			if (point_of(&b->entries[k], &y) && strcmp(at->name, q->name) == 0 &&
			    strcmp(at->line, q->line) == 0)
				fprintf(f, "%.6g %.6g\n", at->x, y);
		}
		fprintf(f, "EOD\n");
	}
	fprintf(f, "set output '%s.svg'\nset title '%s'\nset xlabel '%s'\nset ylabel '%s'\n",
		p->name, p->name, p->x_name,
		p->y_name != NULL ? p->y_name : "limit / ours (median)");
	fprintf(f, "plot ");
	for (uint32_t i = first; i < b->n; i++) {
		const struct bench_plot *q = &b->entries[i].row.plot;

		if (!is_first(b, i, true) || strcmp(p->name, q->name) != 0)
			continue;
		fprintf(f, "%s$line%u with linespoints title '%s'", comma, i, q->line);
		comma = ", \\\n\t";
	}
	fprintf(f, "\n");
}

static FILE *file_open(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, "we");
}

static int file_close(FILE *f)
{
	bool failed = ferror(f) != 0;

	return fclose(f) != 0 || failed ? -EIO : 0;
}

int report_write(const struct bench *b, const struct machine *m, const char *dir, double took_s)
{
	FILE *md = file_open(dir, "report.md"), *gp;
	int err;

	if (md == NULL)
		return -errno;
	head_write(md, m, took_s);
	goals_write(md, b);
	rows_write(md, b);
	fprintf(md, "\n## Plots\n\n");
	gp = file_open(dir, "plots.gp");
	if (gp == NULL) {
		err = -errno;
		fclose(md);
		return err;
	}
	fprintf(gp,
		"set terminal svg size 800,500 background 'white'\nset grid\nset key outside\n");
	fprintf(gp, "set logscale x 2\nset yrange [0:*]\n");
	for (uint32_t i = 0; i < b->n; i++) {
		if (!is_first(b, i, false))
			continue;
		plot_write(gp, b, i);
		fprintf(md, "![%s](%s.svg)\n", b->entries[i].row.plot.name,
			b->entries[i].row.plot.name);
	}
	err = file_close(gp);
	return file_close(md) != 0 ? -EIO : err;
}
