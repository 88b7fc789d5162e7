// SPDX-License-Identifier: Apache-2.0
// One DNS record that a tenant has to publish, what was seen of it, and the findings.
#ifndef VERIFIER_DOMAIN_RECORD_H
#define VERIFIER_DOMAIN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/cleanup.h"
#include "common/record_kind.h"
#include "common/status.h"
#include "verifier/dns/dns.h"
#include "verifier/domain/finding.h"

enum {
    RECORDS_MAX = 16,         /* of one domain: templates of a profile and inbound ones */
    RECORD_NAME_SIZE = 320,   /* a label or two in front of the domain's name */
    RECORD_VALUE_SIZE = 1024, /* of a TXT: joined text */
    RECORD_OBSERVED_SIZE = 1024,
    RECORD_SERVERS_MAX = 32, /* addresses told of one by one; more are left out */
    RECORD_DETAIL_SIZE = 48,
    RECORD_FINDINGS_MAX = 8
};

enum record_status {
    RECORD_UNCHECKED,
    RECORD_FOUND,       /* every server that answered has it */
    RECORD_PROPAGATING, /* some have it: no pass, and no loss */
    RECORD_MISSING,     /* no server that answered has a record there */
    RECORD_WRONG,       /* there is one, with another value */
    RECORD_CONFLICT,    /* it cannot stand beside something else that is there */
    RECORD_UNKNOWN      /* could not ask: changes nothing */
};

/** What one server of the zone said. */
struct record_server {
    char *name;       /* of the server; "resolver" for ours */
    char address[64]; /* "" for ours */
    enum record_status status;
    char detail[RECORD_DETAIL_SIZE]; /* "timeout", "lame: refused"; "" */
};

struct domain_record {
    /* what to publish */
    enum record_purpose purpose;
    enum record_for needed_for;
    bool required; /* counts for "verified"; the others are advice */
    enum dns_type type;
    char name[RECORD_NAME_SIZE];
    char value[RECORD_VALUE_SIZE]; /* the one to have in the end: SPF is merged with what is there.
                                      CNAME, MX: the host, without final dot */
    char wanted[RECORD_NAME_SIZE]; /* what the check looks for: SPF include, CNAME target, MX host;
                                      with ownership the text; DMARC the policy */
    unsigned preference;           /* MX */
    uint32_t ttl;                  /* advised, seconds */
    bool key_must_match;           /* DKIM: a flattened CNAME passes when the key is the same;
                                      else only the CNAME itself passes */
    bool key_is_optional;          /* DKIM: a target without a key is no mistake (yet) */
    /* what was seen */
    enum record_status status;
    char observed[RECORD_OBSERVED_SIZE]; /* printable; "" when nothing */
    uint32_t observed_ttl;
    size_t servers_found; /* "propagating (k of n)" */
    size_t servers_answered;
    size_t server_count;
    struct record_server *servers; /* owned, as they came in */
    int64_t stale_until; /* wall ms: when an old or negative answer in the resolver is gone; 0 */
    size_t finding_count;
    struct finding *findings; /* owned, likewise */
};

/** The records of a domain: nothing but zeros when there are none yet. */
struct domain_records {
    size_t count;
    struct domain_record *items; /* owned */
};

/** Release what the records own; none are left. */
void domain_records_done(struct domain_records *records);

#define AUTO_RECORDS AUTO(domain_records_done) struct domain_records

/** A record of zeros in front of the one at `at`, or behind the last. What pointed to a record no
 *  longer does. NULL: there are RECORDS_MAX. */
struct domain_record *domain_records_insert(struct domain_records *records, size_t at);

/** The same, behind the last. */
struct domain_record *domain_records_add(struct domain_records *records);

/** Take one out. */
void domain_records_drop(struct domain_records *records, size_t at);

const char *record_purpose_name(enum record_purpose purpose);
MUST_CHECK enum status record_purpose_from_name(const char *name, enum record_purpose *out);
const char *record_for_name(enum record_for needed_for); /* "ownership", "sending", "inbound" */
MUST_CHECK enum status record_for_from_name(const char *name, enum record_for *out);
/** "TXT", "CNAME", "MX". */
const char *record_type_name(const struct domain_record *record);
const char *record_status_name(enum record_status status); /* "found", "propagating", ... */

/**
 * The name as DNS panels want it: relative to the zone, "@" for the zone itself.
 *
 * @zone  of the record; NULL or one that the name is not in: relative to `domain`
 */
void record_host_part(const struct domain_record *record, const char *domain, const char *zone,
                      char out[RECORD_NAME_SIZE]);

/** Add a finding; past RECORD_FINDINGS_MAX it is dropped: NULL. Sentences are cut to
 *  FINDING_PROBLEM_SIZE and FINDING_CURE_SIZE. */
struct finding *record_add_finding(struct domain_record *record, enum finding_code code,
                                   const char *problem, const char *cure);

/** Take all its findings away. */
void record_drop_findings(struct domain_record *record);

/** Add what a server said; past RECORD_SERVERS_MAX it is left out. Texts are cut to fit. */
void record_add_server(struct domain_record *record, const char *name, const char *address,
                       enum record_status status, const char *detail);

/** Forget what was seen, also the status. What to publish stays. */
void record_forget(struct domain_record *record);

#endif
