// SPDX-License-Identifier: Apache-2.0
// Base64 with padding (RFC 4648, 4).
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include <stddef.h>

#include "common/status.h"

/** Characters that `length` bytes become, without NUL. */
size_t base64_encoded_length(size_t length);

/** Encode into `out`, which holds base64_encoded_length(length) + 1; writes a NUL. */
void base64_encode(const void *data, size_t length, char *out);

/** Decode exactly; `out` holds at least strlen(text) / 4 * 3 bytes. ST_INVALID otherwise. */
MUST_CHECK enum status base64_decode(const char *text, unsigned char *out, size_t *length_out);

#endif
