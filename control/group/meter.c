#include "control/group/meter.h"

#include <string.h>

enum { SLOTS = METER_SECONDS + 1, SECOND = 1000000 };

void meter_add(struct meter *m, uint64_t octets, uint64_t now_us)
{
	uint64_t second = now_us / SECOND;

	if (second >= m->second + SLOTS)
		memset(m->octets, 0, sizeof(m->octets));
	else
		while (m->second < second)
			m->octets[++m->second % SLOTS] = 0;
	m->second = second > m->second ? second : m->second;
	m->octets[m->second % SLOTS] += octets;
}

uint64_t meter_per_s(const struct meter *m, uint64_t now_us)
{
	uint64_t second = now_us / SECOND, sum = 0;

	for (uint64_t s = second > METER_SECONDS ? second - METER_SECONDS : 0; s < second; s++)
		if (s <= m->second && s + SLOTS > m->second)
			sum += m->octets[s % SLOTS];
	return sum / METER_SECONDS;
}
