// SPDX-License-Identifier: Apache-2.0
// A domain's TXT records from a stranger: whatever stands there, each record gets a status, and
// what is said of it is printable ASCII. The first byte says which record; lines are TXT records.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "common/xalloc.h"
#include "tests/unit/domain/script.h"

static const struct domain_record RECORDS[] = {
    {.purpose = PURPOSE_OWNERSHIP,
     .type = DNS_TXT,
     .name = "_mailspur.c.example",
     .value = "mailspur-verify=abcdefgh",
     .wanted = "mailspur-verify=abcdefgh"},
    {.purpose = PURPOSE_SPF,
     .type = DNS_TXT,
     .name = "c.example",
     .value = "v=spf1 include:amazonses.com ~all",
     .wanted = "amazonses.com"},
    {.purpose = PURPOSE_DMARC,
     .type = DNS_TXT,
     .name = "_dmarc.c.example",
     .value = "v=DMARC1; p=quarantine",
     .wanted = "quarantine"},
    {.purpose = PURPOSE_DKIM, // the TXT is what a DNS host may have made of the CNAME
     .type = DNS_CNAME,
     .name = "k1._domainkey.c.example",
     .value = "k1.keys.example",
     .wanted = "k1.keys.example",
     .key_must_match = true},
};

static void
require_printable(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    if (length == size) {
        abort();
    }
    for (size_t i = 0; i < length; i++) {
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n') {
            abort();
        }
    }
}

static void
require_whole(const struct domain_record *record)
{
    if (record->status == RECORD_UNCHECKED || record->finding_count > RECORD_FINDINGS_MAX) {
        abort();
    }
    require_printable(record->observed, sizeof(record->observed));
    require_printable(record->value, sizeof(record->value));
    for (size_t i = 0; i < record->finding_count; i++) {
        require_printable(record->findings[i].problem, FINDING_PROBLEM_SIZE);
        require_printable(record->findings[i].cure, FINDING_CURE_SIZE);
    }
}

// The input as lines of a fixture: any byte can stand in a TXT.
static void
append_lines(struct strbuf *out, const char *name, const uint8_t *data, size_t size)
{
    strbuf_printf(out, "%s TXT ", name);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            strbuf_printf(out, "\n%s TXT ", name);
        } else {
            strbuf_printf(out, "\\%03u", data[i]);
        }
    }
    strbuf_putc(out, '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_STRBUF zone = STRBUF_INIT(1024 * 1024);
    if (size == 0 || size > 4096) {
        return 0;
    }
    const struct domain_record *record = &RECORDS[data[0] % ARRAY_LEN(RECORDS)];
    append_lines(&zone, record->name, data + 1, size - 1);
    const char *lines[] = {strbuf_text(&zone), NULL};
    const char *world[] = {"amazonses.com TXT v=spf1 ip4:192.0.2.0/24 -all\n", NULL};
    struct script script = {.cut = "c.example", .server_count = 1};
    script.servers[0].lines = script_lines(lines);
    script.resolver = script_lines(world);
    struct check_asker asker = {.ask = script_ask, .release = script_release, .context = &script};
    struct check_subject subject = {.domain = "c.example"};
    struct check_summary summary;
    AUTO_RECORDS records = {.count = 0};
    *domain_records_add(&records) = *record;
    check_records(&asker, script.resolver, &subject, &records, &summary);
    require_whole(&records.items[0]);
    require_printable(summary.detail, sizeof(summary.detail));
    dns_close(script.servers[0].lines);
    dns_close(script.resolver);
    return 0;
}
