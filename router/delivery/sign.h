// SPDX-License-Identifier: Apache-2.0
// Standard Webhooks 1.0.0 signatures (symmetric, "v1"): HMAC-SHA256 over "id.timestamp.body", one
// per secret, so that a secret can be exchanged without a gap. The body is fed piece by piece.
#ifndef ROUTER_DELIVERY_SIGN_H
#define ROUTER_DELIVERY_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "config/config.h"

enum {
    SIGN_ONE_MAX = 3 + 44, /* "v1," and the base64 of 32 bytes */
    SIGN_SIZE = CONFIG_SECRETS_MAX * (SIGN_ONE_MAX + 1)
};

struct signer {
    struct digest *macs[CONFIG_SECRETS_MAX];
    size_t count;
};

/** Begin; secrets are copied. signer_done() releases. */
void signer_init(struct signer *signer, const struct config_secret *secrets, size_t count,
                 const char *webhook_id, int64_t timestamp_s);

void signer_update(struct signer *signer, const void *data, size_t length);

/** The value of webhook-signature; "" without secrets. Only signer_done may follow. */
void signer_finish(struct signer *signer, char out[SIGN_SIZE]);

void signer_done(struct signer *signer);

#endif
