// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/lookups.h"

#include "common/clock.h"
#include "common/xalloc.h"

void
dns_lookup_init(struct dns_lookup *lookup, struct dns_resolver *resolver, struct dns_budget *budget,
                const struct dns_name *name, enum dns_type type)
{
    lookup->question = (struct dns_question){.name = *name, .type = type};
    dns_reply_init(&lookup->reply, name);
    dns_reply_fail(&lookup->reply, "the time allowed for the DNS is used up");
    lookup->is_servfail = false;
    lookup->error = (struct dns_error){.code = -1};
    lookup->resolver = resolver;
    lookup->policy = (struct dns_exchange_policy){
        .timeout_ms = resolver->timeout_ms,
        .tries = resolver->tries,
        .cancel = &resolver->cancel,
        .budget = budget,
    };
    lookup->first = atomic_load(&resolver->preferred);
    lookup->server = 0;
}

void
dns_lookup_done(struct dns_lookup *lookup)
{
    dns_reply_done(&lookup->reply);
}

// True while it is to be asked again: another server, or further along a chain of CNAMEs.
static bool
dns_lookup_is_open(const struct dns_lookup *lookup)
{
    return lookup->reply.unfinished || (lookup->reply.status == DNS_TEMPORARY &&
                                        lookup->server < lookup->resolver->server_count);
}

static void
on_end(struct dns_exchange *exchange, enum dns_exchange_end end, int64_t took_ms,
       const struct dns_query *query, const unsigned char *message, size_t length)
{
    (void)took_ms;
    struct dns_lookup *lookup = exchange->context;
    struct dns_reply *reply = &lookup->reply;
    if (end == DNS_EXCHANGE_NO_QUERY) {
        dns_reply_fail(reply, "the number of DNS queries allowed is used up");
        return;
    }
    if (end != DNS_EXCHANGE_ANSWERED) {
        dns_reply_fail(reply, "server %s %s", exchange->server->text,
                       end == DNS_EXCHANGE_TIMEOUT ? "did not answer in time" : "cannot be asked");
        return;
    }
    dns_codec_read(query, message, length, exchange->server->is_loopback, reply);
    if (reply->unfinished) { // the rest of the chain, of the same server
        lookup->question.name = reply->canonical;
        lookup->server--;
    } else if (reply->status == DNS_TEMPORARY && dns_codec_is_servfail(message)) {
        lookup->is_servfail = true;
        dns_codec_read_error(message, length, &lookup->error);
    } else if (reply->status != DNS_TEMPORARY) {
        atomic_store(&lookup->resolver->preferred,
                     (size_t)(exchange->server - lookup->resolver->servers));
    }
}

struct dns_exchange
dns_lookup_exchange(struct dns_lookup *lookup)
{
    struct dns_resolver *resolver = lookup->resolver;
    if (!lookup->reply.unfinished) { // what another server said leaves no trace
        struct dns_reply start;
        dns_reply_init(&start, &lookup->question.name);
        dns_reply_restart(&lookup->reply, &start);
    }
    size_t index = (lookup->first + lookup->server++) % resolver->server_count;
    return (struct dns_exchange){
        .server = &resolver->servers[index],
        .question = &lookup->question,
        .policy = &lookup->policy,
        .on_end = on_end,
        .context = lookup,
    };
}

void
dns_lookup_all(struct dns_lookup *const *lookups, size_t count, int64_t deadline_mono_ms)
{
    AUTO_FREE struct dns_exchange *exchanges = xcalloc(count + 1, sizeof(*exchanges));
    // Cancelled, each round ends at once.
    while (clock_mono_ms() < deadline_mono_ms) {
        size_t open = 0;
        for (size_t i = 0; i < count; i++) {
            if (dns_lookup_is_open(lookups[i])) {
                exchanges[open++] = dns_lookup_exchange(lookups[i]);
            }
        }
        if (open == 0) {
            return;
        }
        dns_exchange_run(exchanges, open, deadline_mono_ms);
    }
}

void
dns_lookup_all_unchecked(struct dns_lookup *const *lookups, size_t count, int64_t deadline_mono_ms)
{
    AUTO_FREE struct dns_lookup **again = xcalloc(count + 1, sizeof(struct dns_lookup *));
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (lookups[i]->is_servfail && lookups[i]->reply.status == DNS_TEMPORARY) {
            lookups[i]->question.is_unchecked = true;
            lookups[i]->server = 0;
            again[failed++] = lookups[i];
        }
    }
    dns_lookup_all(again, failed, deadline_mono_ms);
}
