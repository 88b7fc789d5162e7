// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/resolver.h"

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/dns/codec.h"

enum status
dns_resolver_init(struct dns_resolver *resolver, const struct dns_settings *settings,
                  struct why *why)
{
    if (settings->server_count == 0 || settings->server_count > DNS_SERVERS_MAX) {
        return why_set(why, ST_INVALID, "between 1 and %d DNS servers are needed", DNS_SERVERS_MAX);
    }
    if (settings->timeout_ms <= 0 || settings->tries == 0) {
        return why_set(why, ST_INVALID, "the DNS needs a timeout and at least one try");
    }
    for (size_t i = 0; i < settings->server_count; i++) {
        enum status status = dns_server_parse(settings->servers[i], &resolver->servers[i], why);
        if (status != ST_OK) {
            return status;
        }
    }
    resolver->server_count = settings->server_count;
    resolver->timeout_ms = settings->timeout_ms;
    resolver->tries = settings->tries;
    atomic_init(&resolver->preferred, 0);
    return dns_cancel_open(&resolver->cancel, why);
}

void
dns_resolver_done(struct dns_resolver *resolver)
{
    dns_cancel_close(&resolver->cancel);
}

// One try at one server; the message is its answer, whatever it says.
static enum status
exchange(const struct dns_server *server, const struct dns_question *question,
         const struct dns_wait *wait, struct dns_query *query, struct dns_message *message,
         struct why *why)
{
    enum status status = dns_codec_build(question, dns_transport_new_id(), true, query, why);
    if (status == ST_OK) {
        status = dns_transport_udp(server, query, wait, message, why);
    }
    if (status == ST_OK && dns_codec_dislikes_edns(message->bytes)) {
        status = dns_codec_build(question, dns_transport_new_id(), false, query, why);
        if (status == ST_OK) {
            status = dns_transport_udp(server, query, wait, message, why);
        }
    }
    if (status == ST_OK && dns_codec_needs_tcp(query, message->bytes, message->length)) {
        status = dns_transport_tcp(server, query, wait, message, why);
    }
    return status;
}

// True if this server is not to be asked again: it said something, good or bad.
static bool
ask_server(const struct dns_server *server, enum dns_type type, const struct dns_wait *wait,
           struct dns_reply *reply)
{
    AUTO_FREE struct dns_message *message = xreallocarray(NULL, 1, sizeof(*message));
    struct dns_query query;
    struct dns_question question = {.name = reply->canonical, .type = type};
    struct why why;
    enum status status = exchange(server, &question, wait, &query, message, &why);
    if (status != ST_OK) {
        dns_reply_fail(reply, "%s", why.text);
        return status == ST_INVALID;
    }
    dns_codec_read(&query, message->bytes, message->length, server->is_loopback, reply);
    return true;
}

static bool
is_settled(const struct dns_reply *reply)
{
    return reply->status != DNS_TEMPORARY || reply->unfinished;
}

bool
dns_resolver_ask(struct dns_resolver *resolver, enum dns_type type, int64_t deadline_mono_ms,
                 struct dns_reply *reply)
{
    bool is_done_with[DNS_SERVERS_MAX] = {false};
    const struct dns_reply before = *reply; // a bad answer leaves no trace for the next server
    size_t first = atomic_load(&resolver->preferred);
    for (unsigned turn = 0; turn < resolver->tries * resolver->server_count; turn++) {
        size_t index = (first + turn) % resolver->server_count;
        if (is_done_with[index]) {
            continue;
        }
        int64_t now = clock_mono_ms();
        if (now >= deadline_mono_ms) {
            dns_reply_fail(reply, "the time allowed for the DNS is used up");
            return false;
        }
        if (dns_cancel_is_thrown(&resolver->cancel)) {
            dns_reply_fail(reply, "shutting down");
            return false;
        }
        int64_t deadline = now + resolver->timeout_ms;
        const struct dns_wait wait = {
            .deadline_mono_ms = deadline < deadline_mono_ms ? deadline : deadline_mono_ms,
            .cancel = &resolver->cancel,
        };
        dns_reply_restart(reply, &before);
        is_done_with[index] = ask_server(&resolver->servers[index], type, &wait, reply);
        if (is_settled(reply)) {
            atomic_store(&resolver->preferred, index);
            return true;
        }
    }
    return clock_mono_ms() < deadline_mono_ms && !dns_cancel_is_thrown(&resolver->cancel);
}
