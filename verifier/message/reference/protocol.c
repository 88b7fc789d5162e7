// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/reference/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/verdict.h"
#include "common/xalloc.h"

enum { CLIENT_MAX = 64, SENDER_MAX = LOCAL_PART_SIZE + DOMAIN_NAME_SIZE };

#define LAYOUT(packet_kind, table)                                                                 \
    {                                                                                              \
        .kind = (packet_kind), .fields = (table), .field_count = ARRAY_LEN(table)                  \
    }

static const struct frame_field READY_FIELDS[] = {
    FRAME_NUMBER_FIELD(1, struct reference_ready, version),
};
const struct frame_layout REFERENCE_READY_LAYOUT = LAYOUT(REFERENCE_READY, READY_FIELDS);

static const struct frame_field CHECK_FIELDS[] = {
    FRAME_TEXT_FIELD(1, struct reference_check, client, CLIENT_MAX),
    FRAME_TEXT_FIELD(2, struct reference_check, helo, DOMAIN_NAME_MAX),
    FRAME_TEXT_FIELD(3, struct reference_check, sender, SENDER_MAX),
    FRAME_NUMBER_FIELD(4, struct reference_check, size),
    FRAME_NUMBER_FIELD(5, struct reference_check, header_length),
    FRAME_NUMBER_FIELD(6, struct reference_check, signatures_max),
};
const struct frame_layout REFERENCE_CHECK_LAYOUT = LAYOUT(REFERENCE_CHECK, CHECK_FIELDS);

static const struct frame_field QUESTION_FIELDS[] = {
    FRAME_TEXT_FIELD(1, struct reference_question, name, REFERENCE_NAME_MAX),
    FRAME_NUMBER_FIELD(2, struct reference_question, type),
};
const struct frame_layout REFERENCE_QUESTION_LAYOUT = LAYOUT(REFERENCE_QUESTION, QUESTION_FIELDS);

static const struct frame_field ANSWER_FIELDS[] = {
    FRAME_NUMBER_FIELD(1, struct reference_answer, status),
    FRAME_NUMBER_FIELD(2, struct reference_answer, count),
    FRAME_TEXT_FIELD(3, struct reference_answer, records, REFERENCE_RECORDS_MAX),
};
const struct frame_layout REFERENCE_ANSWER_LAYOUT = LAYOUT(REFERENCE_ANSWER, ANSWER_FIELDS);

static const struct frame_field SPF_FIELDS[] = {
    FRAME_NUMBER_FIELD(1, struct reference_spf, is_helo),
    FRAME_NUMBER_FIELD(2, struct reference_spf, result),
    FRAME_NUMBER_FIELD(3, struct reference_spf, terms),
    FRAME_NUMBER_FIELD(4, struct reference_spf, voids),
};
const struct frame_layout REFERENCE_SPF_LAYOUT = LAYOUT(REFERENCE_SPF, SPF_FIELDS);

static const struct frame_field DKIM_FIELDS[] = {
    FRAME_NUMBER_FIELD(1, struct reference_dkim, result),
    FRAME_TEXT_FIELD(2, struct reference_dkim, domain, DOMAIN_NAME_MAX),
    FRAME_TEXT_FIELD(3, struct reference_dkim, selector, DOMAIN_NAME_MAX),
    FRAME_TEXT_FIELD(4, struct reference_dkim, algorithm, 23),
    FRAME_TEXT_FIELD(5, struct reference_dkim, reason, VERDICT_REASON_SIZE - 1),
    FRAME_NUMBER_FIELD(6, struct reference_dkim, bits),
    FRAME_NUMBER_FIELD(7, struct reference_dkim, unsigned_tail),
};
const struct frame_layout REFERENCE_DKIM_LAYOUT = LAYOUT(REFERENCE_DKIM, DKIM_FIELDS);

static const struct frame_field DONE_FIELDS[] = {
    FRAME_NUMBER_FIELD(1, struct reference_done, ignored),
};
const struct frame_layout REFERENCE_DONE_LAYOUT = LAYOUT(REFERENCE_DONE, DONE_FIELDS);

void
reference_format_records(const struct dns_answer *answer, struct strbuf *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];
        strbuf_printf(out, "%u ", (unsigned)record->preference);
        for (size_t at = 0; at < record->length && !out->overflow; at++) {
            unsigned char byte = (unsigned char)record->data[at];
            char pair[2] = {digits[byte >> 4], digits[byte & 15]};
            strbuf_append(out, pair, sizeof(pair));
        }
        strbuf_putc(out, '\n');
    }
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One line, without its end, into a record.
static bool
parse_record(const char *line, size_t length, struct reference_record *out)
{
    unsigned preference = 0;
    size_t at = 0;
    for (; at < length && at < 5 && line[at] >= '0' && line[at] <= '9'; at++) {
        preference = preference * 10 + (unsigned)(line[at] - '0');
    }
    if (at == 0 || at >= length || line[at] != ' ' || (length - at - 1) % 2 != 0) {
        return false;
    }
    size_t bytes = (length - at - 1) / 2;
    AUTO_FREE char *data = xcalloc(bytes + 1, 1);
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_digit(line[at + 1 + 2 * i]);
        int low = hex_digit(line[at + 2 + 2 * i]);
        if (high < 0 || low < 0) {
            return false;
        }
        data[i] = (char)(high << 4 | low);
    }
    *out = (struct reference_record){(uint16_t)preference, bytes, STEAL(data)};
    return true;
}

enum status
reference_parse_records(const char *text, size_t count, struct reference_records *out)
{
    if (count > DNS_RECORDS_MAX) {
        return ST_INVALID;
    }
    struct reference_records records = {.list = xcalloc(count + 1, sizeof(*records.list))};
    while (records.count < count) {
        const char *end = strchr(text, '\n');
        if (end == NULL ||
            !parse_record(text, (size_t)(end - text), &records.list[records.count])) {
            reference_free_records(&records);
            return ST_INVALID;
        }
        records.count++;
        text = end + 1;
    }
    *out = records;
    return ST_OK;
}

void
reference_free_records(struct reference_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        free(records->list[i].data);
    }
    free(records->list);
    *records = (struct reference_records){.list = NULL};
}
