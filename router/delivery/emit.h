// SPDX-License-Identifier: Apache-2.0
// JSON written in order into a buffer (RFC 8259). Text from mail need not be UTF-8: each broken
// sequence, and NUL, becomes U+FFFD, so that what leaves is always valid.
#ifndef ROUTER_DELIVERY_EMIT_H
#define ROUTER_DELIVERY_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/strbuf.h"

struct emitter {
    struct strbuf *out;
    bool comma; /* a value stands before the next one */
};

/** Open with '{' or '[', close with '}' or ']'. */
void emit_open(struct emitter *emitter, char bracket);
void emit_close(struct emitter *emitter, char bracket);

/** The name of the member whose value comes next: plain ASCII of ours. */
void emit_key(struct emitter *emitter, const char *key);

void emit_text(struct emitter *emitter, const char *text);
void emit_bytes(struct emitter *emitter, const char *bytes, size_t length);
void emit_number(struct emitter *emitter, uint64_t number);
void emit_bool(struct emitter *emitter, bool value);

/** JSON that is known to be valid. */
void emit_json(struct emitter *emitter, const char *json);

/** A key with its text. */
void emit_member(struct emitter *emitter, const char *key, const char *text);

#endif
