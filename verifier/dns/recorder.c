// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/recorder.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "verifier/dns/name.h"

struct entry {
    char *name; /* as dns_name_format writes it */
    enum dns_type type;
    const struct dns_answer *answer;
    bool was_changed; /* asked again, it was answered otherwise */
};

struct dns_recorder {
    struct entry *entries;
    size_t count;
    size_t allocated;
    size_t bytes;
    size_t dropped;
};

struct dns_recorder *
dns_recorder_new(void)
{
    return xcalloc(1, sizeof(struct dns_recorder));
}

void
dns_recorder_free(struct dns_recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    for (size_t i = 0; i < recorder->count; i++) {
        free(recorder->entries[i].name);
        dns_answer_release(recorder->entries[i].answer);
    }
    free(recorder->entries);
    free(recorder);
}

static struct entry *
find(const struct dns_recorder *recorder, const char *name, enum dns_type type)
{
    for (size_t i = 0; i < recorder->count; i++) {
        struct entry *entry = &recorder->entries[i];
        if (entry->type == type && strcmp(entry->name, name) == 0) {
            return entry;
        }
    }
    return NULL;
}

static bool
is_same_answer(const struct dns_answer *a, const struct dns_answer *b)
{
    bool is_same = a->status == b->status && a->count == b->count;
    for (size_t i = 0; is_same && a != b && i < a->count; i++) {
        const struct dns_record *one = &a->records[i];
        const struct dns_record *other = &b->records[i];
        is_same = one->preference == other->preference && one->length == other->length &&
                  memcmp(one->data, other->data, one->length) == 0;
    }
    return is_same;
}

static void
add(struct dns_recorder *recorder, const char *name, enum dns_type type,
    const struct dns_answer *answer)
{
    size_t bytes = dns_answer_size(answer);
    if (recorder->count == DNS_RECORDER_ENTRIES_MAX ||
        bytes > DNS_RECORDER_BYTES_MAX - recorder->bytes) {
        recorder->dropped++;
        return;
    }
    if (recorder->count == recorder->allocated) {
        recorder->allocated = recorder->allocated == 0 ? 16 : recorder->allocated * 2;
        recorder->entries =
            xreallocarray(recorder->entries, recorder->allocated, sizeof(*recorder->entries));
    }
    recorder->entries[recorder->count++] =
        (struct entry){.name = xstrdup(name), .type = type, .answer = dns_answer_ref(answer)};
    recorder->bytes += bytes;
}

void
dns_recorder_note(struct dns_recorder *recorder, const char *name, enum dns_type type,
                  const struct dns_answer *answer)
{
    struct dns_name parsed;
    if (recorder == NULL || answer->status == DNS_BAD_NAME || !dns_name_parse(name, &parsed)) {
        return;
    }
    char text[DNS_NAME_TEXT_SIZE];
    dns_name_format(parsed.wire, parsed.length, text);
    struct entry *before = find(recorder, text, type);
    if (before == NULL) {
        add(recorder, text, type, answer);
    } else if (!is_same_answer(before->answer, answer)) {
        before->was_changed = true;
    }
}

size_t
dns_recorder_count(const struct dns_recorder *recorder)
{
    return recorder->count;
}

size_t
dns_recorder_dropped(const struct dns_recorder *recorder)
{
    return recorder->dropped;
}

// ---- as a file

// A name at the start of a line: what would be read as something else there is escaped.
static void
put_name(const char *name, struct strbuf *out)
{
    if (name[0] == '#' || name[0] == '!') {
        strbuf_printf(out, "\\%03u", (unsigned char)name[0]);
        name++;
    }
    strbuf_puts(out, name);
}

// The text of a TXT record: printable ASCII as it is, but for what means something at its start.
static void
put_text(const struct dns_record *record, struct strbuf *out)
{
    for (size_t i = 0; i < record->length; i++) {
        unsigned char byte = (unsigned char)record->data[i];
        bool is_plain = byte >= ' ' && byte <= '~' && byte != '\\' && (i > 0 || byte != '!');
        if (is_plain) {
            strbuf_putc(out, (char)byte);
        } else {
            strbuf_printf(out, "\\%03u", byte);
        }
    }
}

static void
put_data(const struct dns_record *record, enum dns_type type, struct strbuf *out)
{
    char address[INET6_ADDRSTRLEN] = "";
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        (void)inet_ntop(type == DNS_A ? AF_INET : AF_INET6, record->data, address, sizeof(address));
        strbuf_puts(out, address);
        return;
    case DNS_MX:
        strbuf_printf(out, "%u %s", record->preference, record->data);
        return;
    case DNS_TXT:
    case DNS_SPF:
        put_text(record, out);
        return;
    case DNS_NS:
    case DNS_CNAME:
    case DNS_SOA:
    case DNS_PTR:
        strbuf_puts(out, record->data);
        return;
    }
}

// Problems are sentences of ours, with words of strangers in them at most.
static void
put_problem(const char *problem, struct strbuf *out)
{
    strbuf_puts(out, "!TEMPORARY ");
    for (; *problem != '\0'; problem++) {
        strbuf_putc(out, *problem >= ' ' && *problem <= '~' ? *problem : '?');
    }
}

// What stands for an answer without records.
static void
put_outcome(const struct dns_answer *answer, struct strbuf *out)
{
    switch (answer->status) {
    case DNS_OK: // has records
    case DNS_NODATA:
        strbuf_puts(out, "!NODATA");
        return;
    case DNS_NXDOMAIN:
        strbuf_puts(out, "!NXDOMAIN");
        return;
    case DNS_TEMPORARY:
    case DNS_BAD_NAME: // is never noted
        put_problem(answer->problem, out);
        return;
    }
}

static void
put_question(const struct entry *entry, struct strbuf *out)
{
    put_name(entry->name, out);
    strbuf_printf(out, " %s ", dns_type_name(entry->type));
}

static void
put_entry(const struct entry *entry, struct strbuf *out)
{
    const struct dns_answer *answer = entry->answer;
    strbuf_printf(out, "# ttl %" PRIu32, answer->ttl);
    if (strcmp(answer->canonical, entry->name) != 0) {
        strbuf_printf(out, ", by CNAME at %s", answer->canonical);
    }
    strbuf_printf(out, "%s%s\n", answer->authenticated ? ", authenticated" : "",
                  entry->was_changed ? ", answered otherwise when asked again" : "");
    if (answer->count == 0) {
        put_question(entry, out);
        put_outcome(answer, out);
        strbuf_putc(out, '\n');
    }
    for (size_t i = 0; i < answer->count; i++) {
        put_question(entry, out);
        put_data(&answer->records[i], entry->type, out);
        strbuf_putc(out, '\n');
    }
}

size_t
dns_recorder_format(const struct dns_recorder *recorder, struct strbuf *out)
{
    size_t left_out = recorder->dropped;
    AUTO_STRBUF text = STRBUF_INIT(DNS_RECORDER_ENTRY_MAX);
    strbuf_puts(out, "!ONLY\n");
    for (size_t i = 0; i < recorder->count; i++) {
        strbuf_reset(&text);
        put_entry(&recorder->entries[i], &text);
        if (text.overflow || text.length > out->cap - out->length) {
            left_out++;
        } else {
            strbuf_append(out, text.data, text.length);
        }
    }
    return left_out;
}
