// SPDX-License-Identifier: Apache-2.0
// What every authoritative server of a zone says, side by side, and what the local resolver says.
// The owner of a zone is hostile: it names the servers, and it answers.
#ifndef VERIFIER_DNS_AUTHORITY_H
#define VERIFIER_DNS_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/network.h"
#include "common/status.h"
#include "verifier/dns/dns.h"

enum {
    AUTHORITY_QUESTIONS_MAX = 32,    /* of one call */
    AUTHORITY_NAMES_MAX = 16,        /* NS of one zone, in the order of their names */
    AUTHORITY_SERVERS_MAX = 32,      /* addresses of one zone */
    AUTHORITY_LABELS_MAX = 24,       /* of a name that is asked for */
    AUTHORITY_ZONE_KEEP_S = 60,      /* a zone's servers are looked up again after so long */
    AUTHORITY_DEAD_AFTER = 3,        /* questions in a row without an answer: the server is dead, */
    AUTHORITY_DEAD_MS = 60 * 1000,   /* for so long it gets one short try a question */
    AUTHORITY_SHORT_TRY_MS = 300,    /* this one */
    AUTHORITY_REMEMBERED_MAX = 4096, /* servers whose rate and health are known, and zones kept */
    AUTHORITY_EXPLANATION_SIZE = 160,
    AUTHORITY_PROVIDER_SIZE = 256
};

struct authority_settings {
    struct dns *dns;                     /* the local resolver; must outlive the authority */
    const struct network *allow_private; /* copied; these are asked although they are not public */
    size_t allow_private_count;
    uint16_t port;               /* of every authoritative server; 0 is 53 */
    unsigned queries_per_second; /* to one server address, over all threads; a second's worth at
                                    once; 0: no limit */
    int64_t timeout_ms;          /* of one try */
    unsigned tries;              /* per question and server */
};

struct authority;

/** ST_INVALID: no timeout or no try. Starts no threads. */
MUST_CHECK enum status authority_open(const struct authority_settings *settings,
                                      struct authority **authority_out, struct why *why);

/** No call may be under way. NULL-safe. */
void authority_close(struct authority *authority);

enum authority_outcome {
    /* The server answered with authority: */
    AUTHORITY_FOUND,    /* records of the name, or of a name of the zone its CNAMEs lead to */
    AUTHORITY_CNAME,    /* a CNAME that leads out of the zone, to `answer->canonical` */
    AUTHORITY_NXDOMAIN, /* the name does not exist */
    AUTHORITY_NODATA,   /* it exists, without this type */
    /* It did not: */
    AUTHORITY_LAME,        /* it does not serve the zone; see reason */
    AUTHORITY_BROKEN,      /* it sent what cannot be read, or TC and no answer by TCP */
    AUTHORITY_TIMEOUT,     /* nothing came */
    AUTHORITY_UNREACHABLE, /* ICMP or a closed port says no */
    AUTHORITY_NOT_ASKED    /* by us; says nothing about the server; see reason */
};

enum authority_reason {
    AUTHORITY_NO_REASON,
    /* of AUTHORITY_LAME: */
    AUTHORITY_REFUSED,
    AUTHORITY_SERVFAIL,
    AUTHORITY_OTHER_RCODE,
    AUTHORITY_NOT_AUTHORITATIVE, /* answers without AA, as a resolver would */
    AUTHORITY_REFERRAL,          /* sends us to other servers, up or down */
    /* of AUTHORITY_NOT_ASKED: */
    AUTHORITY_PRIVATE_ADDRESS, /* not public, not in allow_private */
    AUTHORITY_NO_ADDRESS,      /* the server's name has none */
    AUTHORITY_ADDRESS_UNKNOWN, /* the resolver could not tell */
    AUTHORITY_NAME_IS_CNAME,   /* the server's name is a CNAME (RFC 2181, 10.3) */
    AUTHORITY_RATE_LIMITED,    /* its turn would have come behind the deadline */
    AUTHORITY_NO_ROUTE,        /* this host has no way there, such as no IPv6 */
    AUTHORITY_NO_TIME,         /* the deadline came first */
    AUTHORITY_NO_QUERY,        /* the budget had none left */
    AUTHORITY_LOCAL_FAULT      /* no socket */
};

/** "found", "not_asked"; "private_address", "refused", "" for no reason. Static text. */
const char *authority_outcome_name(enum authority_outcome outcome);
const char *authority_reason_name(enum authority_reason reason);

/** True for the first four: what the server says counts. */
bool authority_is_answer(enum authority_outcome outcome);

enum { AUTHORITY_ADDRESS_SIZE = 46 };

struct authority_server {
    const char *name;                     /* of the NS record */
    char address[AUTHORITY_ADDRESS_SIZE]; /* "" when it has none */
    enum authority_reason not_asked;      /* AUTHORITY_NO_REASON: it can be asked */
};

/** A zone and its servers: one entry an address, one for a name without. */
struct authority_zone {
    const char *name;
    size_t server_count;
    const struct authority_server *servers;
    size_t left_out;     /* NS names and addresses above the caps */
    bool is_from_parent; /* told by the parent's servers: the resolver could not */
};

struct authority_answer {
    enum authority_outcome outcome;
    enum authority_reason reason;
    int64_t took_ms;                 /* from the first try to the answer */
    const struct dns_answer *answer; /* of the first four outcomes; else NULL. Its `soa` with
                                        NXDOMAIN and NODATA (negative TTL) and type SOA */
};

/** The local resolver's view; `ttl` of its answers is what is left in its cache. */
struct authority_resolver {
    const struct dns_answer *answer;    /* never NULL; DNS_TEMPORARY when there is none */
    int64_t gone_at_wall_ms;            /* when it must be gone from that cache; 0: not cached */
    bool is_bogus;                      /* SERVFAIL, but with CD=1 it has an answer (RFC 4035): the
                                           zone's DNSSEC is broken */
    const struct dns_answer *unchecked; /* that answer; else NULL */
    int error_code;                     /* Extended DNS Error (RFC 8914); -1: none */
    char error_text[AUTHORITY_EXPLANATION_SIZE]; /* printable ASCII */
};

struct authority_result {
    const char *name; /* lower case, without final dot */
    enum dns_type type;
    const struct authority_zone *zone;      /* NULL: not found, `problem` says why */
    const char *problem;                    /* "" with a zone */
    const struct authority_answer *answers; /* one for each of zone->servers, in their order */
    struct authority_resolver resolver;
};

struct authority_report {
    size_t count; /* as many as questions, in their order */
    const struct authority_result *results;
    bool no_server_answered; /* to any question, while the resolver did answer one */
    bool is_port_blocked;    /* and the servers of the parent zones do not answer either: DNS to
                                the outside is blocked here; only the resolver can be believed */
};

struct authority_question {
    const char *name; /* text as dns_get takes it */
    enum dns_type type;
};

/**
 * Ask every server of each name's zone, and the local resolver, all in parallel.
 *
 * Zones are found through the resolver and kept for AUTHORITY_ZONE_KEEP_S, but for one with a
 * server whose address the resolver could not tell in this call's time. What does not answer in
 * time is AUTHORITY_TIMEOUT; there is always a report. A resolver that could not find a zone
 * whose servers are dead too gets short tries only. When the DNS is a fixture there are no
 * servers: each result has the fixture's answer as the resolver's, and both flags are set.
 *
 * @budget  its deadline is that of the whole call; each try, at whomever, is a query. What it does
 *          not suffice for is not asked: first come the zones, then question by question
 * @return  ST_OK; ST_INVALID a name cannot be asked (named); ST_TOO_LARGE more than
 *          AUTHORITY_QUESTIONS_MAX questions
 * @report_out  authority_report_free
 * @thread  any; blocks up to the deadline, or until dns_cancel of its DNS
 */
MUST_CHECK enum status authority_ask(struct authority *authority,
                                     const struct authority_question *questions, size_t count,
                                     struct dns_budget *budget,
                                     struct authority_report **report_out, struct why *why);

/** Who runs the servers of a zone. */
struct authority_provider {
    bool is_sound; /* the resolver found the zone, or one of its servers answers at once */
    char name[AUTHORITY_PROVIDER_SIZE]; /* what the zone's servers are named below, such as
                                           "provider.example"; "" when the zone was not found */
};

/**
 * Find the zone of a name and hardly more: soon done, however slow its servers are. What was found
 * is kept for authority_ask, as in that. With a fixture all is sound, and without a name.
 *
 * @name    text as dns_get takes it; of one that cannot be asked nothing is found
 * @budget  as in authority_ask
 * @thread  any; blocks up to the deadline, or until dns_cancel of its DNS
 */
void authority_find_provider(struct authority *authority, const char *name,
                             struct dns_budget *budget, struct authority_provider *provider_out);

/** NULL-safe. */
void authority_report_free(struct authority_report *report);

#endif
