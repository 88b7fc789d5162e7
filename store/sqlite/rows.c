// SPDX-License-Identifier: Apache-2.0
// From rows to the structs of the contract. The tables follow the order of the column lists.
#include <stdio.h>
#include <string.h>

#include "common/xalloc.h"
#include "store/sqlite/internal.h"

static const size_t MESSAGE_TEXTS[] = {
    offsetof(struct store_message, tenant),      offsetof(struct store_message, domain),
    offsetof(struct store_message, sender),      offsetof(struct store_message, recipients),
    offsetof(struct store_message, queue_id),    offsetof(struct store_message, client_address),
    offsetof(struct store_message, client_name), offsetof(struct store_message, helo),
    offsetof(struct store_message, subject),     offsetof(struct store_message, message_id_field),
    offsetof(struct store_message, verdict),
};
enum { MESSAGE_TEXT_FIRST = 1, MESSAGE_NUMBER_FIRST = MESSAGE_TEXT_FIRST + 11 };
_Static_assert(ARRAY_LEN(MESSAGE_TEXTS) == 11, "as in SQL_MESSAGE_COLUMNS");

static const size_t DELIVERY_TEXTS[] = {
    offsetof(struct store_delivery, tenant),    offsetof(struct store_delivery, domain),
    offsetof(struct store_delivery, recipient), offsetof(struct store_delivery, route),
    offsetof(struct store_delivery, action),    offsetof(struct store_delivery, destination),
    offsetof(struct store_delivery, captures),  offsetof(struct store_delivery, reason),
};
enum { DELIVERY_TEXT_FIRST = 2, DELIVERY_NUMBER_FIRST = DELIVERY_TEXT_FIRST + 8 };
_Static_assert(ARRAY_LEN(DELIVERY_TEXTS) == 8, "as in SQL_DELIVERY_COLUMNS");

void
id_read(struct query *query, int column, struct id *id_out)
{
    (void)snprintf(id_out->text, sizeof(id_out->text), "%s", query_text(query, column));
}

static void
set_text(void *row, size_t offset, const char *text)
{
    memcpy((char *)row + offset, &text, sizeof(text));
}

static void
read_message_numbers(struct query *query, struct store_message *message)
{
    id_read(query, 0, &message->id);
    message->received_at = query_int(query, MESSAGE_NUMBER_FIRST);
    message->size = (uint64_t)query_int(query, MESSAGE_NUMBER_FIRST + 1);
    message->header_length = (uint64_t)query_int(query, MESSAGE_NUMBER_FIRST + 2);
}

void
message_read(struct query *query, struct arena *arena, struct store_message *message_out)
{
    read_message_numbers(query, message_out);
    for (size_t i = 0; i < ARRAY_LEN(MESSAGE_TEXTS); i++) {
        set_text(message_out, MESSAGE_TEXTS[i],
                 arena_text(arena, query_text(query, MESSAGE_TEXT_FIRST + (int)i)));
    }
}

void
message_read_owned(struct query *query, struct store_message *message_out, void **owner_out)
{
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_LEN(MESSAGE_TEXTS); i++) {
        size += strlen(query_text(query, MESSAGE_TEXT_FIRST + (int)i)) + 1;
    }
    char *block = xcalloc(size, 1);
    *owner_out = block;
    read_message_numbers(query, message_out);
    for (size_t i = 0; i < ARRAY_LEN(MESSAGE_TEXTS); i++) {
        const char *text = query_text(query, MESSAGE_TEXT_FIRST + (int)i);
        size_t length = strlen(text) + 1;
        memcpy(block, text, length);
        set_text(message_out, MESSAGE_TEXTS[i], block);
        block += length;
    }
}

void
delivery_read(struct query *query, struct arena *arena, struct store_delivery *delivery_out)
{
    id_read(query, 0, &delivery_out->id);
    id_read(query, 1, &delivery_out->message_id);
    for (size_t i = 0; i < ARRAY_LEN(DELIVERY_TEXTS); i++) {
        set_text(delivery_out, DELIVERY_TEXTS[i],
                 arena_text(arena, query_text(query, DELIVERY_TEXT_FIRST + (int)i)));
    }
    int at = DELIVERY_NUMBER_FIRST;
    if (delivery_state_from_name(query_text(query, at), &delivery_out->state) != ST_OK) {
        delivery_out->state = DELIVERY_DEAD; // written by a stranger: nobody may send it
    }
    delivery_out->created_at = query_int(query, at + 1);
    delivery_out->due_at = query_int(query, at + 2);
    delivery_out->attempts = (uint64_t)query_int(query, at + 3);
    delivery_out->fence = (uint64_t)query_int(query, at + 4);
    delivery_out->last_http_status = (uint64_t)query_int(query, at + 5);
}
