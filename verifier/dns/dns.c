// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/dns.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/dns/cache.h"
#include "verifier/dns/fixture.h"
#include "verifier/dns/recorder.h"
#include "verifier/dns/reply.h"
#include "verifier/dns/resolver.h"

enum {
    TTL_MAX_S = 3600,             /* no answer is kept longer, whatever its owner says */
    NEGATIVE_TTL_MAX_S = 15 * 60, /* who has just published a record must not wait for long */
    TEMPORARY_KEEP_MS = 5000,     /* a broken server is left alone for so long */
    FIXTURE_CACHE_BYTES = 1 << 20,
    KEY_SIZE = DNS_NAME_TEXT_SIZE + 8
};

struct dns {
    struct dns_fixture *fixture; /* NULL: the network */
    struct dns_resolver resolver;
    struct dns_cache *cache;
    atomic_uint_fast64_t queries;
    atomic_uint_fast64_t hits;
    atomic_uint_fast64_t temporary;
};

static void
close_dns(struct dns **dns)
{
    dns_close(*dns);
}

enum status
dns_open(const struct dns_settings *settings, struct dns **dns_out, struct why *why)
{
    AUTO(close_dns) struct dns *dns = xcalloc(1, sizeof(*dns));
    dns->resolver.cancel.fd = -1;
    enum status status = dns_resolver_init(&dns->resolver, settings, why);
    if (status != ST_OK) {
        return status;
    }
    dns->cache = dns_cache_new(settings->cache_bytes);
    *dns_out = STEAL(dns);
    return ST_OK;
}

static struct dns *
new_for_fixture(struct dns_fixture *fixture)
{
    struct dns *dns = xcalloc(1, sizeof(*dns));
    dns->resolver.cancel.fd = -1;
    dns->fixture = fixture;
    dns->cache = dns_cache_new(FIXTURE_CACHE_BYTES);
    return dns;
}

enum status
dns_open_fixture(const char *path, struct dns **dns_out, struct why *why)
{
    struct dns_fixture *fixture;
    enum status status = dns_fixture_open(path, &fixture, why);
    if (status == ST_OK) {
        *dns_out = new_for_fixture(fixture);
    }
    return status;
}

enum status
dns_open_fixture_text(const char *text, size_t length, struct dns **dns_out, struct why *why)
{
    struct dns_fixture *fixture;
    enum status status = dns_fixture_open_text(text, length, &fixture, why);
    if (status == ST_OK) {
        *dns_out = new_for_fixture(fixture);
    }
    return status;
}

struct dns_resolver *
dns_resolver_of(struct dns *dns)
{
    return dns->fixture == NULL ? &dns->resolver : NULL;
}

void
dns_cancel(struct dns *dns)
{
    if (dns->fixture == NULL) {
        dns_cancel_throw(&dns->resolver.cancel);
    }
}

void
dns_close(struct dns *dns)
{
    if (dns != NULL) {
        dns_resolver_done(&dns->resolver);
        dns_cache_free(dns->cache);
        dns_fixture_close(dns->fixture);
        free(dns);
    }
}

// What was once answered is free: how much of it came from a cache then is not known.
static bool
is_recording(const struct dns *dns)
{
    return dns->fixture != NULL && dns_fixture_is_only(dns->fixture);
}

static bool
spend_query(struct dns *dns, struct dns_budget *budget)
{
    if (!dns_budget_take(budget)) {
        return false;
    }
    atomic_fetch_add(&dns->queries, 1);
    return true;
}

static int64_t
deadline_of(const struct dns_budget *budget)
{
    return budget == NULL ? INT64_MAX : budget->deadline_mono_ms;
}

// Fill the reply. False: it failed for this caller's limits, and means nothing to others.
static bool
fetch(struct dns *dns, struct dns_budget *budget, enum dns_type type, struct dns_reply *reply)
{
    do {
        if (clock_mono_ms() >= deadline_of(budget)) {
            dns_reply_fail(reply, "the time allowed for the DNS is used up");
            return false;
        }
        if (!is_recording(dns) && !spend_query(dns, budget)) {
            dns_reply_fail(reply, "the number of DNS queries allowed is used up");
            return false;
        }
        if (dns->fixture != NULL) {
            dns_fixture_ask(dns->fixture, type, reply);
        } else if (!dns_resolver_ask(&dns->resolver, type, deadline_of(budget), reply)) {
            return false;
        }
        // Each round goes at least one CNAME further, and their number is capped.
    } while (reply->unfinished);
    return true;
}

static int64_t
keep_ms(const struct dns_reply *reply)
{
    uint32_t most = TTL_MAX_S;
    switch (reply->status) {
    case DNS_TEMPORARY:
    case DNS_BAD_NAME:
        return TEMPORARY_KEEP_MS;
    case DNS_NXDOMAIN:
    case DNS_NODATA:
        most = NEGATIVE_TTL_MAX_S;
        break;
    case DNS_OK:
        break;
    }
    return 1000 * (int64_t)(reply->ttl < most ? reply->ttl : most);
}

static const struct dns_answer *
lead(struct dns *dns, struct dns_budget *budget, const char *key,
     const struct dns_question *question)
{
    AUTO_REPLY reply;
    dns_reply_init(&reply, &question->name);
    bool is_for_all = fetch(dns, budget, question->type, &reply);
    const struct dns_answer *answer = dns_answer_new(&reply, question->type, keep_ms(&reply));
    dns_cache_publish(dns->cache, key, is_for_all ? answer : NULL);
    return answer;
}

static const struct dns_answer *
answer_without_asking(const struct dns_question *question, enum dns_status status,
                      const char *problem)
{
    AUTO_REPLY reply;
    dns_reply_init(&reply, &question->name);
    dns_reply_fail(&reply, "%s", problem);
    reply.status = status;
    return dns_answer_new(&reply, question->type, 0);
}

static const struct dns_answer *
find_or_fetch(struct dns *dns, struct dns_budget *budget, const struct dns_question *question)
{
    char name[DNS_NAME_TEXT_SIZE];
    char key[KEY_SIZE];
    dns_name_format(question->name.wire, question->name.length, name);
    (void)snprintf(key, sizeof(key), "%d %s", question->type, name);
    const struct dns_answer *answer = NULL;
    bool fresh = budget != NULL && budget->fresh;
    switch (dns_cache_find(dns->cache, key, deadline_of(budget), fresh, &answer)) {
    case DNS_CACHE_HIT:
        atomic_fetch_add(&dns->hits, 1);
        if (budget != NULL) {
            budget->hits++;
        }
        return answer;
    case DNS_CACHE_LEAD:
        return lead(dns, budget, key, question);
    case DNS_CACHE_LATE:
        break;
    }
    return answer_without_asking(question, DNS_TEMPORARY,
                                 "the time allowed for the DNS is used up");
}

const struct dns_answer *
dns_get(struct dns *dns, struct dns_budget *budget, const char *name, enum dns_type type)
{
    struct dns_question question = {.name = {.length = 1}, .type = type};
    if (!dns_name_parse(name, &question.name)) {
        return answer_without_asking(&question, DNS_BAD_NAME, "");
    }
    const struct dns_answer *answer = find_or_fetch(dns, budget, &question);
    if (answer->status == DNS_TEMPORARY) {
        atomic_fetch_add(&dns->temporary, 1);
    }
    if (budget != NULL) {
        dns_recorder_note(budget->recorder, name, type, answer);
    }
    return answer;
}

const char *
dns_type_name(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_CNAME:
        return "CNAME";
    case DNS_SOA:
        return "SOA";
    case DNS_PTR:
        return "PTR";
    case DNS_MX:
        return "MX";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    case DNS_SPF:
        return "SPF";
    }
    return "TYPE?";
}

void
dns_counts(struct dns *dns, struct dns_counts *out)
{
    *out = (struct dns_counts){
        .queries = atomic_load(&dns->queries),
        .hits = atomic_load(&dns->hits),
        .temporary = atomic_load(&dns->temporary),
    };
}
