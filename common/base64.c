// SPDX-License-Identifier: Apache-2.0
#include "common/base64.h"

#include <stdint.h>
#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encoded_length(size_t length)
{
    return (length + 2) / 3 * 4;
}

void
base64_encode(const void *data, size_t length, char *out)
{
    const unsigned char *in = data;
    for (; length >= 3; length -= 3, in += 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = ALPHABET[group >> 18];
        *out++ = ALPHABET[group >> 12 & 63];
        *out++ = ALPHABET[group >> 6 & 63];
        *out++ = ALPHABET[group & 63];
    }
    if (length > 0) {
        uint32_t group = (uint32_t)in[0] << 16 | (length == 2 ? (uint32_t)in[1] << 8 : 0);
        *out++ = ALPHABET[group >> 18];
        *out++ = ALPHABET[group >> 12 & 63];
        char third = '=';
        if (length == 2) {
            third = ALPHABET[group >> 6 & 63];
        }
        *out++ = third;
        *out++ = '=';
    }
    *out = '\0';
}

static int
digit_value(char c)
{
    const char *found = c == '\0' ? NULL : strchr(ALPHABET, c);
    return found == NULL ? -1 : (int)(found - ALPHABET);
}

enum status
base64_decode(const char *text, unsigned char *out, size_t *length_out)
{
    size_t length = strlen(text);
    if (length % 4 != 0) {
        return ST_INVALID;
    }
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    size_t produced = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < length; i++) {
        int value = i >= length - padding ? 0 : digit_value(text[i]);
        if (value < 0) {
            return ST_INVALID;
        }
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            size_t bytes = i == length - 1 ? 3 - padding : 3;
            for (size_t b = 0; b < bytes; b++) {
                out[produced++] = (unsigned char)(group >> (16 - 8 * b));
            }
            group = 0;
        }
    }
    *length_out = produced;
    return ST_OK;
}
