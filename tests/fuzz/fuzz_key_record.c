// SPDX-License-Identifier: Apache-2.0
// DKIM key records, with the key inside: what is taken must have a size within the caps and refuse
// a signature of zeros.
#include "tests/fuzz/target.h"

#include <stdlib.h>

#include "verifier/message/key_record.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char zeros[SHA256_SIZE];
    struct key_record record;
    struct why why = {.text = ""};
    if (key_record_parse((const char *)data, size, &record, &why) != ST_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (record.key != NULL && (public_key_bits(record.key) > KEY_RSA_BITS_MAX ||
                               public_key_verify(record.key, zeros, zeros, sizeof(zeros)))) {
        abort();
    }
    key_record_done(&record);
    return 0;
}
