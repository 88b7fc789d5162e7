// SPDX-License-Identifier: Apache-2.0
// The API's resources over the real store, registry, configuration and dispatcher.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "control/api/listing.h"
#include "house.h"

static const char NO_ID[] = "018f3c1e-0000-7000-8000-000000000000";

static void
json_drop(json_t **json)
{
    json_decref(*json);
}
#define AUTO_JSON AUTO(json_drop) json_t

// ---- mistakes

struct mistake {
    const char *label, *method, *target, *body;
    int status;
    const char *code;
};
static const struct mistake MISTAKES[] = {
    {"no domain", "POST", "/v1/domains", "{}", 422, "invalid"},
    {"domain is a number", "POST", "/v1/domains", "{\"domain\":1}", 422, "invalid"},
    {"unknown member", "POST", "/v1/domains", "{\"domain\":\"a.example\",\"x\":1}", 422, "invalid"},
    {"member twice", "POST", "/v1/domains", "{\"domain\":\"a.example\",\"domain\":\"b.example\"}",
     400, "bad_request"},
    {"an array", "POST", "/v1/domains", "[]", 400, "bad_request"},
    {"a URL", "POST", "/v1/domains", "{\"domain\":\"http://a.example/\"}", 422, "invalid"},
    {"tenant with a blank", "POST", "/v1/domains", "{\"domain\":\"a.example\",\"tenant\":\"a b\"}",
     422, "invalid"},
    {"unknown profile", "POST", "/v1/domains", "{\"domain\":\"a.example\",\"profile\":\"x\"}", 422,
     "invalid"},
    {"unknown name", "GET", "/v1/domains/none.example", NULL, 404, "not_found"},
    {"no name", "GET", "/v1/domains/%20", NULL, 422, "invalid"},
    {"unknown id", "GET", "/v1/domains/018f3c1e-0000-7000-8000-000000000000", NULL, 404,
     "not_found"},
    {"verify an unknown one", "POST", "/v1/domains/none.example/verify", NULL, 404, "not_found"},
    {"remove an unknown one", "DELETE", "/v1/domains/none.example", NULL, 404, "not_found"},
    {"history of an unknown one", "GET", "/v1/domains/none.example/events", NULL, 404, "not_found"},
    {"tenant: no name", "POST", "/v1/tenants", "{}", 422, "invalid"},
    {"tenant: a blank in it", "POST", "/v1/tenants", "{\"tenant\":\"a b\"}", 422, "invalid"},
    {"remove an unknown tenant", "DELETE", "/v1/tenants/nobody", NULL, 404, "not_found"},
    {"remove a tenant: held", "DELETE", "/v1/tenants/nobody", "{\"held\":\"x\"}", 422, "invalid"},
    {"remove a tenant: domains", "DELETE", "/v1/tenants/nobody", "{\"domains\":1}", 422, "invalid"},
    {"inbound is a text", "PATCH", "/v1/domains/none.example", "{\"inbound\":\"on\"}", 422,
     "invalid"},
    {"no inbound", "PATCH", "/v1/domains/none.example", "{}", 422, "invalid"},
    {"message: bad id", "GET", "/v1/messages/x", NULL, 404, "not_found"},
    {"message: unknown id", "GET", "/v1/messages/018f3c1e-0000-7000-8000-000000000000", NULL, 404,
     "not_found"},
    {"raw: unknown id", "GET", "/v1/messages/018f3c1e-0000-7000-8000-000000000000/raw", NULL, 404,
     "not_found"},
    {"evidence: bad id", "GET", "/v1/messages/x/evidence", NULL, 404, "not_found"},
    {"evidence: unknown id", "GET", "/v1/messages/018f3c1e-0000-7000-8000-000000000000/evidence",
     NULL, 404, "not_found"},
    {"evidence: a parameter", "GET",
     "/v1/messages/018f3c1e-0000-7000-8000-000000000000/evidence?x=1", NULL, 400, "bad_request"},
    {"messages: bad page", "GET", "/v1/messages?before=x", NULL, 422, "invalid"},
    {"messages: limit 0", "GET", "/v1/messages?limit=0", NULL, 422, "invalid"},
    {"messages: limit over the cap", "GET", "/v1/messages?limit=501", NULL, 422, "invalid"},
    {"domains: limit 0", "GET", "/v1/domains?limit=0", NULL, 422, "invalid"},
    {"domains: limit over the cap", "GET", "/v1/domains?limit=501", NULL, 422, "invalid"},
    {"domains: before is no id", "GET", "/v1/domains?before=x", NULL, 422, "invalid"},
    {"domains: before is no domain's", "GET",
     "/v1/domains?before=00000000-0000-7000-8000-000000000000", NULL, 422, "invalid"},
    {"domains: no status", "GET", "/v1/domains?status=good", NULL, 422, "invalid"},
    {"domains: an empty part", "GET", "/v1/domains?part=", NULL, 422, "invalid"},
    {"tenants: limit over the cap", "GET", "/v1/tenants?limit=501", NULL, 422, "invalid"},
    {"tenants: unknown parameter", "GET", "/v1/tenants?x=1", NULL, 422, "invalid"},
    {"history: limit over the cap", "GET", "/v1/domains/none.example/events?limit=501", NULL, 422,
     "invalid"},
    {"history: before is no number", "GET", "/v1/domains/none.example/events?before=x", NULL, 422,
     "invalid"},
    {"delivery: bad id", "GET", "/v1/deliveries/x", NULL, 404, "not_found"},
    {"deliveries: bad state", "GET", "/v1/deliveries?state=lost", NULL, 422, "invalid"},
    {"retry nothing", "POST", "/v1/deliveries/retry", "{}", 422, "invalid"},
    {"retry held mail", "POST", "/v1/deliveries/retry", "{\"state\":\"held\"}", 409, "refused"},
    {"retry leased mail", "POST", "/v1/deliveries/retry", "{\"state\":\"leased\"}", 409, "refused"},
    {"retry an unknown one", "POST", "/v1/deliveries/retry",
     "{\"delivery\":\"018f3c1e-0000-7000-8000-000000000000\"}", 404, "not_found"},
    {"retry an unknown message", "POST", "/v1/deliveries/retry",
     "{\"message\":\"018f3c1e-0000-7000-8000-000000000000\"}", 404, "not_found"},
    {"release nothing", "POST", "/v1/holds/release", "{}", 422, "invalid"},
    {"release with a reason", "POST", "/v1/holds/release",
     "{\"domain\":\"ours.example\",\"reason\":\"x\"}", 422, "invalid"},
    {"discard nothing", "POST", "/v1/holds/discard", "{\"reason\":\"x\"}", 422, "invalid"},
};

static void
mistake_is_answered_with_code_and_sentence(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(MISTAKES); i++) {
        const struct mistake *mistake = &MISTAKES[i];
        AUTO_JSON *answer = NULL;
        int status = house_ask(*state, mistake->method, mistake->target, mistake->body, &answer);
        if (status != mistake->status ||
            strcmp(house_text(answer, "error.code"), mistake->code) != 0 ||
            house_text(answer, "error.message")[0] == '\0') {
            fail_msg("%s: %d %s", mistake->label, status, house_text(answer, "error.message"));
        }
    }
}

// ---- domains

static void
domain_goes_its_way_from_added_to_removed(void **state)
{
    struct house *house = *state;
    AUTO_JSON *added = NULL;
    AUTO_JSON *off = NULL;
    AUTO_JSON *on = NULL;
    AUTO_JSON *gone = NULL;
    AUTO_JSON *again = NULL;
    assert_int_equal(house_ask(house, "POST", "/v1/domains",
                               "{\"domain\":\"Second.Example.\",\"tenant\":\"acme\"}", &added),
                     201);
    assert_string_equal(house_text(added, "domain"), "second.example");
    assert_string_equal(house_text(added, "tenant"), "acme");
    assert_string_equal(house_text(added, "status"), "pending");
    assert_string_equal(house_text(added, "records.0.status"), "unchecked");
    assert_string_equal(house_text(added, "records.0.host"), "_mailspur");
    house_verify(house, "ours.example");
    assert_int_equal(
        house_ask(house, "PATCH", "/v1/domains/ours.example", "{\"inbound\":true}", &on), 200);
    assert_true(json_is_true(json_object_get(on, "inbound")));
    char by_id[128];
    (void)snprintf(by_id, sizeof(by_id), "/v1/domains/%s", house_text(on, "id"));
    assert_int_equal(house_ask(house, "PATCH", by_id, "{\"inbound\":false}", &off), 200);
    assert_true(json_is_false(json_object_get(off, "inbound")));
    assert_int_equal(house_ask(house, "DELETE", by_id, NULL, &gone), 200);
    assert_string_equal(house_text(gone, "status"), "removed");
    assert_int_equal(house_ask(house, "DELETE", by_id, NULL, &again), 404);
}

static void
inbound_on_without_routes_is_refused(void **state)
{
    struct house *house = *state;
    static const char *const NAMES[] = {"bare.example", "fileless.example"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        AUTO_JSON *answer = NULL;
        char target[128];
        house_verify(house, NAMES[i]);
        (void)snprintf(target, sizeof(target), "/v1/domains/%s", NAMES[i]);
        assert_int_equal(house_ask(house, "PATCH", target, "{\"inbound\":true}", &answer), 409);
        assert_string_equal(house_text(answer, "error.code"), "refused");
        assert_int_equal(house_ask(house, "PATCH", target, "{\"inbound\":false}", NULL), 200);
    }
}

static void
inbound_on_before_verification_is_refused(void **state)
{
    struct house *house = *state;
    assert_int_equal(house_ask(house, "POST", "/v1/domains", "{\"domain\":\"ours.example\"}", NULL),
                     201);
    assert_int_equal(
        house_ask(house, "PATCH", "/v1/domains/ours.example", "{\"inbound\":true}", NULL), 409);
}

static void
missing_record_is_named_with_its_cure(void **state)
{
    struct house *house = *state;
    AUTO_JSON *answer = NULL;
    assert_int_equal(house_ask(house, "POST", "/v1/domains", "{\"domain\":\"ours.example\"}", NULL),
                     201);
    assert_int_equal(house_ask(house, "POST", "/v1/domains/ours.example/verify", NULL, &answer),
                     200);
    assert_string_equal(house_text(answer, "status"), "pending");
    assert_string_equal(house_text(answer, "records.0.status"), "missing");
    assert_string_equal(house_text(answer, "records.0.findings.0.code"), "missing");
    assert_true(strlen(house_text(answer, "records.0.findings.0.problem")) > 0);
    assert_true(strlen(house_text(answer, "records.0.findings.0.cure")) > 0);
}

static void
same_domain_twice_and_too_many_pending_are_refused(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *body;
        int status;
    } steps[] = {
        {"{\"domain\":\"one.example\"}", 201},
        {"{\"domain\":\"one.example\"}", 409},
        {"{\"domain\":\"two.example\"}", 201},
        {"{\"domain\":\"three.example\"}", 201},
        {"{\"domain\":\"four.example\"}", 429}, /* the house's limit is 3 */
        {"{\"domain\":\"four.example\",\"tenant\":\"other\"}", 201},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(house_ask(house, "POST", "/v1/domains", steps[i].body, NULL),
                         steps[i].status);
    }
}

static void
list_shows_a_tenants_domains_and_removed_ones_when_asked(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *target;
        size_t count;
    } lists[] = {
        {"/v1/domains", 2},
        {"/v1/domains?tenant=acme", 1},
        {"/v1/domains?tenant=nobody", 0},
        {"/v1/domains?removed=true", 3},
        {"/v1/domains?status=pending", 2},
        {"/v1/domains?status=removed", 1},
        {"/v1/domains?status=verified", 0},
        {"/v1/domains?part=B.EX", 1},
        {"/v1/domains?part=example&tenant=acme", 1},
        {"/v1/domains?limit=1", 1},
    };
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"a.example\"}", NULL);
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"b.example\",\"tenant\":\"acme\"}",
                    NULL);
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"c.example\"}", NULL);
    (void)house_ask(house, "DELETE", "/v1/domains/c.example", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        AUTO_JSON *answer = NULL;
        assert_int_equal(house_ask(house, "GET", lists[i].target, NULL, &answer), 200);
        if (json_array_size(json_object_get(answer, "domains")) != lists[i].count) {
            fail_msg("%s", lists[i].target);
        }
    }
}

static void
history_tells_what_happened_newest_first(void **state)
{
    struct house *house = *state;
    AUTO_JSON *answer = NULL;
    house_verify(house, "ours.example");
    (void)house_ask(house, "DELETE", "/v1/domains/ours.example", NULL, NULL);
    assert_int_equal(house_ask(house, "GET", "/v1/domains/ours.example/events", NULL, &answer),
                     200);
    assert_string_equal(house_text(answer, "events.0.kind"), "domain.removed");
    size_t count = json_array_size(json_object_get(answer, "events"));
    const json_t *first = json_array_get(json_object_get(answer, "events"), count - 1);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "domain.added");
}

static const char *
state_of(const struct house *house, const struct id *delivery, json_t **answer_out)
{
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/deliveries/%s", delivery->text);
    assert_int_equal(house_ask(house, "GET", target, NULL, answer_out), 200);
    return house_text(*answer_out, "state");
}

static void
what_a_removed_domain_has_held_becomes_what_was_asked(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *body;
        int held;
        const char *state;
    } cases[] = {
        {NULL, 0, "held"},
        {"{}", 0, "held"},
        {"{\"held\":\"drain\"}", 1, "queued"},
        {"{\"held\":\"discard\"}", 1, "dead"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct id delivery;
        AUTO_JSON *refused = NULL;
        AUTO_JSON *removed = NULL;
        AUTO_JSON *shown = NULL;
        (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"ours.example\"}", NULL);
        (void)house_store(house, "held", DELIVERY_HELD, 10, &delivery);
        assert_int_equal(
            house_ask(house, "DELETE", "/v1/domains/ours.example", "{\"held\":\"keep\"}", &refused),
            422);
        assert_non_null(strstr(house_text(refused, "error.message"), "drain or discard"));
        assert_int_equal(
            house_ask(house, "DELETE", "/v1/domains/ours.example", cases[i].body, &removed), 200);
        assert_string_equal(house_text(removed, "status"), "removed");
        assert_int_equal(json_integer_value(json_object_get(removed, "held")), cases[i].held);
        const char *now = state_of(house, &delivery, &shown);
        // What may go is on its way to an endpoint that the house does not have.
        bool is_right = strcmp(cases[i].state, "queued") == 0 ? strcmp(now, "held") != 0
                                                              : strcmp(now, cases[i].state) == 0;
        if (!is_right) {
            fail_msg("%s: %s", cases[i].body == NULL ? "no body" : cases[i].body, now);
        }
        char target[64];
        AUTO_JSON *discarded = NULL;
        (void)snprintf(target, sizeof(target), "{\"delivery\":\"%s\"}", delivery.text);
        (void)house_ask(house, "POST", "/v1/holds/discard", target, &discarded);
    }
}

// ---- tenants

static void
tenants_are_added_and_listed_by_name(void **state)
{
    struct house *house = *state;
    AUTO_JSON *added = NULL;
    AUTO_JSON *again = NULL;
    AUTO_JSON *listed = NULL;
    assert_int_equal(house_ask(house, "POST", "/v1/tenants", "{\"tenant\":\"zeta\"}", &added), 201);
    assert_string_equal(house_text(added, "tenant"), "zeta");
    assert_int_equal(house_ask(house, "POST", "/v1/tenants", "{\"tenant\":\"zeta\"}", &again), 409);
    assert_string_equal(house_text(again, "error.code"), "conflict");
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"a.example\",\"tenant\":\"acme\"}",
                    NULL);
    assert_int_equal(house_ask(house, "GET", "/v1/tenants", NULL, &listed), 200);
    assert_int_equal(json_array_size(json_object_get(listed, "tenants")), 2);
    assert_string_equal(house_text(listed, "tenants.0.tenant"), "acme"); // made by its domain
    assert_string_equal(house_text(listed, "tenants.1.tenant"), "zeta");
    const json_t *acme = json_array_get(json_object_get(listed, "tenants"), 0);
    assert_int_equal(json_integer_value(json_object_get(acme, "domains")), 1);
}

static void
a_tenant_with_domains_is_removed_only_when_that_is_said(void **state)
{
    struct house *house = *state;
    struct id delivery;
    AUTO_JSON *refused = NULL;
    AUTO_JSON *removed = NULL;
    AUTO_JSON *gone = NULL;
    AUTO_JSON *shown = NULL;
    AUTO_JSON *dead = NULL;
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"ours.example\"}", NULL);
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"b.example\"}", NULL);
    (void)house_ask(house, "POST", "/v1/domains", "{\"domain\":\"c.example\",\"tenant\":\"acme\"}",
                    NULL);
    (void)house_store(house, "held", DELIVERY_HELD, 10, &delivery);
    assert_int_equal(house_ask(house, "DELETE", "/v1/tenants/default", NULL, &refused), 409);
    assert_string_equal(house_text(refused, "error.code"), "refused");
    assert_int_equal(house_ask(house, "DELETE", "/v1/tenants/default",
                               "{\"domains\":true,\"held\":\"discard\"}", &removed),
                     200);
    assert_int_equal(json_integer_value(json_object_get(removed, "domains")), 2);
    assert_int_equal(json_integer_value(json_object_get(removed, "held")), 1);
    assert_string_equal(state_of(house, &delivery, &dead), "dead");
    assert_int_equal(house_ask(house, "DELETE", "/v1/tenants/default", NULL, &gone), 404);
    assert_int_equal(house_ask(house, "GET", "/v1/domains", NULL, &shown), 200);
    assert_int_equal(json_array_size(json_object_get(shown, "domains")), 1);
    assert_string_equal(house_text(shown, "domains.0.tenant"), "acme"); // another's stays
}

// ---- messages and deliveries

static void
message_is_shown_with_verdict_and_deliveries(void **state)
{
    struct house *house = *state;
    struct id delivery;
    struct id message = house_store(house, "caf\xe9 \x1b[2J", DELIVERY_HELD, 100, &delivery);
    char target[128];
    AUTO_JSON *answer = NULL;
    (void)snprintf(target, sizeof(target), "/v1/messages/%s", message.text);
    assert_int_equal(house_ask(house, "GET", target, NULL, &answer), 200);
    assert_string_equal(house_text(answer, "id"), message.text);
    assert_string_equal(house_text(answer, "subject"), "caf\xef\xbf\xbd \x1b[2J");
    assert_string_equal(house_text(answer, "recipients.1"), "b@ours.example");
    assert_string_equal(house_text(answer, "results.dkim"), "pass");
    assert_string_equal(house_text(answer, "results.dmarc"), "fail");
    assert_string_equal(house_text(answer, "verdict.dkim.0.result"), "fail");
    assert_string_equal(house_text(answer, "deliveries.0.id"), delivery.text);
    assert_string_equal(house_text(answer, "deliveries.0.state"), "held");
    assert_string_equal(house_text(answer, "deliveries.0.captures.who"), "a");
}

static void
raw_message_comes_whole_whatever_its_size(void **state)
{
    struct house *house = *state;
    static const size_t SIZES[] = {1, 1000, 700 * 1024, 3 * 1024 * 1024};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        struct id delivery;
        struct id message = house_store(house, "raw", DELIVERY_HELD, SIZES[i], &delivery);
        char request[256];
        int length = snprintf(request, sizeof(request),
                              "GET /v1/messages/%s/raw HTTP/1.1\r\nHost: x\r\n"
                              "Connection: close\r\n\r\n",
                              message.text);
        AUTO_FREE char *answer = house_send(house, request, (size_t)length);
        const char *body = strstr(answer, "\r\n\r\n");
        assert_non_null(body);
        assert_non_null(strstr(answer, "Content-Type: message/rfc822\r\n"));
        assert_int_equal(strlen(body + 4), SIZES[i]);
        size_t last = SIZES[i] - 1;
        assert_int_equal(body[4 + last], last % 64 == 63 ? '\n' : 'a' + (int)(last % 26));
    }
}

static void
lists_continue_page_by_page_without_loss(void **state)
{
    enum { STORED = 5 };
    struct house *house = *state;
    struct id delivery;
    for (size_t i = 0; i < STORED; i++) {
        (void)house_store(house, "page", DELIVERY_HELD, 10, &delivery);
    }
    static const char *const LISTS[] = {"messages", "deliveries", "holds"};
    for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
        size_t seen = 0;
        char target[128];
        (void)snprintf(target, sizeof(target), "/v1/%s?limit=2", LISTS[i]);
        for (bool more = true; more;) {
            AUTO_JSON *page = NULL;
            assert_int_equal(house_ask(house, "GET", target, NULL, &page), 200);
            seen += json_array_size(json_object_get(page, i == 0 ? "messages" : "deliveries"));
            more = json_is_string(json_object_get(page, "next"));
            if (more) {
                (void)snprintf(target, sizeof(target), "/v1/%s?limit=2&before=%s", LISTS[i],
                               house_text(page, "next"));
            }
            assert_true(seen <= STORED);
        }
        assert_int_equal(seen, STORED);
    }
}

// All rows, page by page; of a request with `target` so far, such as "/v1/domains?limit=2".
static size_t
count_rows(const struct house *house, const char *target, const char *member, size_t *pages_out)
{
    size_t seen = 0;
    char before[64] = "";
    *pages_out = 0;
    do {
        char whole[160];
        AUTO_JSON *page = NULL;
        (void)snprintf(whole, sizeof(whole), "%s%s%s", target,
                       before[0] == '\0' ? "" : "&before=", before);
        assert_int_equal(house_ask(house, "GET", whole, NULL, &page), 200);
        seen += json_array_size(json_object_get(page, member));
        ++*pages_out;
        bool more = json_is_string(json_object_get(page, "next"));
        (void)snprintf(before, sizeof(before), "%s", more ? house_text(page, "next") : "");
    } while (before[0] != '\0' && *pages_out < 100);
    return seen;
}

static void
lists_of_domains_tenants_and_events_have_a_cap_and_pages(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *target;
        const char *member;
        size_t rows, pages;
    } lists[] = {
        {"/v1/domains?limit=500", "domains", 501, 2},
        {"/v1/domains?limit=167", "domains", 501, 3},
        {"/v1/domains?removed=false", "domains", 501, 11}, // the default is 50
        {"/v1/domains?part=d000&limit=10", "domains", 10, 1},
        {"/v1/domains?part=d000&limit=9", "domains", 10, 2},
        {"/v1/tenants?limit=500", "tenants", 501, 2},
        {"/v1/tenants?limit=167", "tenants", 501, 3},
        {"/v1/domains/d0000.example/events?limit=2", "events", 3, 2},
        {"/v1/domains/d0000.example/events?limit=3", "events", 3, 1},
    };
    house_fill(house, LISTING_LIMIT_MAX + 1);
    const struct store_event event = {.kind = "domain.check_failed", .detail = ""};
    struct store_domain row;
    assert_int_equal(registry_find(house->registry, "d0000.example", &row), ST_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(store_domain_put(house->store, &row, row.version, &event, NULL), ST_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        size_t pages;
        size_t rows = count_rows(house, lists[i].target, lists[i].member, &pages);
        if (rows != lists[i].rows || pages != lists[i].pages) {
            fail_msg("%s: %zu rows on %zu pages", lists[i].target, rows, pages);
        }
    }
    AUTO_JSON *status = NULL; // no list, but as many rows
    assert_int_equal(house_ask(house, "GET", "/v1/status", NULL, &status), 200);
    const json_t *store = json_object_get(status, "store");
    assert_int_equal(json_object_size(json_object_get(store, "tenants")), LISTING_LIMIT_MAX);
    assert_int_equal(json_integer_value(json_object_get(store, "tenants_left_out")), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(status, "domains"), "pending")),
        LISTING_LIMIT_MAX + 1);
}

static void
a_message_shows_its_deliveries_up_to_a_cap_and_says_where_they_go_on(void **state)
{
    for (size_t more = 0; more < 2; more++) {
        const struct id message = house_store_many(*state, LISTING_LIMIT_MAX + more);
        char target[160];
        AUTO_JSON *shown = NULL;
        (void)snprintf(target, sizeof(target), "/v1/messages/%s", message.text);
        assert_int_equal(house_ask(*state, "GET", target, NULL, &shown), 200);
        assert_int_equal(json_array_size(json_object_get(shown, "deliveries")), LISTING_LIMIT_MAX);
        if (more == 0) {
            assert_true(json_is_null(json_object_get(shown, "deliveries_next")));
            continue;
        }
        AUTO_JSON *rest = NULL;
        (void)snprintf(target, sizeof(target), "/v1/deliveries?message=%s&before=%s", message.text,
                       house_text(shown, "deliveries_next"));
        assert_int_equal(house_ask(*state, "GET", target, NULL, &rest), 200);
        assert_int_equal(json_array_size(json_object_get(rest, "deliveries")), 1);
    }
}

static int64_t
post_count(const struct house *house, const char *target, const char *member, const char *value)
{
    char body[256];
    AUTO_JSON *answer = NULL;
    (void)snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", member, value);
    assert_int_equal(house_ask(house, "POST", target, body, &answer), 200);
    return json_integer_value(json_object_get(answer, "count"));
}

static void
held_mail_is_released_or_discarded_as_selected(void **state)
{
    struct house *house = *state;
    struct id delivery[3];
    struct id message[3];
    for (size_t i = 0; i < 3; i++) {
        message[i] = house_store(house, "held", DELIVERY_HELD, 10, &delivery[i]);
    }
    assert_int_equal(post_count(house, "/v1/holds/release", "delivery", delivery[0].text), 1);
    assert_int_equal(post_count(house, "/v1/holds/discard", "message", message[1].text), 1);
    assert_int_equal(post_count(house, "/v1/holds/discard", "domain", "Ours.Example"), 1);
    assert_int_equal(post_count(house, "/v1/holds/release", "domain", "ours.example"), 0);
    AUTO_JSON *dead = NULL;
    assert_int_equal(house_ask(house, "GET", "/v1/deliveries?state=dead", NULL, &dead), 200);
    assert_int_equal(json_array_size(json_object_get(dead, "deliveries")), 2);
    assert_string_equal(house_text(dead, "deliveries.0.reason"), "discarded by an operator");
}

static void
dead_letters_are_queued_again_and_held_ones_left_alone(void **state)
{
    struct house *house = *state;
    struct id dead;
    struct id held;
    (void)house_store(house, "dead", DELIVERY_HELD, 10, &dead);
    (void)house_store(house, "held", DELIVERY_HELD, 10, &held);
    assert_int_equal(post_count(house, "/v1/holds/discard", "delivery", dead.text), 1);
    assert_int_equal(post_count(house, "/v1/deliveries/retry", "destination", "psa"), 1);
    AUTO_JSON *holds = NULL;
    assert_int_equal(house_ask(house, "GET", "/v1/holds", NULL, &holds), 200);
    assert_int_equal(json_array_size(json_object_get(holds, "deliveries")), 1);
    assert_string_equal(house_text(holds, "deliveries.0.id"), held.text);
    char target[128];
    AUTO_JSON *shown = NULL;
    (void)snprintf(target, sizeof(target), "/v1/deliveries/%s", dead.text);
    assert_int_equal(house_ask(house, "GET", target, NULL, &shown), 200);
    assert_true(strcmp(house_text(shown, "state"), "dead") != 0);
    assert_true(json_is_array(json_object_get(shown, "attempts")));
}

static void
status_counts_what_is_there(void **state)
{
    struct house *house = *state;
    struct id delivery;
    AUTO_JSON *answer = NULL;
    house_verify(house, "ours.example");
    (void)house_store(house, "counted", DELIVERY_HELD, 1000, &delivery);
    assert_int_equal(house_ask(house, "GET", "/v1/status", NULL, &answer), 200);
    assert_string_equal(house_text(answer, "version"), MAILSPUR_VERSION);
    assert_string_equal(house_text(answer, "hostname"), "mx.test.example");
    static const struct {
        const char *group, *member;
        int64_t value;
    } wanted[] = {
        {"domains", "verified", 1}, {"deliveries", "held", 1},        {"store", "messages", 1},
        {"store", "submitted", 1},  {"limits", "pending_domains", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const json_t *group = json_object_get(answer, wanted[i].group);
        int64_t value = json_integer_value(json_object_get(group, wanted[i].member));
        if (value != wanted[i].value) {
            fail_msg("%s.%s: %lld", wanted[i].group, wanted[i].member, (long long)value);
        }
    }
    const json_t *tenants = json_object_get(json_object_get(answer, "store"), "tenants");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(tenants, "default"), "messages")), 1);
    AUTO_FREE char *told = json_dumps(json_object_get(tenants, "default"), JSON_SORT_KEYS);
    assert_non_null(strstr(told, "\"limits\": {\"bytes\": 4294967296, \"messages\": 200000, "
                                 "\"messages_per_minute\": null, "
                                 "\"recipients_per_minute\": null}"));
    assert_non_null(strstr(told, "\"messages_in_last_minute\": 0, \"recipients_in_last_minute\": "
                                 "0, \"refused\": {\"rate\": 0, \"room\": 0}"));
}

static void
unknown_ids_are_no_ids(void **state)
{
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/deliveries/%s", NO_ID);
    assert_int_equal(house_ask(*state, "GET", target, NULL, NULL), 404);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(mistake_is_answered_with_code_and_sentence),
        WITH_HOUSE(domain_goes_its_way_from_added_to_removed),
        WITH_HOUSE(inbound_on_without_routes_is_refused),
        WITH_HOUSE(inbound_on_before_verification_is_refused),
        WITH_HOUSE(missing_record_is_named_with_its_cure),
        WITH_HOUSE(same_domain_twice_and_too_many_pending_are_refused),
        WITH_HOUSE(list_shows_a_tenants_domains_and_removed_ones_when_asked),
        WITH_HOUSE(history_tells_what_happened_newest_first),
        WITH_HOUSE(what_a_removed_domain_has_held_becomes_what_was_asked),
        WITH_HOUSE(tenants_are_added_and_listed_by_name),
        WITH_HOUSE(a_tenant_with_domains_is_removed_only_when_that_is_said),
        WITH_HOUSE(message_is_shown_with_verdict_and_deliveries),
        WITH_HOUSE(raw_message_comes_whole_whatever_its_size),
        WITH_HOUSE(lists_continue_page_by_page_without_loss),
        WITH_HOUSE(lists_of_domains_tenants_and_events_have_a_cap_and_pages),
        WITH_HOUSE(a_message_shows_its_deliveries_up_to_a_cap_and_says_where_they_go_on),
        WITH_HOUSE(held_mail_is_released_or_discarded_as_selected),
        WITH_HOUSE(dead_letters_are_queued_again_and_held_ones_left_alone),
        WITH_HOUSE(status_counts_what_is_there),
        WITH_HOUSE(unknown_ids_are_no_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
