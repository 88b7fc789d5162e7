// SPDX-License-Identifier: Apache-2.0
// The DNS as everything here sees it: one lookup function over an own transport (connected UDP,
// TCP when truncated), a cache, and a budget per message. ldns is only the codec.
#ifndef VERIFIER_DNS_DNS_H
#define VERIFIER_DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/status.h"

enum dns_status {
    DNS_OK,
    DNS_NXDOMAIN,  /* the name does not exist */
    DNS_NODATA,    /* it exists, without this type */
    DNS_TEMPORARY, /* SERVFAIL, REFUSED, time-out, broken answer, budget used up: never a verdict */
    DNS_BAD_NAME   /* cannot be asked: empty or long label, name over 253 */
};

enum dns_type { /* as on the wire (RFC 1035, 3.2.2; RFC 3596) */
                DNS_A = 1,
                DNS_NS = 2,
                DNS_CNAME = 5,
                DNS_SOA = 6,
                DNS_PTR = 12,
                DNS_MX = 15,
                DNS_TXT = 16,
                DNS_AAAA = 28,
                DNS_SPF = 99 /* SPF's own type of old, read as TXT (RFC 7208, 3.1) */
};

enum {
    DNS_SERVERS_MAX = 8,   /* of the settings */
    DNS_CNAME_MAX = 8,     /* length of a CNAME chain; longer or looping is temporary */
    DNS_RECORDS_MAX = 256, /* of one answer */
    DNS_DATA_MAX = 65535,  /* of one record */
    DNS_EDNS_SIZE = 1232   /* UDP payload we announce */
};

/** One record. A, AAAA: 4 or 16 bytes. TXT: the strings joined. MX: `preference` and a name. SOA:
 *  the name of the primary server. Names are text, lower case, without final dot (the root is ".");
 *  bytes outside [!-~], and '.' and '\' inside labels, are \DDD.
 */
struct dns_record {
    uint16_t preference;
    size_t length;
    const char *data; /* NUL-terminated behind `length`; TXT may hold any byte */
};

/** Of the SOA beside a "no" (RFC 2308), or of the SOA asked for. */
struct dns_soa {
    bool is_present;
    uint32_t serial;
    uint32_t minimum; /* seconds: with the SOA's own TTL the most a "no" is kept by resolvers */
};

struct dns_answer {
    enum dns_status status;
    enum dns_type type;
    int64_t expires_mono_ms;
    uint32_t ttl;          /* seconds, as received, the smallest on the CNAME chain */
    bool authenticated;    /* AD from a resolver on loopback */
    struct dns_soa soa;    /* DNS_NXDOMAIN, DNS_NODATA, and type SOA */
    const char *canonical; /* the owner the chain of CNAMEs ended at */
    const char *problem;   /* DNS_TEMPORARY: one sentence; else "" */
    size_t count;
    const struct dns_record *records;
};

struct dns_recorder;

/** What one message (or one check) may cost. One thread at a time. */
struct dns_budget {
    int64_t deadline_mono_ms;
    unsigned queries_left;         /* cache misses only */
    unsigned queries;              /* counted: sent */
    unsigned hits;                 /* counted: from the cache */
    unsigned refused;              /* counted: not sent, because none was left */
    bool fresh;                    /* pass over what the cache has; what is found is kept in it */
    struct dns_recorder *recorder; /* takes note of all answers; NULL: none. Parts share it */
};

/**
 * A part of a budget, so that a stranger's slow zones cannot use up what another question needs:
 * `percent` of the queries and of the time that are left. Counts begin at 0.
 *
 * @now_ms  monotonic
 */
struct dns_budget dns_budget_share(const struct dns_budget *whole, unsigned percent,
                                   int64_t now_ms);

/** Take one query; false: none is left. NULL: there is no limit. */
bool dns_budget_take(struct dns_budget *budget);

/** Take what a part has used off the whole. */
void dns_budget_settle(struct dns_budget *whole, const struct dns_budget *part);

struct dns;

struct dns_settings {
    const char *const *servers; /* "192.0.2.53", "127.0.0.1:5353", "[::1]:53" */
    size_t server_count;
    int64_t timeout_ms; /* of one try */
    unsigned tries;     /* per server */
    size_t cache_bytes;
};

/** ST_INVALID names a server text that is no address, or says there are none. Starts no threads. */
MUST_CHECK enum status dns_open(const struct dns_settings *settings, struct dns **dns_out,
                                struct why *why);

/**
 * Answers from a file instead of the network. One record a line, `NAME TYPE DATA`: TXT data is the
 * joined text; \DDD escapes as in master files, in names too; MX `PREF HOST`; `NAME TYPE !SERVFAIL`
 * or `!TIMEOUT`; `NAME !NXDOMAIN`. An absent name is NXDOMAIN, a name with other types only is
 * NODATA; CNAMEs are followed; `*.NAME` is a wildcard. Empty lines and lines that begin with # are
 * passed over. TXT data is the rest of the line behind one blank, with its blanks.
 *
 * Answers that were recorded (recorder.h) say more: `NAME TYPE !NXDOMAIN`, `NAME TYPE !NODATA` and
 * `NAME TYPE !TEMPORARY SENTENCE` are of one question alone, and the line `!ONLY` says that nothing
 * else is known: every other question gets DNS_TEMPORARY "... was not recorded", `*` is a name like
 * any other, and asking costs the budget nothing.
 *
 * @return ST_INVALID with the line's number; ST_IO
 */
MUST_CHECK enum status dns_open_fixture(const char *path, struct dns **dns_out, struct why *why);

/** The same from memory. */
MUST_CHECK enum status dns_open_fixture_text(const char *text, size_t length, struct dns **dns_out,
                                             struct why *why);

/** For good: lookups under way and to come, those of an authority with this DNS too, end at once;
 *  what was not heard by then is temporary. A fixture goes on. Any thread. */
void dns_cancel(struct dns *dns);

/** No lookup may be under way. NULL-safe. */
void dns_close(struct dns *dns);

/**
 * Look up. Follows CNAMEs. Equal questions asked at once are sent once.
 *
 * @name    text; \DDD escapes are understood, one final dot is dropped
 * @budget  NULL: no limit but the settings' own
 * @return  never NULL; release with dns_answer_release. DNS_TEMPORARY when the budget is used up.
 * @thread  any; blocks up to the budget's deadline
 */
const struct dns_answer *dns_get(struct dns *dns, struct dns_budget *budget, const char *name,
                                 enum dns_type type);

void dns_answer_release(const struct dns_answer *answer);

/** Another reference; returns the same. Any thread. */
const struct dns_answer *dns_answer_ref(const struct dns_answer *answer);

/** Bytes it occupies. */
size_t dns_answer_size(const struct dns_answer *answer);

static inline void
dns_answer_cleanup(const struct dns_answer **answer)
{
    if (*answer != NULL) {
        dns_answer_release(*answer);
    }
}
#define AUTO_ANSWER AUTO(dns_answer_cleanup) const struct dns_answer

/** "TXT" and so on, for logs. */
const char *dns_type_name(enum dns_type type);

/** What the handle was asked and asked itself so far. For tests. */
struct dns_counts {
    uint64_t queries;
    uint64_t hits;
    uint64_t temporary;
};
void dns_counts(struct dns *dns, struct dns_counts *out);

#endif
