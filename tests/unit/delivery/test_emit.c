// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define FFFD "\xef\xbf\xbd"
#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *label;
    const char *bytes;
    size_t length;
    const char *json;
} TEXTS[] = {
    {"empty", BYTES(""), "\"\""},
    {"plain", BYTES("abc"), "\"abc\""},
    {"quote and backslash", BYTES("a\"b\\c"), "\"a\\\"b\\\\c\""},
    {"short escapes", BYTES("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
    {"other control bytes", BYTES("\x01\x1f"), "\"\\u0001\\u001f\""},
    {"delete is plain", BYTES("\x7f"), "\"\x7f\""},
    {"NUL", BYTES("a\0b"), "\"a" FFFD "b\""},
    {"two, three, four bytes", BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
     "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {"first and last code points",
     BYTES("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf"),
     "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\""},
    {"Latin-1", BYTES("caf\xe9 x"), "\"caf" FFFD " x\""},
    {"lone continuation", BYTES("\x80\xbf"), "\"" FFFD FFFD "\""},
    {"overlong", BYTES("\xc0\xaf"), "\"" FFFD FFFD "\""},
    {"overlong, three bytes", BYTES("\xe0\x80\xaf"), "\"" FFFD FFFD FFFD "\""},
    {"surrogate", BYTES("\xed\xa0\x80"), "\"" FFFD FFFD FFFD "\""},
    {"above U+10FFFF", BYTES("\xf4\x90\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\""},
    {"never a lead byte", BYTES("\xf5\xff"), "\"" FFFD FFFD "\""},
    {"cut at the end", BYTES("\xe2\x82"), "\"" FFFD "\""},
    {"cut by a quote", BYTES("\xf0\x9f\x98\""), "\"" FFFD "\\\"\""},
};

static void
text_is_escaped_and_always_valid_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        AUTO_STRBUF out = STRBUF_INIT(1000);
        struct emitter emitter = {.out = &out};
        emit_bytes(&emitter, TEXTS[i].bytes, TEXTS[i].length);
        if (strcmp(strbuf_text(&out), TEXTS[i].json) != 0) {
            fail_msg("%s: %s", TEXTS[i].label, strbuf_text(&out));
        }
    }
}

static void
every_pair_of_bytes_is_valid_json(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        char bytes[] = {(char)(pair >> 8), (char)(pair & 255), 'x'};
        AUTO_STRBUF out = STRBUF_INIT(1000);
        struct emitter emitter = {.out = &out};
        emit_bytes(&emitter, bytes, sizeof(bytes));
        json_t *parsed = json_loads(strbuf_text(&out), JSON_DECODE_ANY, NULL);
        if (parsed == NULL) {
            fail_msg("%04x: %s", pair, strbuf_text(&out));
        }
        json_decref(parsed);
    }
}

static void
commas_stand_between_values_only(void **state)
{
    (void)state;
    AUTO_STRBUF out = STRBUF_INIT(1000);
    struct emitter emitter = {.out = &out};
    emit_open(&emitter, '{');
    emit_key(&emitter, "a");
    emit_open(&emitter, '[');
    emit_close(&emitter, ']');
    emit_key(&emitter, "b");
    emit_open(&emitter, '[');
    emit_text(&emitter, "x");
    emit_number(&emitter, 18446744073709551615U);
    emit_bool(&emitter, true);
    emit_json(&emitter, "{}");
    emit_close(&emitter, ']');
    emit_member(&emitter, "c", "y");
    emit_close(&emitter, '}');
    assert_string_equal(strbuf_text(&out),
                        "{\"a\":[],\"b\":[\"x\",18446744073709551615,true,{}],\"c\":\"y\"}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_and_always_valid_utf8),
        cmocka_unit_test(every_pair_of_bytes_is_valid_json),
        cmocka_unit_test(commas_stand_between_values_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
