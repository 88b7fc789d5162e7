// SPDX-License-Identifier: Apache-2.0
// One check of a domain: ask every authoritative server of its zone, and our resolver, for each
// record; say of each what is there, and which mistake it is.
#ifndef VERIFIER_DOMAIN_CHECK_H
#define VERIFIER_DOMAIN_CHECK_H

#include "verifier/dns/authority.h"
#include "verifier/dns/dns.h"
#include "verifier/domain/record.h"

enum {
    CHECK_TIME_MS = 15000,   /* longest check */
    CHECK_QUERIES_MAX = 1200 /* of one check, to the zone's servers and to our resolver; what does
                                not fit is not asked, and unknown */
};

/** What the answers come to. "Could not ask" is neither pass nor loss. */
enum check_outcome {
    CHECK_PASS,    /* every answering server has it */
    CHECK_PARTIAL, /* some have it (propagating): no pass, and no loss */
    CHECK_MISS,    /* no answering server has it */
    CHECK_UNKNOWN  /* nobody could be asked */
};

/** What one record's status comes to. */
enum check_outcome check_outcome_of(enum record_status status);

/** Of two: miss before unknown before partial before pass. */
enum check_outcome check_outcome_worse(enum check_outcome a, enum check_outcome b);

struct check_summary {
    enum check_outcome ownership; /* records for ownership; UNKNOWN when there are none */
    enum check_outcome required;  /* all required records together: the worst of MISS, UNKNOWN,
                                     PARTIAL, PASS in this order */
    bool resolver_only;           /* the zone's own servers could not be asked */
    char zone[DOMAIN_NAME_SIZE];  /* zone cut; "" when not found */
    char detail[256];             /* one sentence for the event: what failed first */
};

/** A stranger's bytes as dig shows them: what is not printable ASCII, and '\', becomes \DDD. What
 *  does not fit is cut. */
void check_text_format(const char *data, size_t length, char *out, size_t size);

/** What is known of the domain besides its records; all borrowed. */
struct check_subject {
    const char *domain; /* A-labels */
    /** May an address of this domain be delivered? NULL: not asked (no configuration). */
    bool (*takes_mail_for)(void *context, const char *address);
    /** Is this name itself one of the domains here? NULL: not asked (no registry). */
    bool (*is_registered)(void *context, const char *name);
    void *context;
};

struct check_context {
    struct dns *dns;
    struct authority *authority;
};

/**
 * Check all records of a domain; fills in what was seen, status and findings, and the merged SPF.
 *
 * @thread  any; blocks on the DNS, at most CHECK_TIME_MS. Needs no store.
 */
void domain_check(const struct check_context *context, const struct check_subject *subject,
                  struct domain_records *records, struct check_summary *summary_out);

#endif
