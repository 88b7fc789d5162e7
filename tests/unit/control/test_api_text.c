// SPDX-License-Identifier: Apache-2.0
// Paths, fields and JSON of the API: pure functions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/api/fields.h"
#include "control/api/json.h"
#include "control/api/listing.h"
#include "control/api/path.h"

struct path_case {
    const char *label, *pattern, *path;
    bool fits;
    const char *id;
};
static const struct path_case PATHS[] = {
    {"fixed", "/v1/status", "/v1/status", true, ""},
    {"other word", "/v1/status", "/v1/statux", false, ""},
    {"shorter", "/v1/status", "/v1", false, ""},
    {"longer", "/v1/status", "/v1/status/x", false, ""},
    {"final slash", "/v1/status", "/v1/status/", false, ""},
    {"no slash", "/v1/status", "v1/status", false, ""},
    {"empty", "/v1/status", "", false, ""},
    {"variable", "/v1/domains/{id}", "/v1/domains/a.example", true, "a.example"},
    {"variable inside", "/v1/domains/{id}/verify", "/v1/domains/a.example/verify", true,
     "a.example"},
    {"empty variable", "/v1/domains/{id}", "/v1/domains/", false, ""},
    {"encoded", "/v1/domains/{id}", "/v1/domains/b%C3%BCcher.example", true, "bücher.example"},
    {"encoded slash stays inside", "/v1/domains/{id}", "/v1/domains/a%2Fb", true, "a/b"},
    {"encoded NUL", "/v1/domains/{id}", "/v1/domains/a%00b", false, ""},
    {"encoded control byte", "/v1/domains/{id}", "/v1/domains/a%0Ab", false, ""},
    {"broken encoding", "/v1/domains/{id}", "/v1/domains/a%4", false, ""},
    {"no hexadecimal", "/v1/domains/{id}", "/v1/domains/a%zz", false, ""},
};

static void
path_fits_its_pattern_segment_by_segment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        char id[REQUEST_TEXT_SIZE] = "";
        bool fits = path_match(PATHS[i].pattern, PATHS[i].path, id, sizeof(id));
        if (fits != PATHS[i].fits || (fits && strcmp(id, PATHS[i].id) != 0)) {
            fail_msg("%s: fits %d, id '%s'", PATHS[i].label, fits, id);
        }
    }
}

static void
decoding_stops_at_the_size_of_the_buffer(void **state)
{
    (void)state;
    char out[4];
    assert_true(percent_decode("%61bc", 5, out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(percent_decode("abcd", 4, out, sizeof(out)));
}

// ---- fields

struct target {
    const char *text;
    const char *id;
    bool flag;
    uint64_t number;
    struct field_state state;
};
static const struct field FIELDS[] = {
    {FIELD(struct target, text, FIELD_TEXT), .max = 5},
    {FIELD(struct target, id, FIELD_ID)},
    {FIELD(struct target, flag, FIELD_BOOL)},
    {FIELD(struct target, number, FIELD_NUMBER), .max = 10},
    {FIELD(struct target, state, FIELD_STATE)},
};
static const struct field NEEDED[] = {
    {FIELD(struct target, text, FIELD_TEXT), .required = true},
};

struct field_case {
    const char *label, *body;
    enum status status;
    const char *says;
};
static const struct field_case BODIES[] = {
    {"empty", "{}", ST_OK, ""},
    {"all", "{\"text\":\"abcde\",\"flag\":true,\"number\":10,\"state\":\"held\"}", ST_OK, ""},
    {"unknown", "{\"txt\":\"a\"}", ST_INVALID, "'txt' is not known here"},
    {"text is a number", "{\"text\":1}", ST_INVALID, "'text' must be a text"},
    {"text is null", "{\"text\":null}", ST_INVALID, "'text' must be a text"},
    {"text is empty", "{\"text\":\"\"}", ST_INVALID, "1 to 5"},
    {"text past its cap", "{\"text\":\"abcdef\"}", ST_INVALID, "1 to 5"},
    {"flag is a text", "{\"flag\":\"on\"}", ST_INVALID, "true or false"},
    {"number past its cap", "{\"number\":11}", ST_INVALID, "1 to 10"},
    {"number is 0", "{\"number\":0}", ST_INVALID, "1 to 10"},
    {"number is negative", "{\"number\":-1}", ST_INVALID, "a number"},
    {"number is real", "{\"number\":1.5}", ST_INVALID, "a number"},
    {"no id", "{\"id\":\"x\"}", ST_INVALID, "an id"},
    {"no state", "{\"state\":\"lost\"}", ST_INVALID, "a state"},
    {"id", "{\"id\":\"018f3c1e-0000-7000-8000-000000000000\"}", ST_OK, ""},
};

static void
body_takes_only_what_its_table_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        struct why why = {.text = ""};
        struct target target = {.text = NULL};
        AUTO_JSON *body = json_loads(BODIES[i].body, 0, NULL);
        enum status status = fields_read_body(body, FIELDS, ARRAY_LEN(FIELDS), &target, &why);
        if (status != BODIES[i].status || strstr(why.text, BODIES[i].says) == NULL) {
            fail_msg("%s: %s: %s", BODIES[i].label, status_name(status), why.text);
        }
    }
}

static void
body_fills_the_struct(void **state)
{
    (void)state;
    struct why why;
    struct target target = {.text = NULL};
    AUTO_JSON *body = json_loads(BODIES[1].body, 0, NULL);
    assert_int_equal(fields_read_body(body, FIELDS, ARRAY_LEN(FIELDS), &target, &why), ST_OK);
    assert_string_equal(target.text, "abcde");
    assert_true(target.flag);
    assert_int_equal(target.number, 10);
    assert_true(target.state.given);
    assert_int_equal(target.state.value, DELIVERY_HELD);
    AUTO_JSON *empty = json_object();
    assert_int_equal(fields_read_body(empty, NEEDED, ARRAY_LEN(NEEDED), &target, &why), ST_INVALID);
    assert_string_equal(why.text, "'text' is missing");
}

struct query_case {
    const char *label, *name, *value;
    enum status status;
};
static const struct query_case QUERIES[] = {
    {"text", "text", "abc", ST_OK},
    {"number", "number", "10", ST_OK},
    {"number past it", "number", "11", ST_INVALID},
    {"no number", "number", "1x", ST_INVALID},
    {"flag", "flag", "true", ST_OK},
    {"no flag", "flag", "maybe", ST_INVALID},
    {"state", "state", "dead", ST_OK},
    {"unknown", "nothing", "1", ST_INVALID},
};

static void
query_takes_only_what_its_table_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(QUERIES); i++) {
        char name[16];
        char value[16];
        (void)snprintf(name, sizeof(name), "%s", QUERIES[i].name);
        (void)snprintf(value, sizeof(value), "%s", QUERIES[i].value);
        struct request request = {.parameters = {{name, value}, {name, value}},
                                  .parameter_count = 1};
        struct target target = {.text = NULL};
        struct why why;
        enum status status = fields_read_query(&request, FIELDS, ARRAY_LEN(FIELDS), &target, &why);
        if (status != QUERIES[i].status) {
            fail_msg("%s: %s", QUERIES[i].label, status_name(status));
        }
        request.parameter_count = 2;
        assert_int_equal(fields_read_query(&request, FIELDS, ARRAY_LEN(FIELDS), &target, &why),
                         ST_INVALID);
    }
}

// ---- JSON

struct text_case {
    const char *label, *text, *shown;
};
static const struct text_case TEXTS[] = {
    {"ASCII", "plain", "plain"},
    {"UTF-8", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    {"Latin-1", "gr\xfc\xdf", "gr\xef\xbf\xbd\xef\xbf\xbd"},
    {"cut sequence", "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
    {"overlong", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"past Unicode", "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"kept beside the bad", "\xff\xe2\x82\xac", "\xef\xbf\xbd\xe2\x82\xac"},
};

static void
text_that_is_no_utf8_is_replaced_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        AUTO_JSON *json = api_json_text(TEXTS[i].text);
        if (strcmp(json_string_value(json), TEXTS[i].shown) != 0) {
            fail_msg("%s: '%s'", TEXTS[i].label, json_string_value(json));
        }
    }
}

static void
answer_is_ascii_whatever_strangers_wrote(void **state)
{
    (void)state;
    struct response response = {.http_status = 0};
    json_t *root = json_object();
    json_object_set_new(root, "subject", api_json_text("\x1b[2J\xc2\x9b\xe2\x80\xae"));
    api_respond_json(&response, 200, root);
    for (size_t i = 0; i < response.body_length; i++) {
        assert_in_range(response.body[i], 0x20, 0x7e);
    }
    response_done(&response);
}

static const struct text_case BROKEN[] = {
    {"nothing", "", ""},
    {"array", "[]", "object"},
    {"member twice", "{\"a\":1,\"a\":2}", "duplicate"},
    {"cut", "{\"a\":", "line 1"},
    {"rubbish behind", "{} x", "line 1"},
};

static void
broken_json_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
        json_t *root = NULL;
        struct why why = {.text = ""};
        enum status status = api_json_parse(BROKEN[i].text, strlen(BROKEN[i].text), &root, &why);
        if (status != ST_INVALID || root != NULL || strstr(why.text, BROKEN[i].shown) == NULL) {
            fail_msg("%s: %s", BROKEN[i].label, why.text);
        }
    }
}

static void
every_failure_has_an_http_status(void **state)
{
    (void)state;
    for (int status = ST_NOT_FOUND; status <= ST_BUG; status++) {
        unsigned http = response_http_status((enum status)status);
        assert_in_range(http, 400, 599);
        assert_int_equal(http >= 500, status_is_temporary((enum status)status));
    }
}

static void
done(struct response *response)
{
    response_done(response);
}

// Rows of such a length, up to one more than the limit: how many the page has.
static size_t
fill_page(uint64_t limit, size_t length, json_t **answer_out)
{
    AUTO(done) struct response response = {.http_status = 0};
    AUTO_PAGE page = page_new(limit, "number");
    AUTO_FREE char *text = calloc(1, length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    for (uint64_t i = 0; i < limit + 1; i++) {
        page_add(&page, json_pack("{s:i, s:s}", "number", (int)i + 7, "text", text));
    }
    page_answer(&page, "rows", "next", json_pack("{s:s}", "domain", "a.test"), &response);
    assert_int_equal(response.http_status, 200);
    *answer_out = json_loadb(response.body, response.body_length, 0, NULL);
    return json_array_size(json_object_get(*answer_out, "rows"));
}

static void
a_page_ends_at_its_limit_or_at_its_bytes_but_never_empty(void **state)
{
    (void)state;
    enum { FRAME = sizeof("{\"number\":10,\"text\":\"\"}") - 1 };
    static const struct {
        uint64_t limit;
        size_t length;
        size_t rows;
        const char *next;
    } cases[] = {
        {3, 1, 3, "9"},
        {1, 1, 1, "7"},
        {4, LISTING_BYTES_MAX / 2 - FRAME - 1, 2, "8"}, // with the comma just within
        {4, LISTING_BYTES_MAX / 2 + 1, 1, "7"},
        {4, LISTING_BYTES_MAX + 1, 1, "7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON *answer = NULL;
        assert_int_equal(fill_page(cases[i].limit, cases[i].length, &answer), cases[i].rows);
        assert_string_equal(json_string_value(json_object_get(answer, "next")), cases[i].next);
        assert_string_equal(json_string_value(json_object_get(answer, "domain")), "a.test");
    }
    AUTO(done) struct response response = {.http_status = 0};
    AUTO_PAGE none = page_new(3, "id");
    page_answer(&none, "rows", "next", NULL, &response);
    assert_string_equal(response.body, "{\"rows\":[],\"next\":null}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_fits_its_pattern_segment_by_segment),
        cmocka_unit_test(decoding_stops_at_the_size_of_the_buffer),
        cmocka_unit_test(body_takes_only_what_its_table_names),
        cmocka_unit_test(body_fills_the_struct),
        cmocka_unit_test(query_takes_only_what_its_table_names),
        cmocka_unit_test(text_that_is_no_utf8_is_replaced_byte_by_byte),
        cmocka_unit_test(answer_is_ascii_whatever_strangers_wrote),
        cmocka_unit_test(broken_json_is_refused_with_its_place),
        cmocka_unit_test(every_failure_has_an_http_status),
        cmocka_unit_test(a_page_ends_at_its_limit_or_at_its_bytes_but_never_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
