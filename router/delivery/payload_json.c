// SPDX-License-Identifier: Apache-2.0
// Format "json": one event that holds envelope, verdict, header fields and the whole message.
// Documented for receivers in docs/formats.md.
#include "router/delivery/payload.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/forged.h"
#include "common/header.h"
#include "common/xalloc.h"
#include "router/delivery/emit.h"
#include "router/delivery/stored_json.h"

static const char *
kind_name(enum destination_kind kind)
{
    switch (kind) {
    case DESTINATION_PSA:
        return "psa";
    case DESTINATION_CRM:
        return "crm";
    case DESTINATION_PORTAL:
        return "portal";
    }
    return "psa";
}

static void
emit_time(struct emitter *emitter, const char *key, int64_t wall_ms)
{
    char text[CLOCK_ISO_SIZE];
    emit_member(emitter, key, clock_format_iso(wall_ms, text));
}

static void
emit_lines(struct emitter *emitter, const char *key, const char *lines)
{
    emit_key(emitter, key);
    emit_open(emitter, '[');
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        emit_bytes(emitter, lines, length);
        lines += length + (lines[length] == '\n' ? 1 : 0);
    }
    emit_close(emitter, ']');
}

static void
emit_destination(struct emitter *emitter, const struct config_destination *destination)
{
    emit_key(emitter, "destination");
    emit_open(emitter, '{');
    emit_member(emitter, "key", destination->key);
    emit_member(emitter, "kind", kind_name(destination->kind));
    emit_close(emitter, '}');
}

static void
emit_envelope(struct emitter *emitter, const struct store_message *message)
{
    emit_key(emitter, "envelope");
    emit_open(emitter, '{');
    emit_member(emitter, "mail_from", message->sender);
    emit_member(emitter, "client_address", message->client_address);
    emit_member(emitter, "client_name", message->client_name);
    emit_member(emitter, "helo", message->helo);
    emit_member(emitter, "queue_id", message->queue_id);
    emit_time(emitter, "received_at", message->received_at);
    emit_close(emitter, '}');
}

// In their order, unfolded and trimmed; repeated fields stay repeated.
static void
emit_headers(struct emitter *emitter, const struct payload_header *header, const char *authserv_id)
{
    AUTO_FREE char *value = xreallocarray(NULL, header->length + 1, 1);
    emit_key(emitter, "headers");
    emit_open(emitter, '[');
    struct header_field field;
    for (size_t offset = 0; header_next(header->block, header->length, &offset, &field);) {
        if (forged_is(&field, authserv_id)) {
            continue;
        }
        header_copy_value(&field, value, field.value_length + 1);
        emit_open(emitter, '[');
        emit_bytes(emitter, field.name, field.name_length);
        emit_text(emitter, value);
        emit_close(emitter, ']');
    }
    emit_close(emitter, ']');
    emit_key(emitter, "headers_cut");
    emit_bool(emitter, header->cut);
}

static void
emit_data(struct emitter *emitter, const struct payload_input *input)
{
    const struct store_message *message = input->message;
    const struct store_delivery *delivery = input->delivery;
    emit_member(emitter, "message_id", message->id.text);
    emit_member(emitter, "delivery_id", delivery->id.text);
    emit_member(emitter, "tenant", delivery->tenant);
    emit_member(emitter, "domain", delivery->domain);
    emit_member(emitter, "route", delivery->route);
    emit_member(emitter, "action", delivery->action);
    emit_destination(emitter, input->destination);
    emit_member(emitter, "recipient", delivery->recipient);
    emit_lines(emitter, "recipients", input->recipients);
    emit_key(emitter, "captures");
    emit_json(emitter, stored_json_object(delivery->captures, "{}"));
    emit_envelope(emitter, message);
    emit_key(emitter, "verdict");
    emit_json(emitter, stored_json_object(message->verdict, "null"));
}

void
payload_format_json(const struct payload_input *input, const struct payload_header *header,
                    struct body *body)
{
    struct emitter emitter = {.out = &body->before};
    emit_open(&emitter, '{');
    emit_member(&emitter, "type", "message.received");
    emit_time(&emitter, "timestamp", input->message->received_at);
    emit_key(&emitter, "data");
    emit_open(&emitter, '{');
    emit_data(&emitter, input);
    emit_headers(&emitter, header, input->authserv_id);
    emit_key(&emitter, "size");
    emit_number(&emitter, body_message_length(body));
    emit_key(&emitter, "raw");
    strbuf_putc(&body->before, '"');
    body->base64 = true;
    strbuf_puts(&body->after, "\"}}");
}
