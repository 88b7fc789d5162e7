// SPDX-License-Identifier: Apache-2.0
// What an SPF check asks the DNS, counted: addresses, records, the client's validated names.
#ifndef VERIFIER_MESSAGE_SPF_LOOKUP_H
#define VERIFIER_MESSAGE_SPF_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/network.h"
#include "verifier/dns/dns.h"
#include "verifier/dns/name.h"
#include "verifier/message/spf.h"

/** What a question or a term came to. */
enum spf_outcome { SPF_YES, SPF_NO, SPF_TEMPERROR, SPF_PERMERROR };

/** Names of the client whose addresses lead back to it (RFC 7208, 5.5). */
struct spf_validated {
    bool is_known; /* was looked up: once for both identities */
    size_t count;
    struct dns_name names[SPF_PTR_NAMES_MAX];
};

/** The lookups of one identity. */
struct spf_lookups {
    struct spf_cache *cache;
    struct dns *dns;
    struct dns_budget *budget;
    const struct network_address *client;
    struct spf_validated *validated;
    unsigned count;
    bool met_void;     /* a question since the flag was cleared got no record */
    char problem[160]; /* of the last TEMPERROR or PERMERROR */
};

/** Set the problem; returns the outcome. */
enum spf_outcome spf_fail(struct spf_lookups *lookups, enum spf_outcome outcome, const char *format,
                          ...) PRINTF_LIKE(3, 4);

/**
 * Ask. A name that cannot be asked has no records.
 *
 * @name        raw bytes, as macros give them
 * @answer_out  with SPF_YES: an answer for the caller to release; else NULL
 */
enum spf_outcome spf_ask(struct spf_lookups *lookups, const char *name, enum dns_type type,
                         const struct dns_answer **answer_out);

/** SPF_YES when one of the name's addresses of the client's family is in the client's network. */
enum spf_outcome spf_ask_address(struct spf_lookups *lookups, const char *name, unsigned prefix);

/** The same for a name as the DNS gave it. */
enum spf_outcome spf_ask_host(struct spf_lookups *lookups, const char *host, unsigned prefix);

/** The policy at the name, from the cache if possible. Without SPF_YES *policy_out is untouched. */
enum spf_outcome spf_load_policy(struct spf_lookups *lookups, const char *name,
                                 const struct spf_policy **policy_out);

/** SPF_YES if a validated name of the client is `domain` or below it; errors are no match. */
enum spf_outcome spf_client_is_within(struct spf_lookups *lookups, const char *domain);

/** The letter p: the validated name that fits `domain` best, or "unknown". */
void spf_validated_name(struct spf_lookups *lookups, const char *domain, char out[SPF_NAME_SIZE]);

#endif
