// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"

// A message has at most 64 KB; names grow fourfold when every byte is escaped.
enum { REPLY_DATA_MAX = 512 * 1024, FIRST_RECORDS = 4 };

void
dns_reply_init(struct dns_reply *reply, const struct dns_name *name)
{
    reply->status = DNS_TEMPORARY;
    reply->canonical = *name;
    reply->unfinished = false;
    reply->cnames = 0;
    reply->ttl = UINT32_MAX;
    reply->authenticated = true;
    reply->soa = (struct dns_soa){.is_present = false};
    reply->problem[0] = '\0';
    reply->count = 0;
    reply->room = 0;
    reply->records = NULL;
    reply->data = STRBUF_INIT(REPLY_DATA_MAX);
}

void
dns_reply_restart(struct dns_reply *reply, const struct dns_reply *start)
{
    const struct dns_reply own = *reply;
    *reply = *start;
    reply->count = 0;
    reply->room = own.room;
    reply->records = own.records;
    reply->data = own.data;
    strbuf_reset(&reply->data);
}

void
dns_reply_done(struct dns_reply *reply)
{
    free(reply->records);
    reply->records = NULL;
    reply->room = 0;
    strbuf_done(&reply->data);
}

void
dns_reply_fail(struct dns_reply *reply, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reply->problem, sizeof(reply->problem), format, args);
    va_end(args);
    reply->status = DNS_TEMPORARY;
    reply->unfinished = false;
    reply->authenticated = false;
    reply->count = 0;
}

bool
dns_reply_add(struct dns_reply *reply, uint16_t preference, const void *data, size_t length)
{
    if (reply->count == DNS_RECORDS_MAX) {
        dns_reply_fail(reply, "more than %d records", DNS_RECORDS_MAX);
        return false;
    }
    size_t offset = reply->data.length;
    strbuf_append(&reply->data, data, length);
    strbuf_putc(&reply->data, '\0');
    if (length > DNS_DATA_MAX || reply->data.overflow) {
        dns_reply_fail(reply, "a record is too large");
        return false;
    }
    if (reply->count == reply->room) {
        reply->room = reply->room == 0 ? FIRST_RECORDS : 2 * reply->room;
        reply->records = xreallocarray(reply->records, reply->room, sizeof(*reply->records));
    }
    reply->records[reply->count++] = (struct dns_reply_record){
        .preference = preference,
        .offset = offset,
        .length = length,
    };
    return true;
}

bool
dns_reply_add_name(struct dns_reply *reply, uint16_t preference, const unsigned char *wire,
                   size_t length)
{
    char text[DNS_NAME_TEXT_SIZE];
    dns_name_format(wire, length, text);
    return dns_reply_add(reply, preference, text, strlen(text));
}

bool
dns_reply_follow(struct dns_reply *reply, const struct dns_name *target, uint32_t ttl)
{
    if (reply->cnames == DNS_CNAME_MAX) {
        dns_reply_fail(reply, "the chain of CNAMEs loops or is longer than %d", DNS_CNAME_MAX);
        return false;
    }
    reply->cnames++;
    reply->canonical = *target;
    reply->ttl = ttl < reply->ttl ? ttl : reply->ttl;
    return true;
}

// One block: this, the records, their data, the canonical name, the problem.
struct shared_answer {
    struct dns_answer answer;
    atomic_uint references;
    size_t bytes;
    struct dns_record records[];
};

static struct shared_answer *
shared_of(const struct dns_answer *answer)
{
    return (struct shared_answer *)(uintptr_t)answer; // made by dns_answer_new, never const
}

static char *
put_bytes(char **at, const void *data, size_t length)
{
    char *start = *at;
    memcpy(start, data, length);
    start[length] = '\0';
    *at = start + length + 1;
    return start;
}

const struct dns_answer *
dns_answer_new(const struct dns_reply *reply, enum dns_type type, int64_t keep_ms)
{
    char canonical[DNS_NAME_TEXT_SIZE];
    dns_name_format(reply->canonical.wire, reply->canonical.length, canonical);
    size_t count = reply->status == DNS_OK ? reply->count : 0;
    size_t bytes = sizeof(struct shared_answer) + count * sizeof(struct dns_record) +
                   (count > 0 ? reply->data.length : 0) + strlen(canonical) +
                   strlen(reply->problem) + 2;
    struct shared_answer *shared = xcalloc(1, bytes);
    char *at = (char *)&shared->records[count];
    for (size_t i = 0; i < count; i++) {
        const struct dns_reply_record *record = &reply->records[i];
        shared->records[i] = (struct dns_record){
            .preference = record->preference,
            .length = record->length,
            .data = put_bytes(&at, reply->data.data + record->offset, record->length),
        };
    }
    shared->bytes = bytes;
    atomic_init(&shared->references, 1);
    shared->answer = (struct dns_answer){
        .status = reply->status,
        .type = type,
        .expires_mono_ms = clock_mono_ms() + keep_ms,
        .ttl = reply->ttl == UINT32_MAX ? 0 : reply->ttl,
        .authenticated = reply->authenticated,
        .soa = reply->soa,
        .canonical = put_bytes(&at, canonical, strlen(canonical)),
        .problem = put_bytes(&at, reply->problem, strlen(reply->problem)),
        .count = count,
        .records = shared->records,
    };
    assert((size_t)(at - (char *)shared) <= bytes);
    return &shared->answer;
}

const struct dns_answer *
dns_answer_ref(const struct dns_answer *answer)
{
    atomic_fetch_add(&shared_of(answer)->references, 1);
    return answer;
}

void
dns_answer_release(const struct dns_answer *answer)
{
    struct shared_answer *shared = shared_of(answer);
    if (atomic_fetch_sub(&shared->references, 1) == 1) {
        free(shared);
    }
}

size_t
dns_answer_size(const struct dns_answer *answer)
{
    return shared_of(answer)->bytes;
}
