// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 63 };

static unsigned char
fold(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// One byte of a label; *at moves behind it. False for a broken escape.
static bool
take_byte(const char **at, unsigned char *byte_out)
{
    const char *c = *at;
    if (*c != '\\') {
        *byte_out = (unsigned char)*c;
        *at = c + 1;
        return true;
    }
    if (!is_digit(c[1])) {
        *byte_out = (unsigned char)c[1];
        *at = c + 2;
        return c[1] != '\0';
    }
    if (!is_digit(c[2]) || !is_digit(c[3])) {
        return false;
    }
    int value = (c[1] - '0') * 100 + (c[2] - '0') * 10 + (c[3] - '0');
    *byte_out = (unsigned char)value;
    *at = c + 4;
    return value <= UINT8_MAX;
}

bool
dns_name_parse(const char *text, struct dns_name *out)
{
    struct dns_name name = {.length = 1}; // behind the length byte of the first label
    size_t label_start = 0;
    const char *at = text;
    while (*at != '\0') {
        size_t label_length = name.length - label_start - 1;
        if (name.length == sizeof(name.wire)) {
            return false;
        }
        if (*at == '.') {
            if (label_length == 0) {
                return false;
            }
            at++;
            name.wire[label_start] = (unsigned char)label_length;
            label_start = name.length++;
            continue;
        }
        unsigned char byte;
        if (label_length == LABEL_MAX || !take_byte(&at, &byte)) {
            return false;
        }
        name.wire[name.length++] = fold(byte);
    }
    size_t label_length = name.length - label_start - 1;
    name.wire[label_start] = (unsigned char)label_length;
    if (label_length > 0) { // no final dot: the root is missing yet
        if (name.length == sizeof(name.wire)) {
            return false;
        }
        name.wire[name.length++] = 0;
    }
    if (name.length == 1) {
        return false;
    }
    *out = name;
    return true;
}

static bool
is_plain(unsigned char byte)
{
    return byte > ' ' && byte <= '~' && byte != '.' && byte != '\\';
}

void
dns_name_format(const unsigned char *wire, size_t length, char out[DNS_NAME_TEXT_SIZE])
{
    size_t used = 0;
    for (size_t at = 0; at < length && wire[at] != 0;) {
        if (used > 0) {
            out[used++] = '.';
        }
        size_t end = at + 1 + wire[at];
        for (at++; at < end && at < length && used + 6 < DNS_NAME_TEXT_SIZE; at++) {
            if (is_plain(wire[at])) {
                out[used++] = (char)fold(wire[at]);
            } else {
                used += (size_t)snprintf(out + used, DNS_NAME_TEXT_SIZE - used, "\\%03u", wire[at]);
            }
        }
        at = end;
    }
    if (used == 0) {
        out[used++] = '.';
    }
    out[used] = '\0';
}

bool
dns_name_equal(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
    if (a_length != b_length) {
        return false;
    }
    for (size_t i = 0; i < a_length; i++) {
        if (fold(a[i]) != fold(b[i])) { // length bytes are below 'A'
            return false;
        }
    }
    return true;
}

bool
dns_name_is_within(const unsigned char *name, size_t name_length, const unsigned char *parent,
                   size_t parent_length)
{
    size_t at = 0;
    while (name_length - at > parent_length && name[at] != 0) {
        at += 1U + name[at];
        if (at >= name_length) {
            return false;
        }
    }
    return dns_name_equal(name + at, name_length - at, parent, parent_length);
}

size_t
dns_name_labels(const struct dns_name *name)
{
    size_t labels = 0;
    for (size_t at = 0; name->wire[at] != 0; at += 1U + name->wire[at]) {
        labels++;
    }
    return labels;
}
