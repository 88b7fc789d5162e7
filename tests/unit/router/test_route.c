// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/attrs.h"
#include "router/route.h"

enum { ROUTES_MAX = ROUTE_MATCHES_MAX + 1 };

struct route_case {
    const char *label;
    /* "pattern": stops; "pattern>": goes on; "pattern!": rejects */
    const char *routes[4];
    const char *local_part;
    enum route_result result;
    const char *names; /* indexes of the routes that matched */
    bool rejects;
};

static const struct route_case CASES[] = {
    {"no routes", {NULL}, "a", ROUTE_NONE, "", false},
    {"none matches", {"b", "c"}, "a", ROUTE_NONE, "", false},
    {"the first match stops", {"a", "a"}, "a", ROUTE_TAKEN, "0", false},
    {"order decides", {"*", "a"}, "a", ROUTE_TAKEN, "0", false},
    {"going on", {"a>", "b", "a"}, "a", ROUTE_TAKEN, "02", false},
    {"going on to nothing", {"a>", "b"}, "a", ROUTE_TAKEN, "0", false},
    {"reject first", {"a!", "a"}, "a", ROUTE_REJECTED, "", true},
    {"reject of others", {"b!", "a"}, "a", ROUTE_TAKEN, "1", false},
    {"reject behind a match refuses nothing, but ends the walk",
     {"a>", "a!", "a"},
     "a",
     ROUTE_TAKEN,
     "0",
     false},
    {"reject behind a stop is not reached", {"a", "a!"}, "a", ROUTE_TAKEN, "0", false},
};

static void
make_route(const char *text, char *name, struct config_route *route)
{
    char pattern[64];
    size_t length = strcspn(text, ">!");
    memcpy(pattern, text, length);
    pattern[length] = '\0';
    static char reject[] = "no";
    *route = (struct config_route){
        .name = name, .stop = text[length] != '>', .reject = text[length] == '!' ? reject : NULL};
    assert_int_equal(pattern_compile(pattern, &route->recipient, NULL), ST_OK);
}

static void
check(const struct route_case *wanted)
{
    char names[4][2] = {"0", "1", "2", "3"};
    struct config_route routes[4];
    struct config_domain domain = {.routes = routes};
    for (size_t i = 0; i < 4 && wanted->routes[i] != NULL; i++) {
        make_route(wanted->routes[i], names[i], &routes[domain.route_count++]);
    }
    struct route_match matches[ROUTE_MATCHES_MAX];
    size_t count = 99;
    const char *reject = "untouched";
    enum route_result result =
        route_recipient(&domain, wanted->local_part, matches, &count, &reject);
    char got[8] = "";
    for (size_t i = 0; i < count; i++) {
        got[i] = matches[i].route->name[0];
    }
    if (result != wanted->result || strcmp(got, wanted->names) != 0 ||
        (reject != NULL) != wanted->rejects) {
        fail_msg("%s: result %d, routes '%s', reject %s", wanted->label, (int)result, got,
                 reject == NULL ? "-" : reject);
    }
    for (size_t i = 0; i < domain.route_count; i++) {
        pattern_free(routes[i].recipient);
    }
}

static void
routes_are_walked_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        check(&CASES[i]);
    }
}

static void
captures_keep_the_senders_bytes(void **state)
{
    (void)state;
    char name[] = "r";
    struct config_route route;
    make_route("Ticket+{id}-{part}", name, &route);
    const struct config_domain domain = {.routes = &route, .route_count = 1};
    struct route_match matches[ROUTE_MATCHES_MAX];
    size_t count = 0;
    const char *reject = NULL;
    assert_int_equal(route_recipient(&domain, "tiCKet+AbC-9", matches, &count, &reject),
                     ROUTE_TAKEN);
    assert_int_equal(count, 1);
    assert_int_equal(matches[0].captures.count, 2);
    assert_string_equal(matches[0].captures.items[0].name, "id");
    assert_string_equal(matches[0].captures.items[0].value, "AbC");
    assert_string_equal(matches[0].captures.items[1].value, "9");
    pattern_free(route.recipient);
}

static void
matches_end_at_their_cap(void **state)
{
    (void)state;
    char name[] = "r";
    struct config_route routes[ROUTES_MAX];
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        make_route("a>", name, &routes[i]);
    }
    struct config_domain domain = {.routes = routes, .route_count = ROUTE_MATCHES_MAX};
    struct route_match matches[ROUTE_MATCHES_MAX];
    size_t count = 0;
    const char *reject = NULL;
    assert_int_equal(route_recipient(&domain, "a", matches, &count, &reject), ROUTE_TAKEN);
    assert_int_equal(count, ROUTE_MATCHES_MAX);
    domain.route_count = ROUTES_MAX;
    assert_int_equal(route_recipient(&domain, "a", matches, &count, &reject), ROUTE_TAKEN);
    assert_int_equal(count, ROUTE_MATCHES_MAX);
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        pattern_free(routes[i].recipient);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_walked_in_order),
        cmocka_unit_test(captures_keep_the_senders_bytes),
        cmocka_unit_test(matches_end_at_their_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
