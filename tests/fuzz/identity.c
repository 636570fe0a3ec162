// Any octets as an identity file: refused with a line, or an identity that is written the same.
#include <assert.h>
#include <string.h>

#include "crypto/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct identity_note note;
	char text[IDENTITY_TEXT_MAX];
	struct identity id;
	int len;

	if (identity_parse(&id, span_of(data, size), &note) != 0) {
		assert(strncmp(note.text, "line ", 5) == 0);
		return 0;
	}
	len = identity_format(&id, text, sizeof(text));
	assert(len == (int)size && memcmp(text, data, size) == 0);
	return 0;
}
