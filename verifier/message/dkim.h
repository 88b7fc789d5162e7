// SPDX-License-Identifier: Apache-2.0
// Our own DKIM verifier (RFC 6376, 8301, 8463, 8616) and ARC validator (RFC 8617) for one message:
// the header block at once, the body in chunks of any size, then one result per signature.
#ifndef VERIFIER_MESSAGE_DKIM_H
#define VERIFIER_MESSAGE_DKIM_H

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/arc.h"
#include "verifier/message/key_cache.h"

/* Of the budget, in percent, where there is an ARC chain: else the slow zones of signatures could
 * keep it from being judged, and so turn a forged seal into a temperror. */
enum { DKIM_PERCENT = 60 };

struct dkim_verifier; /* one message; one thread at a time */

/**
 * Begin. Takes note of every DKIM-Signature and ARC field.
 *
 * @header  complete fields in CRLF lines, with or without the empty line; copied
 * @now     seconds since 1970, for t= and x=
 * @return  never NULL
 */
struct dkim_verifier *dkim_verifier_new(const char *header, size_t length, int64_t now);

/** The next piece of the body, as it comes. */
void dkim_verifier_body(struct dkim_verifier *verifier, const void *data, size_t length);

/**
 * Look up the keys of those signatures first that can be aligned with this author domain (DMARC),
 * so that the slow zones of other signatures cannot turn their answer into a temperror. "": no
 * order.
 *
 * @author  lower-case A-labels; copied
 */
void dkim_verifier_prefer(struct dkim_verifier *verifier, const char *author);

/**
 * The end of the body: look up the keys and decide. One signature's DNS failure is its own
 * temperror, never a fail. With an ARC chain the signatures get DKIM_PERCENT of the budget. ARC
 * leaves a part of what is left to those who come after it.
 *
 * @cache        may be NULL
 * @out          one per DKIM-Signature field, in their order
 * @ignored_out  fields past VERDICT_DKIM_MAX
 * @arc_out      may be NULL: ARC is not wanted
 * @thread       blocks on the DNS up to the budget's deadline
 */
void dkim_verifier_finish(struct dkim_verifier *verifier, struct key_cache *cache, struct dns *dns,
                          struct dns_budget *budget, struct verdict_dkim out[VERDICT_DKIM_MAX],
                          size_t *count_out, size_t *ignored_out, struct verdict_arc *arc_out);

/** The sets of the ARC chain, for those who ask what its sealers say; arc_trail_done() them. */
void dkim_verifier_copy_trail(const struct dkim_verifier *verifier, struct arc_trail *out);

/** NULL-safe. */
void dkim_verifier_free(struct dkim_verifier *verifier);

static inline void
dkim_verifier_cleanup(struct dkim_verifier **verifier)
{
    dkim_verifier_free(*verifier);
}
#define AUTO_DKIM_VERIFIER AUTO(dkim_verifier_cleanup) struct dkim_verifier

#endif
