// SPDX-License-Identifier: Apache-2.0
// Registered forwarders: built, written as text, read again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/forwarder.h"

static void
text_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "google s:google.com\n",
        "a\n",
        "gw s:a.example s:b.example n:192.0.2.0/24 n:2001:db8::/32\nmicrosoft365 s:microsoft.com\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct forwarders *forwarders = NULL;
        AUTO_STRBUF text = STRBUF_INIT(FORWARDERS_TEXT_MAX);
        assert_int_equal(forwarders_parse(TEXTS[i], &forwarders, NULL), ST_OK);
        forwarders_format(forwarders, &text);
        assert_string_equal(strbuf_text(&text), TEXTS[i]);
        free(forwarders);
    }
    struct forwarders *none = (struct forwarders *)1;
    assert_int_equal(forwarders_parse("", &none, NULL), ST_OK);
    assert_null(none);
}

static void
wrong_text_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"\n",
                                        "a",
                                        " a\n",
                                        "a x:b.example\n",
                                        "a b\n",
                                        "a s:\n",
                                        "a s:a..b\n",
                                        "a n:192.0.2.1/24\n",
                                        "a  s:b.test\n",
                                        "a s:b.test s:B.test\n",
                                        "a/b s:c.d\n",
                                        "a s:b.test\n\n",
                                        "a s:b.test\na s:c.test\n"};
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct forwarders *forwarders = NULL;
        struct why why = {""};
        if (forwarders_parse(TEXTS[i], &forwarders, &why) != ST_INVALID || forwarders != NULL ||
            why.text[0] == '\0') {
            fail_msg("'%s' was taken", TEXTS[i]);
        }
    }
}

static void
caps_hold_at_the_limit_and_one_past_it(void **state)
{
    (void)state;
    struct forwarder forwarder = {.name = ""};
    char text[FORWARDER_NAME_SIZE + 1];
    for (int i = 0; i < FORWARDER_SEALERS_MAX; i++) {
        (void)snprintf(text, sizeof(text), "s%d.example", i);
        assert_int_equal(forwarder_add_sealer(&forwarder, text, NULL), ST_OK);
    }
    assert_int_equal(forwarder_add_sealer(&forwarder, "x.example", NULL), ST_TOO_LARGE);
    for (int i = 0; i < FORWARDER_NETWORKS_MAX; i++) {
        assert_int_equal(forwarder_add_network(&forwarder, "192.0.2.0/24", NULL), ST_OK);
    }
    assert_int_equal(forwarder_add_network(&forwarder, "192.0.2.0/24", NULL), ST_TOO_LARGE);
    memset(text, 'n', sizeof(text));
    text[FORWARDER_NAME_SIZE] = '\0';
    assert_int_equal(forwarder_set_name(&forwarder, text, NULL), ST_TOO_LARGE);
    assert_string_equal(forwarder.name, "");
    text[FORWARDER_NAME_SIZE - 1] = '\0';
    assert_int_equal(forwarder_set_name(&forwarder, text, NULL), ST_OK);
    AUTO_STRBUF lines = STRBUF_INIT(FORWARDERS_TEXT_MAX);
    struct forwarders *forwarders = NULL;
    for (int i = 0; i < FORWARDERS_MAX; i++) {
        strbuf_printf(&lines, "a%d\n", i);
    }
    assert_int_equal(forwarders_parse(strbuf_text(&lines), &forwarders, NULL), ST_OK);
    free(forwarders);
    strbuf_puts(&lines, "a\n");
    assert_int_equal(forwarders_parse(strbuf_text(&lines), &forwarders, NULL), ST_TOO_LARGE);
}

static void
presets_are_known_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *sealer;
    } rows[] = {{"microsoft365", "microsoft.com"}, {"google", "google.com"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct forwarder forwarder = {.name = ""};
        assert_string_equal(forwarder_preset_name(i), rows[i].name);
        assert_true(forwarder_apply_preset(rows[i].name, &forwarder));
        assert_true(forwarder_has_sealer(&forwarder, rows[i].sealer));
        assert_false(forwarder_has_sealer(&forwarder, "x.example"));
        assert_false(forwarder_has_client(&forwarder, "192.0.2.1"));
    }
    struct forwarder forwarder = {.name = ""};
    assert_null(forwarder_preset_name(ARRAY_LEN(rows)));
    assert_false(forwarder_apply_preset("Google", &forwarder));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_as_it_was_written),
        cmocka_unit_test(wrong_text_is_refused),
        cmocka_unit_test(caps_hold_at_the_limit_and_one_past_it),
        cmocka_unit_test(presets_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
