// SPDX-License-Identifier: Apache-2.0
// JSON texts as the store gives them back: checked before they become part of a payload.
#ifndef ROUTER_DELIVERY_STORED_JSON_H
#define ROUTER_DELIVERY_STORED_JSON_H

/** `text` if it is a JSON object, else `otherwise`. Borrowed. */
const char *stored_json_object(const char *text, const char *otherwise);

/** A copy of the object's member of that name if it is a string, else NULL. free(). */
char *stored_json_text(const char *text, const char *member);

#endif
