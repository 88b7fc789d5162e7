// SPDX-License-Identifier: Apache-2.0
// Two tenants over the API: what an answer about one says of the other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/cleanup.h"
#include "control/api/json.h"
#include "house.h"

#define HOLDER "zenith"
#define HELD "ours.example"
#define CLAIM HELD "@other"

// ours.example is the holder's, proven; so say its routes.
static void
settle_holder(struct house *house)
{
    house_verify_for(house, HOLDER, HELD);
    folder_write(&house->folder, "domains.d/" HELD ".yaml",
                 "domain: " HELD "\ntenant: " HOLDER "\nroutes:\n"
                 "  - {name: all, recipient: \"*\", destinations: [psa]}\n");
    config_holder_set(house->holder, folder_load_good(&house->folder));
}

// What a tenant would be answered: without the member that is the operator's.
static void
drop_operator(json_t *json)
{
    const char *key;
    json_t *value;
    void *next;
    size_t i;
    (void)json_object_del(json, "operator");
    json_object_foreach_safe(json, next, key, value)
    {
        drop_operator(value);
    }
    json_array_foreach(json, i, value)
    {
        drop_operator(value);
    }
}

struct question {
    const char *method, *target, *body;
    int status;
};

static void
answers_about_one_tenants_domain_name_no_other_tenant(void **state)
{
    static const struct question questions[] = {
        {"POST", "/v1/domains", "{\"domain\":\"" HELD "\",\"tenant\":\"other\"}", 201},
        {"POST", "/v1/domains", "{\"domain\":\"" HELD "\",\"tenant\":\"other\"}", 409},
        {"POST", "/v1/domains", "{\"domain\":\"low." HELD "\",\"tenant\":\"other\"}", 201},
        {"GET", "/v1/domains/" CLAIM, NULL, 200},
        {"GET", "/v1/domains/low." HELD, NULL, 200},
        {"GET", "/v1/domains/" CLAIM "/records", NULL, 200},
        {"GET", "/v1/domains/" CLAIM "/zone", NULL, 409},
        {"POST", "/v1/domains/" CLAIM "/verify", NULL, 200},
        {"POST", "/v1/domains/low." HELD "/verify", NULL, 200},
        {"PATCH", "/v1/domains/" CLAIM, "{\"inbound\":true}", 409},
        {"PATCH", "/v1/domains/low." HELD, "{\"inbound\":true}", 409},
        {"PATCH", "/v1/domains/" CLAIM, "{\"inbound\":false}", 200},
        {"POST", "/v1/domains/" CLAIM "/approve", NULL, 409},
        {"GET", "/v1/domains/" CLAIM "/events", NULL, 200},
        {"GET", "/v1/domains/low." HELD "/events", NULL, 200},
        {"GET", "/v1/domains?tenant=other&problems=true", NULL, 200},
        {"DELETE", "/v1/domains/" CLAIM, NULL, 200},
        {"DELETE", "/v1/tenants/other", NULL, 409},
        {"DELETE", "/v1/tenants/other", "{\"domains\":true}", 200},
    };
    settle_holder(*state);
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        AUTO_JSON *answer = NULL;
        int status =
            house_ask(*state, questions[i].method, questions[i].target, questions[i].body, &answer);
        drop_operator(answer);
        AUTO_FREE char *text = json_dumps(answer, JSON_ENCODE_ANY);
        if (status != questions[i].status || strstr(text, HOLDER) != NULL) {
            fail_msg("%s %s: %d %s", questions[i].method, questions[i].target, status, text);
        }
    }
}

static void
the_operator_sees_whose_name_it_is_and_whose_lie_above_and_below(void **state)
{
    AUTO_JSON *claim = NULL;
    AUTO_JSON *child = NULL;
    AUTO_JSON *held = NULL;
    AUTO_JSON *first = NULL;
    AUTO_JSON *second = NULL;
    AUTO_JSON *approved = NULL;
    settle_holder(*state);
    (void)house_ask(*state, "POST", "/v1/domains", "{\"domain\":\"" HELD "\",\"tenant\":\"other\"}",
                    &claim);
    assert_string_equal(house_text(claim, "operator.holder"), HOLDER);
    assert_true(json_is_true(json_object_get(json_object_get(claim, "operator"), "proven")));
    (void)house_ask(*state, "POST", "/v1/domains",
                    "{\"domain\":\"low." HELD "\",\"tenant\":\"other\"}", &child);
    assert_true(json_is_null(json_object_get(json_object_get(child, "operator"), "holder")));
    assert_string_equal(house_text(child, "operator.near.0.domain"), HELD);
    assert_string_equal(house_text(child, "operator.near.0.tenant"), HOLDER);
    (void)house_ask(*state, "GET", "/v1/domains/" HELD, NULL, &held);
    assert_true(json_is_null(json_object_get(held, "operator")));
    assert_int_equal(house_ask(*state, "POST", "/v1/domains/low." HELD "/approve", NULL, &approved),
                     200);
    assert_true(json_is_true(json_object_get(approved, "approved")));
    assert_true(json_is_null(json_object_get(approved, "operator")));
    (void)house_ask(*state, "POST", "/v1/domains",
                    "{\"domain\":\"new.example\",\"tenant\":\"one\"}", &first);
    (void)house_ask(*state, "POST", "/v1/domains",
                    "{\"domain\":\"new.example\",\"tenant\":\"two\"}", &second);
    assert_string_equal(house_text(second, "operator.holder"), "one");
    assert_false(json_is_true(json_object_get(json_object_get(second, "operator"), "proven")));
    assert_non_null(strstr(house_text(second, "waits"), "nobody has proven"));
}

static void
what_is_held_of_a_tenant_whose_domains_stay_is_refused_with_the_cure(void **state)
{
    static const char *const bodies[] = {"{\"held\":\"drain\"}",
                                         "{\"held\":\"discard\",\"domains\":false}"};
    AUTO_JSON *listed = NULL;
    (void)house_ask(*state, "POST", "/v1/tenants", "{\"tenant\":\"acme\"}", NULL);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        AUTO_JSON *answer = NULL;
        assert_int_equal(house_ask(*state, "DELETE", "/v1/tenants/acme", bodies[i], &answer), 422);
        assert_non_null(strstr(house_text(answer, "error.message"), "\"domains\": true"));
    }
    assert_int_equal(house_ask(*state, "GET", "/v1/tenants", NULL, &listed), 200);
    assert_int_equal(json_array_size(json_object_get(listed, "tenants")), 1); // it is there still
}

static void
one_domain_is_told_as_one(void **state)
{
    AUTO_JSON *refused = NULL;
    (void)house_ask(*state, "POST", "/v1/domains", "{\"domain\":\"a.example\"}", NULL);
    assert_int_equal(house_ask(*state, "DELETE", "/v1/tenants/default", NULL, &refused), 409);
    assert_string_equal(house_text(refused, "error.message"),
                        "tenant default has 1 domain: remove it first, or with the tenant: "
                        "--domains (\"domains\": true)");
    AUTO_JSON *again = NULL;
    (void)house_ask(*state, "POST", "/v1/domains", "{\"domain\":\"b.example\"}", NULL);
    assert_int_equal(house_ask(*state, "DELETE", "/v1/tenants/default", NULL, &again), 409);
    assert_string_equal(house_text(again, "error.message"),
                        "tenant default has 2 domains: remove them first, or with the tenant: "
                        "--domains (\"domains\": true)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(answers_about_one_tenants_domain_name_no_other_tenant),
        WITH_HOUSE(the_operator_sees_whose_name_it_is_and_whose_lie_above_and_below),
        WITH_HOUSE(what_is_held_of_a_tenant_whose_domains_stay_is_refused_with_the_cure),
        WITH_HOUSE(one_domain_is_told_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
