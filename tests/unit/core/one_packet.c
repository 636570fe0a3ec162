#include "tests/unit/core/one_packet.h"

#include "dataplane/core/internal.h"

const struct loop_form one_packet_forms[ONE_PACKET_FORMS] = {
	{.rtt_us = 20000},
	{.rtt_us = 20000, .has_sseq = true},
	{.rtt_us = 20000, .tag_len = 10},
	{.rtt_us = 20000, .tag_len = 16, .has_sseq = true},
};

struct mesh *one_packet_mesh(const struct loop_form *form, struct loop_pair *pair)
{
	struct mesh *m =
		mesh_create(&(struct loop_opts){.seed = 3, .n_nodes = 2, .delay_us = 1000});

	mesh_stream(m, 0, STREAM_PUBLISHER | STREAM_PUSH_ALL, 2500);
	mesh_stream(m, 1, STREAM_TAP | STREAM_HOME, 2500);
	*pair = mesh_link_as(m, 0, 1, 0, LINK_IS_SUPER, form);
	mesh_run_us(m, 100000);
	mesh_publish(m, 4, 5000);
	mesh_run_us(m, 300000);
	return m;
}

void one_packet_lend(struct one_packet *p, struct engine *e, uint16_t n)
{
	memset(p->buffer, 0xee, sizeof(p->buffer));
	p->pkt = (struct pkt){.data = p->buffer, .room = sizeof(p->buffer)};
	e->tx->room = &p->pkt;
	e->tx->n = 0;
	e->tx->max = n;
	memset(e->tx->ops, 0, sizeof(e->tx->ops));
}

void one_packet_look(const struct one_packet *p, const struct engine *e,
		     struct one_packet_written *w)
{
	w->pkt = p->pkt;
	w->op = e->tx->ops[0];
	memcpy(w->octets, p->buffer, sizeof(w->octets));
}
