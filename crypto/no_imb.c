// Stands where imb.c stands when the build has no ipsec-mb.
#include <errno.h>
#include <stddef.h>

#include "crypto/backend.h"

struct crypto *crypto_imb_create(bool is_plain)
{
	(void)is_plain;
	errno = ENOTSUP;
	return NULL;
}
