// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/announcement.h"

#include <string.h>

#include "common/clock.h"
#include "router/delivery/emit.h"

// Codes with blanks between → array.
static void
emit_codes(struct emitter *emitter, const char *codes)
{
    emit_open(emitter, '[');
    while (*codes != '\0') {
        size_t length = strcspn(codes, " ");
        emit_bytes(emitter, codes, length);
        codes += length + strspn(codes + length, " ");
    }
    emit_close(emitter, ']');
}

void
announcement_write(const struct store_event_row *event, struct strbuf *out)
{
    char at[CLOCK_ISO_SIZE];
    struct emitter emitter = {.out = out};
    emit_open(&emitter, '{');
    emit_member(&emitter, "type", event->kind);
    emit_member(&emitter, "timestamp", clock_format_iso(event->at, at));
    emit_key(&emitter, "data");
    emit_open(&emitter, '{');
    emit_member(&emitter, "id", event->domain_id.text);
    emit_member(&emitter, "domain", event->domain);
    emit_member(&emitter, "tenant", event->tenant);
    emit_member(&emitter, "status", event->status);
    emit_member(&emitter, "previous", event->previous);
    emit_member(&emitter, "detail", event->detail);
    emit_key(&emitter, "findings");
    emit_codes(&emitter, event->findings);
    emit_close(&emitter, '}');
    emit_close(&emitter, '}');
}
