// SPDX-License-Identifier: Apache-2.0
// The domains that tenants added, in memory, written through to the store: the one source for "is
// this name ours, and may it take mail?".
#ifndef VERIFIER_DOMAIN_REGISTRY_H
#define VERIFIER_DOMAIN_REGISTRY_H

#include "store/store.h"
#include "verifier/dns/dns.h"

struct registry;

struct registry_settings {
    const char *hostname; /* the host's own names are refused as domains */
    uint64_t pending_per_tenant;
};

/** Load all domains. The store and the resolver must outlive the registry. */
MUST_CHECK enum status registry_open(const struct registry_settings *settings, struct store *store,
                                     struct dns *dns, struct registry **registry_out,
                                     struct why *why);
void registry_close(struct registry *registry);

/**
 * The domain that answers for this name (A-labels): the entry itself, not removed if there is one.
 * A removed name is found too, for as long as it is watched (30 days).
 *
 * @return ST_OK; ST_NOT_FOUND. From memory; never blocks on the store or the network.
 */
MUST_CHECK enum status registry_find(struct registry *registry, const char *name,
                                     struct store_domain *domain_out);

/**
 * Add a domain for a tenant (made if new), pending, inbound off, with a fresh token.
 *
 * @tenant   lower-case letters, digits, '.', '_', '-'; below STORE_NAME_SIZE
 * @name     as a person types it; checked by domain_name_check
 * @profile  "local"; the others are not built yet
 * @return   ST_OK; ST_INVALID with the sentence for the user; ST_CONFLICT it exists; ST_REFUSED
 *           another tenant holds a domain above or below it; ST_TOO_LARGE too many pending ones;
 *           store errors
 */
MUST_CHECK enum status registry_add(struct registry *registry, const char *tenant, const char *name,
                                    const char *profile, struct store_domain *domain_out,
                                    struct why *why);

/** One DNS record that the tenant has to publish, and what was seen. */
struct registry_record {
    const char *purpose; /* "ownership", "inbound" */
    const char *type;    /* "TXT", "MX" */
    char name[DOMAIN_NAME_SIZE + 16];
    char value[512];
    char status[16];    /* "found", "missing", "wrong", "unknown", "" not checked yet */
    char observed[512]; /* what is there instead; "" */
    char problem[256];  /* one sentence; "" when found */
    char cure[512];     /* what to do, with the text to paste; "" when found */
    bool required;      /* for verified; the others are findings only */
};

enum { REGISTRY_RECORDS_MAX = 16 };

/** The records of a domain, without asking the DNS. Returns how many. */
size_t registry_records(const struct registry *registry, const struct store_domain *domain,
                        const char *inbound_mx, struct registry_record out[REGISTRY_RECORDS_MAX]);

/**
 * Ask the DNS for every record of the domain, past our own cache, and change its state
 * accordingly. What could not be asked changes nothing; a verified domain that fails stays verified
 * (the event "domain.check_failed" is recorded).
 *
 * @name    as typed; so it is below
 * @return  ST_OK whatever was found; ST_NOT_FOUND; ST_AGAIN it was replaced meanwhile; store errors
 * @thread  any; blocks on the DNS, up to 15 s
 */
MUST_CHECK enum status registry_verify(struct registry *registry, const char *name,
                                       const char *inbound_mx, struct store_domain *domain_out,
                                       struct registry_record out[REGISTRY_RECORDS_MAX],
                                       size_t *count_out, struct why *why);

/** Inbound on or off; on needs a verified domain (ST_REFUSED says what is missing). ST_NOT_FOUND.
 */
MUST_CHECK enum status registry_set_inbound(struct registry *registry, const char *name, bool on,
                                            struct store_domain *domain_out, struct why *why);

/** Remove: inbound stops with the next RCPT; the name is watched for 30 days. ST_NOT_FOUND. */
MUST_CHECK enum status registry_remove(struct registry *registry, const char *name,
                                       struct store_domain *domain_out, struct why *why);

/** Called for each domain, removed ones only if asked; in the order of names. May call back. */
void registry_list(struct registry *registry, bool with_removed, store_domain_visit *visit,
                   void *context);

#endif
