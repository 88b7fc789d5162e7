// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base64.h"

void
signer_init(struct signer *signer, const struct config_secret *secrets, size_t count,
            const char *webhook_id, int64_t timestamp_s)
{
    char prefix[128];
    int length = snprintf(prefix, sizeof(prefix), "%.90s.%" PRId64 ".", webhook_id, timestamp_s);
    *signer = (struct signer){.count = count};
    for (size_t i = 0; i < count; i++) {
        signer->macs[i] = digest_new_hmac_sha256(secrets[i].bytes, secrets[i].length);
        digest_update(signer->macs[i], prefix, (size_t)length);
    }
}

void
signer_update(struct signer *signer, const void *data, size_t length)
{
    for (size_t i = 0; i < signer->count; i++) {
        digest_update(signer->macs[i], data, length);
    }
}

void
signer_finish(struct signer *signer, char out[SIGN_SIZE])
{
    char *end = out;
    *end = '\0';
    for (size_t i = 0; i < signer->count; i++) {
        unsigned char mac[SHA256_SIZE];
        digest_finish(signer->macs[i], mac);
        memcpy(end, i == 0 ? "v1," : " v1,", i == 0 ? 3 : 4);
        end += i == 0 ? 3 : 4;
        base64_encode(mac, sizeof(mac), end);
        end += base64_encoded_length(sizeof(mac));
    }
}

void
signer_done(struct signer *signer)
{
    for (size_t i = 0; i < signer->count; i++) {
        digest_free(signer->macs[i]);
    }
    *signer = (struct signer){.count = 0};
}
