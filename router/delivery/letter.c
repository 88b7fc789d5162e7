// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/letter.h"

#include <stdatomic.h>
#include <string.h>

#include "common/xalloc.h"

enum { TEXTS = 11 };

struct letter {
    atomic_uint references;
    struct store_message message; /* its strings stand behind the struct */
    char *data;
};

static void
list_texts(struct store_message *message, const char **texts[TEXTS])
{
    const char **list[TEXTS] = {
        &message->tenant,     &message->domain,         &message->sender,
        &message->recipients, &message->queue_id,       &message->client_name,
        &message->helo,       &message->client_address, &message->message_id_field,
        &message->subject,    &message->verdict};
    memcpy(texts, list, sizeof(list));
}

struct letter *
letter_new(const struct store_message *message, char *data)
{
    struct store_message copy = *message;
    const char **texts[TEXTS];
    list_texts(&copy, texts);
    size_t size = sizeof(struct letter);
    for (size_t i = 0; i < TEXTS; i++) {
        size += strlen(*texts[i]) + 1;
    }
    struct letter *letter = xcalloc(1, size);
    char *end = (char *)(letter + 1);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = strlen(*texts[i]) + 1;
        memcpy(end, *texts[i], length);
        *texts[i] = end;
        end += length;
    }
    letter->message = copy;
    letter->data = data;
    atomic_init(&letter->references, 1);
    return letter;
}

struct letter *
letter_ref(struct letter *letter)
{
    (void)atomic_fetch_add(&letter->references, 1);
    return letter;
}

void
letter_unref(struct letter *letter)
{
    if (letter != NULL && atomic_fetch_sub(&letter->references, 1) == 1) {
        free(letter->data);
        free(letter);
    }
}

const struct store_message *
letter_message(const struct letter *letter)
{
    return &letter->message;
}

const char *
letter_data(const struct letter *letter)
{
    return letter->data;
}
