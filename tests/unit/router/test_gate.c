// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "house.h"
#include "router/gate.h"
#include "router/route.h"

static struct house house;

static int
setup(void **state)
{
    (void)state;
    house_open(&house);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

struct gate_case {
    const char *label;
    const char *recipient;
    enum gate_decision decision;
    unsigned code;
    const char *enhanced;
    const char *text; /* NULL: any that is not empty */
};

static const struct gate_case GATE_CASES[] = {
    {"taken by a route", "ticket+7@ours.example", GATE_ACCEPT, 0, "", ""},
    {"in brackets", "<ticket+7@ours.example>", GATE_ACCEPT, 0, "", ""},
    {"another case", "TICKET+7@OURS.Example", GATE_ACCEPT, 0, "", ""},
    {"a final dot", "both@ours.example.", GATE_ACCEPT, 0, "", ""},
    {"at risk still takes mail", "both@sister.example", GATE_ACCEPT, 0, "", ""},
    {"no route", "nobody@ours.example", GATE_REFUSE, 550, "5.1.1", NULL},
    {"empty capture", "ticket+@ours.example", GATE_REFUSE, 550, "5.1.1", NULL},
    {"reject route", "closed@ours.example", GATE_REFUSE, 550, "5.7.1", "gone for good"},
    {"by its proof alone, with inbound on", "both@early.example", GATE_ACCEPT, 0, "", ""},
    {"failed, but its proof is there", "both@spf-lost.example", GATE_ACCEPT, 0, "", ""},
    {"its proof is gone", "both@held.example", GATE_ACCEPT, 0, "", ""},
    {"its proof is gone, and no route", "nobody@held.example", GATE_REFUSE, 550, "5.1.1", NULL},
    {"its proof is gone for long", "both@deferred.example", GATE_DEFER, 450, "4.7.1", NULL},
    {"failed, inbound off", "both@failed-off.example", GATE_REFUSE, 550, "5.7.1", NULL},
    {"never proven, failed", "both@never.example", GATE_NOT_OURS, 0, "", ""},
    {"never proven, removed", "both@tried.example", GATE_NOT_OURS, 0, "", ""},
    {"removed", "both@removed.example", GATE_REFUSE, 550, "5.7.1", NULL},
    {"removed, and added again by another", "both@returned.example", GATE_REFUSE, 550, "5.7.1",
     "this domain was removed"},
    {"failed", "both@failed.example", GATE_REFUSE, 550, "5.7.1", NULL},
    {"inbound off", "both@off.example", GATE_REFUSE, 550, "5.7.1", NULL},
    {"no routes configured", "both@bare.example", GATE_DEFER, 450, "4.3.5", NULL},
    {"pending", "both@pending.example", GATE_NOT_OURS, 0, "", ""},
    {"unknown", "both@unknown.example", GATE_NOT_OURS, 0, "", ""},
    {"a subdomain is a name of its own", "both@sub.ours.example", GATE_NOT_OURS, 0, "", ""},
    {"a parent is a name of its own", "both@example", GATE_NOT_OURS, 0, "", ""},
    {"null", "<>", GATE_NOT_OURS, 0, "", ""},
    {"empty", "", GATE_NOT_OURS, 0, "", ""},
    {"only a domain", "ours.example", GATE_NOT_OURS, 0, "", ""},
    {"only a local part", "both@", GATE_NOT_OURS, 0, "", ""},
    {"only a host", "@ours.example", GATE_NOT_OURS, 0, "", ""},
    {"a space", "bo th@ours.example", GATE_NOT_OURS, 0, "", ""},
    {"a source route", "<@a.example:both@ours.example>", GATE_NOT_OURS, 0, "", ""},
};

static void
gate_decides_by_registry_then_routes(void **state)
{
    (void)state;
    AUTO_CONFIG *config = config_holder_get(house.holder);
    for (size_t i = 0; i < ARRAY_LEN(GATE_CASES); i++) {
        const struct gate_case *wanted = &GATE_CASES[i];
        struct gate_answer got;
        gate_decide(config, house.registry, wanted->recipient, &got);
        bool text_is_right = wanted->text == NULL ? got.reply_text[0] != '\0'
                                                  : strcmp(wanted->text, got.reply_text) == 0;
        if (got.decision != wanted->decision || got.reply_code != wanted->code || !text_is_right ||
            strcmp(got.reply_enhanced, wanted->enhanced) != 0 ||
            (got.decision == GATE_ACCEPT) != (got.domain != NULL) ||
            (got.hold[0] != '\0') != (got.decision == GATE_ACCEPT &&
                                      strcmp(got.recipient.domain, "held.example") == 0)) {
            fail_msg("%s: decision %d, %u %s %s", wanted->label, (int)got.decision, got.reply_code,
                     got.reply_enhanced, got.reply_text);
        }
    }
}

static void
accepted_answer_names_tenant_domain_and_destinations(void **state)
{
    (void)state;
    AUTO_CONFIG *config = config_holder_get(house.holder);
    struct gate_answer got;
    gate_decide(config, house.registry, "<Both@OTHER.example>", &got);
    assert_int_equal(got.decision, GATE_ACCEPT);
    assert_string_equal(got.tenant, "zenith");
    assert_string_equal(got.domain->name, "other.example");
    assert_string_equal(got.recipient.local_part, "Both");
    assert_string_equal(got.recipient.domain, "other.example");
    assert_int_equal(got.destination_count, 2);
}

static void
change_in_the_registry_counts_with_the_next_question(void **state)
{
    (void)state;
    AUTO_CONFIG *config = config_holder_get(house.holder);
    struct gate_answer got;
    struct store_domain entry;
    assert_int_equal(registry_set_inbound(house.registry, "ours.example", false, &entry, NULL),
                     ST_OK);
    gate_decide(config, house.registry, "both@ours.example", &got);
    assert_int_equal(got.decision, GATE_REFUSE);
    assert_int_equal(registry_set_inbound(house.registry, "ours.example", true, &entry, NULL),
                     ST_OK);
    gate_decide(config, house.registry, "both@ours.example", &got);
    assert_int_equal(got.decision, GATE_ACCEPT);
    assert_int_equal(
        registry_remove(house.registry, "ours.example", REGISTRY_HELD_STAYS, &entry, NULL, NULL),
        ST_OK);
    gate_decide(config, house.registry, "both@ours.example", &got);
    assert_int_equal(got.decision, GATE_REFUSE);
    assert_int_equal(got.reply_code, 550);
}

static void
trusted_networks_are_the_domains_own(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool trusted;
    } cases[] = {
        {"192.0.2.1", true}, {"::ffff:192.0.2.1", true}, {"192.0.3.1", false},
        {"", false},         {"not an address", false},
    };
    AUTO_CONFIG *config = config_holder_get(house.holder);
    const struct config_domain *domain = config_find_domain(config, "ours.example");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (gate_client_is_trusted(domain, cases[i].address) != cases[i].trusted) {
            fail_msg("'%s'", cases[i].address);
        }
    }
}

static void
addresses_that_no_route_takes_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool taken;
    } cases[] = {
        {"both@ours.example", true},     {"postmaster@ours.example", false},
        {"closed@ours.example", false},  {"both@unknown.example", false},
        {"both@deferred.example", true}, {"nonsense", false},
    };
    AUTO_CONFIG *config = config_holder_get(house.holder);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (gate_takes_mail_for(config, cases[i].address) != cases[i].taken) {
            fail_msg("%s", cases[i].address);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gate_decides_by_registry_then_routes, setup, teardown),
        cmocka_unit_test_setup_teardown(accepted_answer_names_tenant_domain_and_destinations, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(change_in_the_registry_counts_with_the_next_question, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(addresses_that_no_route_takes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(trusted_networks_are_the_domains_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
