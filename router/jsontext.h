// SPDX-License-Identifier: Apache-2.0
// The little JSON the intake touches.
#ifndef ROUTER_JSONTEXT_H
#define ROUTER_JSONTEXT_H

#include "config/pattern.h"

/**
 * Captures as a JSON object of texts, owned by the caller (free()). In a value that is not UTF-8
 * every byte outside ASCII becomes U+FFFD.
 */
char *jsontext_from_captures(const struct captures *captures);

/** True when the text is one JSON object, without repeated members. */
bool jsontext_is_object(const char *text);

#endif
