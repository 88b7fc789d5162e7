// SPDX-License-Identifier: Apache-2.0
// SPF (RFC 7208): may this client send for this name? Both identities, MAIL FROM and HELO.
#ifndef VERIFIER_MESSAGE_SPF_H
#define VERIFIER_MESSAGE_SPF_H

#include <stdbool.h>

#include "common/strbuf.h"
#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/spf_cache.h"

/** Limits of one identity, over all its includes and redirects (RFC 7208, 4.6.4). */
enum {
    SPF_TERMS_MAX = 10,     /* include, a, mx, ptr, exists, redirect; more is permerror */
    SPF_VOIDS_MAX = 2,      /* terms the DNS has nothing for; more is permerror */
    SPF_MX_HOSTS_MAX = 10,  /* of one mx; more is permerror */
    SPF_PTR_NAMES_MAX = 10, /* of the client; the rest is passed over */
    SPF_LOOKUPS_MAX = 60    /* lookups of all kinds, cached or not; more is permerror */
};

struct spf_query {
    const char *client_address; /* text; ::ffff:a.b.c.d counts as a.b.c.d */
    const char *helo;           /* as the client said it */
    const char *sender;         /* MAIL FROM without angle brackets; "" is the null sender */
    const char *receiver;       /* our name, for explanations; NULL: unknown */
    bool explain;               /* fetch the explanation of a fail */
    int64_t now_s;              /* for the letter t of explanations; 0: the clock */
};

/** One readable line per record and evaluated term. Give it a cap: STRBUF_INIT(cap). */
struct spf_trace {
    struct strbuf text;
};

/**
 * Check. A name that is no domain name, or a client that is no IP address: none. What the DNS could
 * not say, or the budget did not allow to ask: temperror.
 *
 * @cache   NULL: every record is read anew
 * @budget  NULL: no limit but SPF_LOOKUPS_MAX for each identity
 * @out     filled in any case; `terms` and `voids` are of the identity that counts
 * @trace   NULL: none
 * @thread  any; blocks up to the budget's deadline
 */
void spf_check(struct spf_cache *cache, struct dns *dns, struct dns_budget *budget,
               const struct spf_query *query, struct verdict_spf *out, struct spf_trace *trace);

#endif
