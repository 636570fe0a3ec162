// Between crypto.c and its back ends; nobody else includes this.
#ifndef ANNULUS_CRYPTO_BACKEND_H
#define ANNULUS_CRYPTO_BACKEND_H

#include <stdbool.h>

#include "crypto/crypto.h"

/*
 * What crypto.c promises a back end: 1 to CRYPTO_BURST_MAX ops, their rules checked. Those that
 * crypto_open has refused already carry a result other than CRYPTO_OK and are to be left alone.
 */
struct crypto_calls {
	void (*destroy)(struct crypto *c);
	void (*seal)(struct crypto *c, struct crypto_op *ops, uint16_t n);
	void (*open)(struct crypto *c, struct crypto_op *ops, uint16_t n);
	void (*expand)(const struct crypto *c, const uint8_t *key, void *enc, void *dec);
};

struct crypto {
	const struct crypto_calls *calls;
	bool sums; // opening fills in the ops' sums; else crypto.c does
	char name[64];
};

// NULL with errno set.
struct crypto *crypto_imb_create(bool is_plain); // is_plain: nothing but the library's ciphers
struct crypto *crypto_soft_create(void);

#endif
