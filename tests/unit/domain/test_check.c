// SPDX-License-Identifier: Apache-2.0
// The check of a domain against scripted servers: the table in zones.txt, and what a row cannot
// say.
#include "verifier/domain/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/strbuf.h"
#include "common/xalloc.h"
#include "tests/unit/domain/zones.h"

static struct zones *zones;

// "purpose status finding finding; purpose ..."
static void
format_records(const struct domain_records *records, struct strbuf *out)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *record = &records->items[i];
        strbuf_printf(out, "%s%s %s", i == 0 ? "" : "; ", record_purpose_name(record->purpose),
                      record_status_name(record->status));
        for (size_t k = 0; k < record->finding_count; k++) {
            strbuf_printf(out, " %s", finding_code_name(record->findings[k].code));
        }
    }
}

static bool
is_said(const struct domain_records *records, const char *text)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < records->items[i].finding_count; k++) {
            const struct finding *finding = &records->items[i].findings[k];
            if (strstr(finding->problem, text) != NULL || strstr(finding->cure, text) != NULL) {
                return true;
            }
        }
    }
    return false;
}

static void
print_findings(const struct domain_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < records->items[i].finding_count; k++) {
            const struct finding *finding = &records->items[i].findings[k];
            print_error("    %s | %s\n", finding->problem, finding->cure);
        }
    }
}

// Every finding is a whole: two sentences that were not cut.
static bool
is_whole(const struct domain_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < records->items[i].finding_count; k++) {
            const struct finding *finding = &records->items[i].findings[k];
            size_t length = strlen(finding->problem);
            if (length == 0 || length == sizeof(finding->problem) - 1 || finding->cure[0] == '\0') {
                return false;
            }
        }
    }
    return true;
}

static bool
is_registered(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "mail.r.example") == 0;
}

static bool
run_case(const struct zone_case *zone_case)
{
    struct script script = zones_script(zones, zone_case);
    struct check_asker asker = {.ask = script_ask, .release = script_release, .context = &script};
    struct check_subject subject = {.domain = zone_case->domain, .is_registered = is_registered};
    struct check_summary summary;
    AUTO_FREE struct domain_records *records = zones_records(zones, zone_case);
    AUTO_STRBUF seen = STRBUF_INIT(4096);
    check_records(&asker, script.resolver, &subject, records, &summary, NULL);
    format_records(records, &seen);
    bool is_good = strcmp(strbuf_text(&seen), zone_case->expected) == 0 && is_whole(records) &&
                   (zone_case->says[0] == '\0' || is_said(records, zone_case->says));
    if (!is_good) {
        print_error("%s:\n    expected %s\n    seen     %s\n", zone_case->label,
                    zone_case->expected, strbuf_text(&seen));
        print_findings(records);
    }
    zones_script_done(&script);
    return is_good;
}

static void
every_zone_gets_its_status_and_its_findings(void **state)
{
    size_t wrong = 0;
    (void)state;
    assert_true(zones->count >= 60);
    for (size_t i = 0; i < zones->count; i++) {
        wrong += run_case(&zones->cases[i]) ? 0 : 1;
    }
    assert_int_equal(wrong, 0);
}

static int
read_zones(void **state)
{
    (void)state;
    zones = zones_read(ZONES_FILE);
    return 0;
}

static int
free_zones(void **state)
{
    (void)state;
    zones_free(zones);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_zone_gets_its_status_and_its_findings),
    };
    return cmocka_run_group_tests(tests, read_zones, free_zones);
}
