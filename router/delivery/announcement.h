// SPDX-License-Identifier: Apache-2.0
// What the operator's endpoint receives of a domain's change of state (docs/formats.md).
#ifndef ROUTER_DELIVERY_ANNOUNCEMENT_H
#define ROUTER_DELIVERY_ANNOUNCEMENT_H

#include "common/strbuf.h"
#include "store/store.h"

enum { ANNOUNCEMENT_MAX = 16 * 1024 }; /* texts of an event, each byte escaped */

/** The JSON of an event: the same bytes each time. `out` has room for ANNOUNCEMENT_MAX. */
void announcement_write(const struct store_event_row *event, struct strbuf *out);

#endif
