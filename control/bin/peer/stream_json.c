#include "control/bin/peer/stream_json.h"

#include "control/bin/peer/event_json.h"

void stream_json_event(const struct stream_json *s, const struct node_event *e)
{
	if (s->name != NULL)
		event_json(e, s->name);
}

void stream_json_code(const struct stream_json *s, const char *code)
{
	struct json_out j;

	if (s->name == NULL)
		return;
	j = json_event_begin(code);
	json_put_string(&j, "stream", s->name);
	json_line_end(&j);
}

static void put_rates(struct json_out *j, const struct group_stream_rates *r)
{
	json_put_u64(j, "sendDataBytesPerSecond", r->send_data);
	json_put_u64(j, "sendControlBytesPerSecond", r->send_control);
	json_put_u64(j, "receiveDataBytesPerSecond", r->receive_data);
	json_put_u64(j, "receiveControlBytesPerSecond", r->receive_control);
	json_put_u64(j, "sendControlBytesPerSecondToServer", r->send_control_to_server);
	json_put_u64(j, "receiveDataBytesPerSecondFromServer", r->receive_data_from_server);
	json_put_u64(j, "receiveDataBytesPerSecondFromIPMulticast", r->receive_data_from_multicast);
}

static void put_totals(struct json_out *j, const struct group_stream_info *i)
{
	const struct stream_stats *t = &i->totals;

	json_put_u64(j, "bytesPushedToPeers", t->bytes_pushed_to);
	json_put_u64(j, "fragmentsPushedToPeers", t->fragments_pushed_to);
	json_put_u64(j, "bytesRequestedByPeers", t->bytes_pulled_by);
	json_put_u64(j, "fragmentsRequestedByPeers", t->fragments_pulled_by);
	json_put_u64(j, "bytesPushedFromPeers", t->bytes_pushed_from);
	json_put_u64(j, "fragmentsPushedFromPeers", t->fragments_pushed_from);
	json_put_u64(j, "bytesRequestedFromPeers", t->bytes_pulled_from);
	json_put_u64(j, "fragmentsRequestedFromPeers", t->fragments_pulled_from);
	json_put_u64(j, "bytesReceivedFromServer", t->bytes_from_super);
	json_put_u64(j, "fragmentsReceivedFromServer", t->fragments_from_super);
	json_put_u64(j, "bytesReceivedFromIPMulticast", t->bytes_from_multicast);
	json_put_u64(j, "fragmentsReceivedFromIPMulticast", t->fragments_from_multicast);
	json_put_u64(j, "bytesPushedToIPMulticast", i->bytes_to_multicast);
	json_put_u64(j, "fragmentsPushedToIPMulticast", i->fragments_to_multicast);
	json_put_u64(j, "duplicates", t->duplicates);
	json_put_u64(j, "late", t->late);
	json_put_u64(j, "missing", t->missing);
}

void stream_json_figures(struct stream_json *s, struct node_stream *stream, uint64_t now_us,
			 bool now)
{
	struct group_stream_info info;
	struct json_out j;

	if (s->name == NULL || stream == NULL || (!now && now_us < s->next_us))
		return;
	s->next_us = now_us + STREAM_JSON_US;
	info = node_stream_info(stream);
	j = json_event_begin("NetStream.MulticastInfo");
	json_put_string(&j, "stream", s->name);
	json_put_u64(&j, "newest", info.newest);
	json_put_u64(&j, "neighbors", info.n_links);
	put_rates(&j, &info.rates);
	put_totals(&j, &info);
	json_line_end(&j);
}
