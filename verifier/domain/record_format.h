// SPDX-License-Identifier: Apache-2.0
// Records as text to take away: lines of a zone file, and CSV.
#ifndef VERIFIER_DOMAIN_RECORD_FORMAT_H
#define VERIFIER_DOMAIN_RECORD_FORMAT_H

#include "common/strbuf.h"
#include "verifier/domain/record.h"

enum {
    RECORD_TXT_STRING_MAX = 255,           /* RFC 1035, 3.3 */
    RECORD_FORMAT_MAX = RECORDS_MAX * 8192 /* a cap for `out` that always suffices */
};

/** Append a TXT's data in quotes, split in strings of at most 255 bytes and escaped (RFC 1035,
 *  5.1). */
void record_format_txt(const char *text, struct strbuf *out);

/** Append one line a record with full names, as BIND, NSD and others read them. */
void record_format_bind(const struct domain_records *records, struct strbuf *out);

/**
 * Append RFC 4180: a header line, then purpose, for, required, type, host, name, value, priority,
 * ttl, status; lines end in CRLF. A field that begins with = + - @ gets no special care: it is data
 * for programs.
 *
 * @zone  as record_host_part takes it
 */
void record_format_csv(const struct domain_records *records, const char *domain, const char *zone,
                       struct strbuf *out);

#endif
