// SPDX-License-Identifier: Apache-2.0
#include "router/dedupe.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/header.h"
#include "common/xalloc.h"

enum { READ_SIZE = 64 * 1024 };

// Written by hosts on the way, new with every attempt. A name ending in '-' stands for all that
// begin with it. Signatures are here because some MTAs sign each attempt anew (t=, x=).
static const char *const TRACE_FIELDS[] = {
    "Received",
    "Received-SPF",
    "Return-Path",
    "Delivered-To",
    "X-Received",
    "X-Original-To",
    "Authentication-Results",
    "Authentication-Results-Original",
    "ARC-",
    "DKIM-Signature",
    "DomainKey-Signature",
    "X-Google-",
    "X-MS-Exchange-",
    "X-Microsoft-Antispam",
    "X-Microsoft-Antispam-",
    "X-Forefront-",
    "X-Spam-",
    "X-Virus-",
};

static bool
is_trace(const struct header_field *field)
{
    for (size_t i = 0; i < ARRAY_LEN(TRACE_FIELDS); i++) {
        const char *name = TRACE_FIELDS[i];
        size_t length = strlen(name);
        bool is_prefix = name[length - 1] == '-';
        if (header_is(field, name) || (is_prefix && field->name_length > length &&
                                       strncasecmp(field->name, name, length) == 0)) {
            return true;
        }
    }
    return false;
}

// Postfix makes <time.queueid@myhostname> where the sender wrote no Message-ID.
static bool
is_postfix_invention(const struct header_field *field, const struct intake_commit *commit)
{
    if (!header_is(field, "Message-ID") || commit->queue_id[0] == '\0' ||
        commit->mta_name[0] == '\0') {
        return false;
    }
    char value[512];
    char ending[512];
    header_copy_value(field, value, sizeof(value));
    (void)snprintf(ending, sizeof(ending), ".%s@%s>", commit->queue_id, commit->mta_name);
    size_t length = strlen(value);
    size_t ending_length = strlen(ending);
    return length > ending_length && strcasecmp(value + length - ending_length, ending) == 0;
}

// With its length before it, so that no two lists of texts run into the same bytes.
static void
add_text(struct digest *digest, const char *text, size_t length)
{
    char head[32];
    int head_length = snprintf(head, sizeof(head), "%zu:", length);
    digest_update(digest, head, (size_t)head_length);
    digest_update(digest, text, length);
}

static void
add_field(struct digest *digest, const struct header_field *field)
{
    char name[128]; // longer names are cut: their values still count
    size_t length = field->name_length < sizeof(name) ? field->name_length : sizeof(name);
    for (size_t i = 0; i < length; i++) {
        name[i] = (char)tolower((unsigned char)field->name[i]);
    }
    add_text(digest, name, length);
    add_text(digest, field->value, field->value_length);
}

// Adds the sender's fields; true when Message-ID and Date are among them.
static bool
add_header(struct digest *digest, const struct dedupe_message *message)
{
    bool has_id = false;
    bool has_date = false;
    struct header_field field;
    for (size_t offset = 0;
         header_next(message->header, message->header_length, &offset, &field);) {
        if (is_postfix_invention(&field, message->commit)) {
            break; // what follows is Postfix's too
        }
        if (is_trace(&field)) {
            continue;
        }
        has_id = has_id || header_is(&field, "Message-ID");
        has_date = has_date || header_is(&field, "Date");
        add_field(digest, &field);
    }
    return has_id && has_date;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_envelope(struct digest *digest, const struct dedupe_message *message)
{
    add_text(digest, message->commit->sender, strlen(message->commit->sender));
    size_t count = message->recipient_count;
    AUTO_FREE const char **sorted = xcalloc(count, sizeof(*sorted));
    memcpy(sorted, message->recipients, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_texts);
    for (size_t i = 0; i < count; i++) {
        add_text(digest, sorted[i], strlen(sorted[i]));
    }
    add_text(digest, "", 0); // ends the list: no recipient is empty
}

static enum status
add_body(struct digest *digest, const struct dedupe_message *message, struct why *why)
{
    if (message->body != NULL) {
        digest_update(digest, message->body, message->commit->size - message->header_length);
        return ST_OK;
    }
    AUTO_FREE char *buffer = xcalloc(1, READ_SIZE);
    uint64_t offset = message->header_length;
    while (offset < message->commit->size) {
        uint64_t left = message->commit->size - offset;
        ssize_t got = pread(message->body_fd, buffer, left < READ_SIZE ? (size_t)left : READ_SIZE,
                            (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return why_errno(why, ST_IO, "read the message");
        }
        if (got == 0) {
            return why_set(why, ST_IO, "the message ends after %llu of %llu bytes",
                           (unsigned long long)offset, (unsigned long long)message->commit->size);
        }
        digest_update(digest, buffer, (size_t)got);
        offset += (uint64_t)got;
    }
    return ST_OK;
}

enum status
dedupe_key(const struct dedupe_message *message, struct store_dedupe *dedupe_out, struct why *why)
{
    AUTO_DIGEST *digest = digest_new_sha256();
    add_envelope(digest, message);
    bool is_senders = add_header(digest, message);
    add_text(digest, "", 0); // ends the header: no field has an empty name
    enum status status = add_body(digest, message, why);
    if (status != ST_OK) {
        return status;
    }
    *dedupe_out = (struct store_dedupe){.until_acknowledged = !is_senders};
    digest_finish(digest, dedupe_out->key);
    return ST_OK;
}
