// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/attrs.h"
#include "milter/outage.h"

static void
recipients_wait_or_go_on_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *recipient;
        const char *mailer;
        bool authenticated;
        int64_t at_ms;
        bool waits;
    } TABLE[] = {
        {"ours, from a stranger", "<new@Ours.example>", "smtp", false, 0, true},
        {"ours, from a SASL client", "<new@ours.example>", "smtp", true, 0, true},
        {"ours, long after", "<new@ours.example>", "smtp", false, 86400000, true},
        {"Postfix's own", "<box@own.example>", "virtual", false, 0, false},
        {"abroad, SASL client", "<a@abroad.example>", "smtp", true, 0, false},
        {"abroad, perhaps just answered ours", "<a@abroad.example>", "smtp", false, 0, true},
        {"the same at the end of the doubt", "<a@abroad.example>", "smtp", false,
         OUTAGE_DOUBT_MS - 1, true},
        {"the same behind it", "<a@abroad.example>", "smtp", false, OUTAGE_DOUBT_MS, false},
        {"an MTA that tells no mailer", "<a@abroad.example>", "", false, 0, true},
        {"Sendmail's mailer", "<a@abroad.example>", "esmtp", false, 0, true},
        {"known as not ours", "<a@elsewhere.example>", "smtp", false, OUTAGE_DOUBT_MS, false},
        {"no address", "<>", "virtual", false, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        struct outage *outage = outage_new();
        outage_heard(outage, "<known@ours.example>", true);
        outage_heard(outage, "<known@elsewhere.example>", false);
        (void)outage_must_wait(outage, "<first@own.example>", "local", false, 0); // it begins
        bool waits = outage_must_wait(outage, TABLE[i].recipient, TABLE[i].mailer,
                                      TABLE[i].authenticated, TABLE[i].at_ms);
        if (waits != TABLE[i].waits) {
            fail_msg("%s: %s", TABLE[i].label, waits ? "waits" : "goes on");
        }
        outage_free(outage);
    }
}

static void
an_answer_ends_the_outage_and_the_doubt_begins_anew(void **state)
{
    (void)state;
    struct outage *outage = outage_new();
    assert_true(outage_must_wait(outage, "<a@b.example>", "smtp", false, 1000));
    assert_false(outage_must_wait(outage, "<a@b.example>", "smtp", false, 1000 + OUTAGE_DOUBT_MS));
    outage_heard(outage, "<x@y.example>", false);
    assert_true(outage_must_wait(outage, "<a@b.example>", "smtp", false, 2000 + OUTAGE_DOUBT_MS));
    outage_free(outage);
}

static void
names_past_the_cap_are_protected_by_the_doubt_only(void **state)
{
    (void)state;
    struct outage *outage = outage_new();
    char recipient[64];
    for (int i = 0; i <= OUTAGE_NAMES_MAX; i++) {
        (void)snprintf(recipient, sizeof(recipient), "<a@d%d.example>", i);
        outage_heard(outage, recipient, true);
    }
    int64_t late = OUTAGE_DOUBT_MS;
    assert_false(outage_must_wait(outage, "<a@x.example>", "virtual", false, 0));
    (void)snprintf(recipient, sizeof(recipient), "<a@d%d.example>", OUTAGE_NAMES_MAX - 1);
    assert_true(outage_must_wait(outage, recipient, "smtp", false, late));
    (void)snprintf(recipient, sizeof(recipient), "<a@d%d.example>", OUTAGE_NAMES_MAX);
    assert_false(outage_must_wait(outage, recipient, "smtp", false, late));
    outage_free(outage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipients_wait_or_go_on_as_the_table_says),
        cmocka_unit_test(an_answer_ends_the_outage_and_the_doubt_begins_anew),
        cmocka_unit_test(names_past_the_cap_are_protected_by_the_doubt_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
