// SPDX-License-Identifier: Apache-2.0
// The verdict: what SPF, DKIM, ARC and DMARC say of one message, as plain data, and its one JSON
// form, which the store, the API and the payloads share.
#ifndef COMMON_VERDICT_H
#define COMMON_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/forwarder.h"
#include "common/status.h"
#include "common/strbuf.h"

/** Results in the words of RFC 8601, 2.7. */
enum auth_result {
    AUTH_NONE,
    AUTH_PASS,
    AUTH_FAIL,
    AUTH_SOFTFAIL,
    AUTH_NEUTRAL,
    AUTH_POLICY,
    AUTH_TEMPERROR,
    AUTH_PERMERROR
};

enum {
    VERDICT_DKIM_MAX = 10,
    VERDICT_REASON_SIZE = 120,
    VERDICT_TEXT_SIZE = 512,
    VERDICT_RECEIVED_SPF_SIZE = 2048
};

struct verdict_spf {
    enum auth_result result; /* of the identity that counts for DMARC */
    bool identity_is_helo;   /* the sender was null: HELO was checked instead */
    char domain[DOMAIN_NAME_SIZE];
    char explanation[VERDICT_TEXT_SIZE]; /* only with fail; "" when none */
    unsigned terms;                      /* DNS terms used (RFC 7208, 4.6.4); 0 when not known */
    unsigned voids;
    enum auth_result helo;
    char reason[VERDICT_REASON_SIZE]; /* of none, temperror and permerror; "" otherwise */
};

struct verdict_dkim {
    enum auth_result result;
    char domain[DOMAIN_NAME_SIZE];    /* d= */
    char selector[DOMAIN_NAME_SIZE];  /* s= */
    char algorithm[24];               /* a= */
    unsigned bits;                    /* key size; 0 when not known */
    bool unsigned_tail;               /* l= ends before the body: no proof of the rest of it */
    char reason[VERDICT_REASON_SIZE]; /* why not pass, or what limits a pass; "" otherwise */
};

/** The Authenticated Received Chain (RFC 8617). */
struct verdict_arc {
    enum auth_result result;       /* none, pass, fail; temperror: the DNS did not tell */
    unsigned instances;            /* the highest instance of the chain */
    unsigned oldest_pass;          /* RFC 8617, 5.2; 0: every message signature still verifies */
    char sealer[DOMAIN_NAME_SIZE]; /* d= of the newest seal; trust it only with pass */
    bool unsigned_tail;            /* the newest message signature has l= before the body's end */
    char reason[VERDICT_REASON_SIZE]; /* of fail and temperror */
};

/** How a message stands to the forwarders that the recipient's domain has registered. */
enum forwarder_result {
    FORWARDER_NONE,     /* none has to do with it */
    FORWARDER_TRUSTED,  /* came through it, and its original authentication passes */
    FORWARDER_UNPROVEN, /* came through it, but nothing shows that it passed */
    FORWARDER_CLAIMED,  /* bears its seal, but did not come through it */
    FORWARDER_TEMPERROR /* bears its seal; the DNS did not tell whether that holds */
};

struct verdict_forwarder {
    enum forwarder_result result;
    char name[FORWARDER_NAME_SIZE];   /* as registered */
    bool overrides;                   /* its word stands in the place of a DMARC fail */
    char reason[VERDICT_REASON_SIZE]; /* one clause; "" only with FORWARDER_NONE */
};

/** What a DMARC policy asks for (p=, sp=) and what it comes to. */
enum dmarc_action { DMARC_ACTION_NONE, DMARC_ACTION_QUARANTINE, DMARC_ACTION_REJECT };

struct verdict_dmarc {
    enum auth_result result;       /* none, pass, fail, temperror, permerror */
    char domain[DOMAIN_NAME_SIZE]; /* of the From field */
    char org_domain[DOMAIN_NAME_SIZE];
    enum dmarc_action policy;      /* as published */
    enum dmarc_action disposition; /* what it asks for this message; none unless fail */
    bool aligned_spf;
    bool aligned_dkim;
    char reason[VERDICT_REASON_SIZE]; /* of temperror and permerror; what changed a disposition */
};

struct verdict {
    bool local; /* authenticated or trusted client: not judged, all results are none */
    struct verdict_spf spf;
    struct verdict_dkim dkim[VERDICT_DKIM_MAX]; /* in the order of the signatures */
    size_t dkim_count;
    size_t dkim_ignored; /* signatures past VERDICT_DKIM_MAX */
    struct verdict_arc arc;
    struct verdict_dmarc dmarc;
    struct verdict_forwarder forwarder;
    /* RFC 8601 field value, without the field name: one line, to be folded only at "; " */
    char authentication_results[4096];
    char received_spf[VERDICT_RECEIVED_SPF_SIZE]; /* RFC 7208, 9.1, likewise; "": not wanted */
};

const char *auth_result_name(enum auth_result result);
const char *dmarc_action_name(enum dmarc_action action);
const char *forwarder_result_name(enum forwarder_result result);

/** The best result among the signatures: pass if any passes; none without signatures. */
enum auth_result verdict_dkim_overall(const struct verdict *verdict);

/** Append the JSON object. */
void verdict_format_json(const struct verdict *verdict, struct strbuf *out);

#endif
