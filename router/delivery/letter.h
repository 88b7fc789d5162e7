// SPDX-License-Identifier: Apache-2.0
// A message in memory, shared by the deliveries that are sent as soon as it is stored: they need
// not read it back.
#ifndef ROUTER_DELIVERY_LETTER_H
#define ROUTER_DELIVERY_LETTER_H

#include "store/store.h"

struct letter;

/**
 * Never NULL; holds one reference.
 *
 * @message  copied, with its texts
 * @data     its bytes, message->size of them, from malloc; taken
 */
struct letter *letter_new(const struct store_message *message, char *data);

/** One more reference, for letter_unref. Any thread. Returns its argument. */
struct letter *letter_ref(struct letter *letter);
void letter_unref(struct letter *letter); /* NULL-safe */

const struct store_message *letter_message(const struct letter *letter);
const char *letter_data(const struct letter *letter);

#endif
