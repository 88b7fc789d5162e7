// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/forged.h"
#include "common/header.h"
#include "common/xalloc.h"

/* ---- a message in memory --------------------------------------------------------------------- */

struct stored {
    const char *bytes;
    size_t length;
    size_t most; /* bytes a read gives at once: the store stops at chunks */
    enum status status;
};

static enum status
read_stored(void *context, uint64_t offset, void *buffer, size_t size, size_t *length_out,
            struct why *why)
{
    const struct stored *stored = context;
    if (stored->status != ST_OK) {
        return why_set(why, stored->status, "broken on purpose");
    }
    size_t left = offset < stored->length ? stored->length - (size_t)offset : 0;
    size_t length = left < size ? left : size;
    length = length < stored->most ? length : stored->most;
    memcpy(buffer, stored->bytes + (length > 0 ? offset : 0), length);
    *length_out = length;
    return ST_OK;
}

static const char MESSAGE[] = "Received: from a\r\n by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
                              "Authentication-Results: mx.ours.example; dkim=pass\r\n"
                              "Authentication-Results: other.example; spf=pass\r\n"
                              "Subject: caf\xe9 \"x\"\r\n"
                              "To: support+42@yourmsp.example\r\n"
                              "\r\n"
                              "Hello\r\n";

static struct config_destination destination = {
    .key = (char[]){"psa"}, .kind = DESTINATION_PSA, .format = FORMAT_JSON};

struct fixture {
    struct stored stored;
    struct body_source source;
    struct store_message message;
    struct store_delivery delivery;
    struct payload_input input;
    struct body body;
};

static void
init(struct fixture *f, enum destination_format format, const char *bytes, size_t length)
{
    *f = (struct fixture){
        .stored = {.bytes = bytes, .length = length, .most = SIZE_MAX},
        .message = {.id = {"01890000-0000-7000-8000-000000000001"},
                    .tenant = "acme",
                    .domain = "yourmsp.example",
                    .sender = "someone@example.org",
                    .recipients = "",
                    .queue_id = "4F1",
                    .client_address = "192.0.2.1",
                    .client_name = "mail.example.org",
                    .helo = "mail.example.org",
                    .subject = "",
                    .message_id_field = "",
                    .verdict = "{\"spf\":{\"result\":\"pass\"},\"authentication_results\":"
                               "\"mx.ours.example; spf=pass; dmarc=pass\"}",
                    .received_at = 1795341600000,
                    .size = length,
                    .header_length = header_block_length(bytes, length)},
        .delivery = {.id = {"01890000-0000-7000-8000-000000000002"},
                     .tenant = "acme",
                     .domain = "yourmsp.example",
                     .recipient = "support+42@yourmsp.example",
                     .route = "support",
                     .action = "ticket",
                     .destination = "psa",
                     .captures = "{\"tenant_id\":\"42\"}",
                     .reason = ""},
        .body = BODY_INIT,
    };
    destination.format = format;
    f->source = (struct body_source){.read = read_stored, .context = &f->stored};
    f->input = (struct payload_input){.message = &f->message,
                                      .delivery = &f->delivery,
                                      .recipients = "support+42@yourmsp.example\nx@yourmsp.example",
                                      .destination = &destination,
                                      .hostname = "mx.ours.example",
                                      .authserv_id = "mx.ours.example"};
}

// Builds and reads the body in pieces of `piece` bytes; checks the announced length.
static char *
build(struct fixture *f, size_t piece)
{
    struct why why;
    assert_int_equal(payload_build(&f->input, &f->source, &f->body, &why), ST_OK);
    struct body_reader *reader = body_reader_new(&f->body, &f->source);
    uint64_t announced = body_length(&f->body);
    char *text = xcalloc(1, (size_t)announced + 1);
    size_t used = 0;
    size_t length = 1;
    while (length > 0) {
        size_t left = (size_t)announced + 1 - used;
        assert_int_equal(
            body_reader_read(reader, text + used, left < piece ? left : piece, &length, &why),
            ST_OK);
        used += length;
    }
    assert_int_equal(used, announced);
    text[used] = '\0';
    body_reader_free(reader);
    return text;
}

static char *
build_json(struct fixture *f, json_t **root_out)
{
    char *text = build(f, 1000000);
    json_error_t error;
    *root_out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (*root_out == NULL) {
        fail_msg("%s: %s", error.text, text);
    }
    return text;
}

static const char *
text_at(json_t *root, const char *object, const char *member)
{
    json_t *data = json_object_get(root, "data");
    json_t *holder = object == NULL ? data : json_object_get(data, object);
    return json_string_value(json_object_get(holder, member));
}

/* ---- json ------------------------------------------------------------------------------------ */

static void
json_tells_envelope_route_and_verdict(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_JSON, MESSAGE, sizeof(MESSAGE) - 1);
    json_t *root = NULL;
    AUTO_FREE char *text = build_json(&f, &root);
    assert_string_equal(json_string_value(json_object_get(root, "type")), "message.received");
    assert_string_equal(json_string_value(json_object_get(root, "timestamp")),
                        "2026-11-22T10:00:00.000Z");
    assert_string_equal(text_at(root, NULL, "message_id"), f.message.id.text);
    assert_string_equal(text_at(root, NULL, "delivery_id"), f.delivery.id.text);
    assert_string_equal(text_at(root, NULL, "tenant"), "acme");
    assert_string_equal(text_at(root, NULL, "domain"), "yourmsp.example");
    assert_string_equal(text_at(root, NULL, "route"), "support");
    assert_string_equal(text_at(root, NULL, "action"), "ticket");
    assert_string_equal(text_at(root, NULL, "recipient"), "support+42@yourmsp.example");
    assert_string_equal(text_at(root, "destination", "kind"), "psa");
    assert_string_equal(text_at(root, "captures", "tenant_id"), "42");
    assert_string_equal(text_at(root, "envelope", "mail_from"), "someone@example.org");
    assert_string_equal(text_at(root, "envelope", "queue_id"), "4F1");
    assert_string_equal(text_at(root, "envelope", "received_at"), "2026-11-22T10:00:00.000Z");
    json_t *data = json_object_get(root, "data");
    assert_int_equal(json_array_size(json_object_get(data, "recipients")), 2);
    assert_non_null(json_object_get(json_object_get(data, "verdict"), "spf"));
    assert_true(json_is_false(json_object_get(data, "headers_cut")));
    json_decref(root);
    body_done(&f.body);
}

static void
json_lists_headers_in_order_unfolded_and_without_forged_ones(void **state)
{
    (void)state;
    static const char *const WANTED[][2] = {
        {"Received", "from a by b; Sun, 22 Nov 2026 10:00:00 +0000"},
        {"Authentication-Results", "other.example; spf=pass"},
        {"Subject", "caf\xef\xbf\xbd \"x\""},
        {"To", "support+42@yourmsp.example"},
    };
    struct fixture f;
    init(&f, FORMAT_JSON, MESSAGE, sizeof(MESSAGE) - 1);
    json_t *root = NULL;
    AUTO_FREE char *text = build_json(&f, &root);
    json_t *headers = json_object_get(json_object_get(root, "data"), "headers");
    assert_int_equal(json_array_size(headers), ARRAY_LEN(WANTED));
    for (size_t i = 0; i < ARRAY_LEN(WANTED); i++) {
        json_t *pair = json_array_get(headers, i);
        assert_string_equal(json_string_value(json_array_get(pair, 0)), WANTED[i][0]);
        assert_string_equal(json_string_value(json_array_get(pair, 1)), WANTED[i][1]);
    }
    json_decref(root);
    body_done(&f.body);
}

// The message as it may be delivered: without the forged field.
static char *
without_forged(void)
{
    const char *forged = strstr(MESSAGE, "Authentication-Results: mx.ours");
    const char *behind = strstr(MESSAGE, "Authentication-Results: other");
    AUTO_STRBUF out = STRBUF_INIT(10000);
    strbuf_append(&out, MESSAGE, (size_t)(forged - MESSAGE));
    strbuf_puts(&out, behind);
    return strbuf_steal(&out);
}

static void
json_carries_the_message_in_base64(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_JSON, MESSAGE, sizeof(MESSAGE) - 1);
    json_t *root = NULL;
    AUTO_FREE char *text = build_json(&f, &root);
    const char *raw = text_at(root, NULL, "raw");
    AUTO_FREE unsigned char *bytes = xcalloc(1, strlen(raw) + 1);
    size_t length = 0;
    assert_int_equal(base64_decode(raw, bytes, &length), ST_OK);
    AUTO_FREE char *wanted = without_forged();
    assert_int_equal(length, strlen(wanted));
    assert_memory_equal(bytes, wanted, length);
    json_t *size = json_object_get(json_object_get(root, "data"), "size");
    assert_int_equal(json_integer_value(size), length);
    json_decref(root);
    body_done(&f.body);
}

static void
json_survives_stored_json_that_is_broken(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_JSON, MESSAGE, sizeof(MESSAGE) - 1);
    f.message.verdict = "{\"x\":";
    f.delivery.captures = "{},\"tenant\":\"other\"";
    json_t *root = NULL;
    AUTO_FREE char *text = build_json(&f, &root);
    json_t *data = json_object_get(root, "data");
    assert_true(json_is_null(json_object_get(data, "verdict")));
    assert_int_equal(json_object_size(json_object_get(data, "captures")), 0);
    assert_string_equal(text_at(root, NULL, "tenant"), "acme");
    json_decref(root);
    body_done(&f.body);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void
pieces_of_any_size_give_the_same_body(void **state)
{
    (void)state;
    for (int format = FORMAT_JSON; format <= FORMAT_RAW; format++) {
        for (size_t length = 0; length < 8; length++) {
            struct fixture f;
            init(&f, (enum destination_format)format, MESSAGE, sizeof(MESSAGE) - 1 - length);
            AUTO_FREE char *whole = build(&f, 1000000);
            body_done(&f.body);
            f.stored.most = 5;
            AUTO_FREE char *pieces = build(&f, 1);
            assert_string_equal(whole, pieces);
            body_done(&f.body);
        }
    }
}

enum { LARGE = 3 * 1000 * 1000 + 1 };

static char *
large_message(void)
{
    char *bytes = xcalloc(1, LARGE + 1);
    memset(bytes, 'x', LARGE);
    memcpy(bytes, "A: b\r\n\r\n", 8);
    for (size_t i = 8; i < LARGE; i++) {
        bytes[i] = (char)('a' + i * i % 26);
    }
    return bytes;
}

static void
a_large_message_arrives_whole_and_again_after_a_rewind(void **state)
{
    (void)state;
    AUTO_FREE char *bytes = large_message();
    struct fixture f;
    init(&f, FORMAT_RAW, bytes, LARGE);
    f.stored.most = 256 * 1024;
    AUTO_FREE char *text = build(&f, 65536);
    assert_string_equal(text + f.body.before.length, bytes);
    struct body_reader *reader = body_reader_new(&f.body, &f.source);
    char start[100];
    size_t length = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(body_reader_read(reader, start, sizeof(start), &length, NULL), ST_OK);
        assert_memory_equal(start, text, length);
        body_reader_rewind(reader);
    }
    body_reader_free(reader);
    body_done(&f.body);
}

static void
a_store_that_fails_or_ends_early_is_told(void **state)
{
    (void)state;
    struct fixture f;
    struct why why;
    init(&f, FORMAT_JSON, MESSAGE, sizeof(MESSAGE) - 1);
    f.stored.status = ST_AGAIN;
    assert_int_equal(payload_build(&f.input, &f.source, &f.body, &why), ST_AGAIN);
    body_done(&f.body);
    f.stored.status = ST_OK;
    f.stored.length = 20;
    assert_int_equal(payload_build(&f.input, &f.source, &f.body, &why), ST_IO);
    body_done(&f.body);
    f.stored.length = f.message.header_length;
    assert_int_equal(payload_build(&f.input, &f.source, &f.body, &why), ST_OK);
    struct body_reader *reader = body_reader_new(&f.body, &f.source);
    char piece[4096];
    size_t length = 1;
    enum status status = ST_OK;
    while (status == ST_OK && length > 0) {
        status = body_reader_read(reader, piece, sizeof(piece), &length, &why);
    }
    assert_int_equal(status, ST_IO);
    body_reader_free(reader);
    body_done(&f.body);
    f.message.header_length = f.message.size + 1;
    assert_int_equal(payload_build(&f.input, &f.source, &f.body, &why), ST_IO);
    body_done(&f.body);
}

/* ---- raw ------------------------------------------------------------------------------------- */

static void
raw_puts_our_trace_fields_in_front(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_RAW, MESSAGE, sizeof(MESSAGE) - 1);
    AUTO_FREE char *text = build(&f, 1000000);
    AUTO_FREE char *rest = without_forged();
    AUTO_STRBUF wanted = STRBUF_INIT(10000);
    strbuf_puts(&wanted, "X-Original-To: support+42@yourmsp.example\r\n"
                         "X-Mailspur-Tenant: acme\r\n"
                         "Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n"
                         "\tby mx.ours.example (mailspur) id "
                         "01890000-0000-7000-8000-000000000002;\r\n"
                         "\tSun, 22 Nov 2026 10:00:00 +0000\r\n"
                         "Authentication-Results: mx.ours.example;\r\n\tspf=pass;\r\n"
                         "\tdmarc=pass\r\n");
    strbuf_puts(&wanted, rest);
    assert_string_equal(text, strbuf_text(&wanted));
    body_done(&f.body);
}

static void
raw_lets_no_smtp_client_start_a_field(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_RAW, "\r\nbody\r\n", 8);
    f.message.helo = "x\r\nForged: 1";
    f.message.client_name = ") by evil (\n";
    f.message.client_address = "";
    f.delivery.recipient = "a\r\nForged: 2@b";
    f.message.verdict = "{\"authentication_results\":\"x; y=1;\\r\\nForged: 3\\rForged: 4\"}";
    AUTO_FREE char *text = build(&f, 1000000);
    size_t length = header_block_length(text, strlen(text));
    struct header_field field;
    size_t count = 0;
    for (size_t offset = 0; header_next(text, length, &offset, &field);) {
        assert_false(header_is(&field, "Forged"));
        count++;
    }
    assert_int_equal(count, 4);
    assert_non_null(strstr(text, "from x??Forged:?1 (??by?evil??? [unknown])"));
    body_done(&f.body);
}

static void
raw_has_received_spf_where_it_was_stored(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_RAW, "\r\nbody\r\n", 8);
    f.message.verdict = "{\"authentication_results\":\"mx.ours.example; none\","
                        "\"received_spf\":\"pass client-ip=192.0.2.1; helo=x\\r\\nForged: 1\"}";
    AUTO_FREE char *text = build(&f, 1000000);
    assert_non_null(strstr(text, "Authentication-Results: mx.ours.example;\r\n\tnone\r\n"
                                 "Received-SPF: pass client-ip=192.0.2.1;\r\n\thelo=x Forged: 1"
                                 "\r\n\r\nbody"));
    body_done(&f.body);
}

static void
raw_without_results_says_none(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, FORMAT_RAW, "\r\nbody\r\n", 8);
    f.message.verdict = "{\"authentication_results\":null}";
    AUTO_FREE char *text = build(&f, 1000000);
    assert_non_null(strstr(text, "Authentication-Results: mx.ours.example; none\r\n\r\nbody"));
    body_done(&f.body);
}

/* ---- caps ------------------------------------------------------------------------------------ */

// `fields` fields of 1024 bytes, an empty line, a body.
static char *
message_with_fields(size_t fields, size_t *length_out)
{
    enum { FIELD = 1024 };
    char *bytes = xcalloc(1, fields * FIELD + 16);
    memset(bytes, 'v', fields * FIELD);
    for (size_t i = 0; i < fields; i++) {
        memcpy(bytes + i * FIELD, "Name: ", 6);
        memcpy(bytes + (i + 1) * FIELD - 2, "\r\n", 2);
    }
    memcpy(bytes + fields * FIELD, "\r\nbody", 6);
    *length_out = fields * FIELD + 6;
    return bytes;
}

static void
fields_behind_the_cap_are_left_out_and_the_body_stays(void **state)
{
    (void)state;
    static const struct {
        size_t fields;
        size_t kept;
    } CASES[] = {{255, 255}, {256, 255}, {300, 255}}; // 256 KiB hold 256 fields, no empty line
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        size_t length = 0;
        AUTO_FREE char *bytes = message_with_fields(CASES[i].fields, &length);
        struct fixture f;
        init(&f, FORMAT_JSON, bytes, length);
        json_t *root = NULL;
        AUTO_FREE char *text = build_json(&f, &root);
        json_t *data = json_object_get(root, "data");
        assert_int_equal(json_array_size(json_object_get(data, "headers")), CASES[i].kept);
        assert_int_equal(json_is_true(json_object_get(data, "headers_cut")),
                         CASES[i].kept != CASES[i].fields);
        json_decref(root);
        body_done(&f.body);
        init(&f, FORMAT_RAW, bytes, length);
        AUTO_FREE char *raw = build(&f, 1000000);
        assert_int_equal(body_message_length(&f.body), CASES[i].kept * 1024 + 6);
        assert_string_equal(raw + strlen(raw) - 8, "\r\n\r\nbody");
        body_done(&f.body);
    }
}

/* ---- forged ---------------------------------------------------------------------------------- */

static const struct {
    const char *field;
    bool forged;
} FIELDS[] = {
    {"Authentication-Results: mx.ours.example; spf=pass\r\n", true},
    {"AUTHENTICATION-RESULTS:mx.ours.example;spf=pass\r\n", true},
    {"Authentication-Results : MX.Ours.Example 1; spf=pass\r\n", true},
    {"Authentication-Results:\r\n mx.ours.example; spf=pass\r\n", true},
    {"Authentication-Results: (a (b) \\) c) mx.ours.example; spf=pass\r\n", true},
    {"Authentication-Results: \"mx.ours.example\"; spf=pass\r\n", true},
    {"Authentication-Results: \"mx\\.ours.example\"; spf=pass\r\n", true},
    {"Authentication-Results: mx.ours.example/1; spf=pass\r\n", true},
    {"Authentication-Results: mx.ours.example\r\n", true},
    {"Authentication-Results: mx.ours.example.org; spf=pass\r\n", false},
    {"Authentication-Results: xmx.ours.example; spf=pass\r\n", false},
    {"Authentication-Results: mx.ours; spf=pass\r\n", false},
    {"Authentication-Results: (mx.ours.example) other; spf=pass\r\n", false},
    {"Authentication-Results: \r\n", false},
    {"X-Authentication-Results: mx.ours.example; spf=pass\r\n", false},
    {"ARC-Authentication-Results: i=1; mx.ours.example; spf=pass\r\n", false},
};

static void
fields_in_our_name_are_recognised_in_every_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        struct header_field field;
        size_t offset = 0;
        assert_true(header_next(FIELDS[i].field, strlen(FIELDS[i].field), &offset, &field));
        if (forged_is(&field, "mx.ours.example") != FIELDS[i].forged) {
            fail_msg("%s", FIELDS[i].field);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_tells_envelope_route_and_verdict),
        cmocka_unit_test(json_lists_headers_in_order_unfolded_and_without_forged_ones),
        cmocka_unit_test(json_carries_the_message_in_base64),
        cmocka_unit_test(json_survives_stored_json_that_is_broken),
        cmocka_unit_test(pieces_of_any_size_give_the_same_body),
        cmocka_unit_test(a_large_message_arrives_whole_and_again_after_a_rewind),
        cmocka_unit_test(a_store_that_fails_or_ends_early_is_told),
        cmocka_unit_test(raw_puts_our_trace_fields_in_front),
        cmocka_unit_test(raw_lets_no_smtp_client_start_a_field),
        cmocka_unit_test(raw_has_received_spf_where_it_was_stored),
        cmocka_unit_test(raw_without_results_says_none),
        cmocka_unit_test(fields_behind_the_cap_are_left_out_and_the_body_stays),
        cmocka_unit_test(fields_in_our_name_are_recognised_in_every_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
