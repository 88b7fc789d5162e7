// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/record_format.h"

#include <string.h>

void
record_format_txt(const char *text, struct strbuf *out)
{
    size_t length = strlen(text);
    size_t at = 0;
    do {
        size_t end = length - at < RECORD_TXT_STRING_MAX ? length : at + RECORD_TXT_STRING_MAX;
        strbuf_puts(out, at == 0 ? "\"" : " \"");
        for (; at < end; at++) {
            unsigned char c = (unsigned char)text[at];
            if (c == '"' || c == '\\') {
                strbuf_printf(out, "\\%c", c);
            } else if (c < ' ' || c > '~') {
                strbuf_printf(out, "\\%03u", c);
            } else {
                strbuf_putc(out, (char)c);
            }
        }
        strbuf_putc(out, '"');
    } while (at < length);
}

static void
put_data(const struct domain_record *record, struct strbuf *out)
{
    switch (record_purpose_type(record->purpose)) {
    case RECORD_TYPE_TXT:
        record_format_txt(record->value, out);
        break;
    case RECORD_TYPE_CNAME:
        strbuf_printf(out, "%s.", record->value);
        break;
    case RECORD_TYPE_MX:
        strbuf_printf(out, "%u %s.", record->preference, record->value);
        break;
    }
}

void
record_format_bind(const struct domain_records *records, struct strbuf *out)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *record = &records->items[i];
        strbuf_printf(out, "%s. %u IN %s ", record->name, record->ttl, record_type_name(record));
        put_data(record, out);
        strbuf_putc(out, '\n');
    }
}

static void
put_field(const char *text, struct strbuf *out)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        strbuf_puts(out, text);
        return;
    }
    strbuf_putc(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        strbuf_puts(out, *c == '"' ? "\"" : "");
        strbuf_putc(out, *c);
    }
    strbuf_putc(out, '"');
}

void
record_format_csv(const struct domain_records *records, const char *domain, const char *zone,
                  struct strbuf *out)
{
    strbuf_puts(out, "purpose,for,required,type,host,name,value,priority,ttl,status\r\n");
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *record = &records->items[i];
        char host[RECORD_NAME_SIZE];
        record_host_part(record, domain, zone, host);
        strbuf_printf(out, "%s,%s,%s,%s,", record_purpose_name(record->purpose),
                      record_for_name(record->needed_for), record->required ? "yes" : "no",
                      record_type_name(record));
        put_field(host, out);
        strbuf_putc(out, ',');
        put_field(record->name, out);
        strbuf_putc(out, ',');
        put_field(record->value, out);
        if (record_purpose_type(record->purpose) == RECORD_TYPE_MX) {
            strbuf_printf(out, ",%u", record->preference);
        } else {
            strbuf_putc(out, ',');
        }
        strbuf_printf(out, ",%u,%s\r\n", record->ttl, record_status_name(record->status));
    }
}
