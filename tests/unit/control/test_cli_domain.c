// SPDX-License-Identifier: Apache-2.0
// `mailspur tenant` and `mailspur domain` against the real API: forms, words and exit codes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli_run.h"
#include "common/cleanup.h"
#include "control/cli/cli.h"
#include "control/cli/listing.h"

// ---- tenants

static const struct cli_step TENANT_STEPS[] = {
    {"tenant list", CLI_OK, "no tenants"},
    {"tenant add acme", CLI_OK, "mailspur domain add NAME --tenant acme"},
    {"tenant add acme", CLI_REFUSED, "acme"},
    {"tenant add Acme!", CLI_USAGE, "Acme!"},
    {"tenant list", CLI_OK, "acme"},
    {"tenant list --json", CLI_OK, "{\"tenants\":[{"},
    {"domain add one.example --tenant acme", CLI_OK, "tenant acme"},
    {"tenant remove acme", CLI_REFUSED, "acme"},
    {"tenant remove acme --held drain", CLI_USAGE, "--domains"},
    {"tenant remove acme --domains --held eat --yes", CLI_USAGE, "'eat'"},
    {"tenant remove acme --domains --held drain --yes", CLI_OK, "0 held deliveries queued"},
    {"tenant list", CLI_OK, "no tenants"},
    {"tenant remove acme", CLI_NOT_FOUND, "acme"},
    {"tenant add empty", CLI_OK, "is added"},
    {"tenant remove empty", CLI_OK, "empty is removed"},
};

static void
tenants_come_and_go(void **state)
{
    cli_expect_all(*state, TENANT_STEPS, ARRAY_LEN(TENANT_STEPS));
}

static void
tenant_with_domains_is_not_removed_without_yes_or_a_terminal(void **state)
{
    int before = dup(STDIN_FILENO);
    assert_non_null(freopen("/dev/null", "r", stdin));
    cli_expect(*state, "domain add one.example --tenant acme", CLI_OK, "pending");
    cli_expect(*state, "tenant remove acme --domains", CLI_USAGE, "--yes");
    cli_expect(*state, "tenant list", CLI_OK, "acme");
    assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(before), 0);
}

// ---- records

static const struct cli_step RECORD_STEPS[] = {
    {"domain add ours.example --profile local", CLI_OK, "mailspur domain verify ours.example"},
    {"domain add more.example --profile none", CLI_USAGE,
     "relay (SES relay with shared selectors)"},
    {"domain check more.example --profile none", CLI_USAGE,
     "there is no profile 'none'; there are: inbound (receiving only)"},
    {"domain add more.example --profile ivymail --region eu-west-1", CLI_OK,
     "feedback-smtp.eu-west-1.amazonses.com"},
    {"domain records ours.example", CLI_OK, "PURPOSE"},
    {"domain records ours.example --format table", CLI_OK, "FULL NAME"},
    {"domain records ours.example --format bind", CLI_OK,
     "\"v=spf1 include:_spf.test.example ~all\"\n"},
    {"domain records ours.example --format csv", CLI_OK,
     "purpose,for,required,type,host,name,value,priority,ttl,status\r\n"},
    {"domain records ours.example --format csv", CLI_OK,
     "mx,inbound,no,MX,@,ours.example,mx.test.example,10,"},
    {"domain records ours.example --format json", CLI_OK, "\"purpose\":\"ownership\""},
    {"domain records ours.example --json", CLI_OK, "\"purpose\":\"ownership\""},
    {"domain records ours.example --format xml", CLI_USAGE,
     "--format is table, json, bind or csv, not 'xml'"},
    {"domain records none.example --format bind", CLI_NOT_FOUND, "no domain none.example"},
    {"domain zone ours.example", CLI_OK, ".dkim.test.example."},
    {"domain zone ours.example", CLI_OK, "v=DKIM1; k=ed25519; p="},
    {"domain zone ours.example --json", CLI_OK, "\"zone\":\"dkim.test.example\""},
    {"domain zone more.example", CLI_REFUSED, "dkim: local"},
    {"domain zone none.example", CLI_NOT_FOUND, "no domain none.example"},
};

static void
records_come_in_every_form(void **state)
{
    cli_expect_all(*state, RECORD_STEPS, ARRAY_LEN(RECORD_STEPS));
}

// What CNAMEs of the tenant lead to is what the operator is told to publish.
static void
each_dkim_cname_leads_to_a_line_of_the_zone(void **state)
{
    json_t *answer;
    cli_expect(*state, "domain add ours.example --profile local", CLI_OK, "pending");
    AUTO_OUTCOME zone = cli_run(*state, "domain zone ours.example");
    assert_int_equal(house_ask(*state, "GET", "/v1/domains/ours.example/records", NULL, &answer),
                     200);
    const json_t *records = json_object_get(answer, "records");
    size_t keys = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (strcmp(house_text(record, "purpose"), "dkim") == 0) {
            assert_non_null(strstr(zone.out, house_text(record, "value")));
            keys++;
        }
    }
    assert_int_equal(keys, 3);
    json_decref(answer);
}

// ---- looking

static void
list_counts_problems_and_tells_the_next_check(void **state)
{
    cli_expect(*state, "domain add ours.example --json", CLI_OK, "pending");
    AUTO_OUTCOME before = cli_run(*state, "domain list");
    assert_non_null(strstr(before.out, "PROBLEMS"));
    assert_non_null(strstr(before.out, "NEXT CHECK"));
    json_t *answer;
    assert_int_equal(house_ask(*state, "GET", "/v1/domains?problems=true", NULL, &answer), 200);
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(answer, "domains"), 0), "problems")));
    json_decref(answer);
    cli_expect(*state, "domain verify ours.example", CLI_FAILED, "not verified: pending");
    assert_int_equal(house_ask(*state, "GET", "/v1/domains?problems=true", NULL, &answer), 200);
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(json_object_get(answer, "domains"), 0), "problems")),
                     2);
    json_decref(answer);
    assert_int_equal(house_ask(*state, "GET", "/v1/domains", NULL, &answer), 200);
    assert_null(json_object_get(json_array_get(json_object_get(answer, "domains"), 0), "problems"));
    json_decref(answer);
}

static size_t
count_lines_with(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void
lists_follow_the_pages_to_the_end(void **state)
{
    static const struct {
        const char *line;
        const char *member;
        const char *part;
    } lists[] = {{"domain list", "domains", ".example "}, {"tenant list", "tenants", "\nt"}};
    house_fill(*state, LISTING_PAGE + 1);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        char with_json[64];
        (void)snprintf(with_json, sizeof(with_json), "%s --json", lists[i].line);
        AUTO_OUTCOME table = cli_run(*state, lists[i].line);
        AUTO_OUTCOME json = cli_run(*state, with_json);
        assert_int_equal(table.code, CLI_OK);
        assert_int_equal(count_lines_with(table.out, lists[i].part), LISTING_PAGE + 1);
        assert_int_equal(count_lines_with(table.out, "TENANT"), 1); // one title line
        assert_int_equal(json.code, CLI_OK);
        json_t *whole = json_loads(json.out, 0, NULL);
        assert_int_equal(json_array_size(json_object_get(whole, lists[i].member)),
                         LISTING_PAGE + 1);
        json_decref(whole);
    }
    cli_expect(*state, "domain list --part d0500", CLI_OK, "d0500.example");
    cli_expect(*state, "domain list --status verified", CLI_OK, "no domains");
    cli_expect(*state, "domain list --status good", CLI_USAGE, "pending, verified, at_risk");
    cli_expect(*state, "domain list --status good --json", CLI_USAGE, "{\"error\":");
}

static const struct cli_step SHOW_STEPS[] = {
    {"domain add ours.example --json", CLI_OK, "\"status\":\"pending\""},
    {"domain show ours.example", CLI_OK, "not checked yet: mailspur domain verify ours.example"},
    {"domain show ours.example", CLI_OK, "  fails        20"}, // a time: 72 h from now
    {"domain verify ours.example", CLI_FAILED, "problem   it is not there"},
    {"domain show ours.example", CLI_OK, "problem   it is not there"},
    {"domain show ours.example", CLI_OK, "  next check   20"},
    {"domain show ours.example@default", CLI_OK, "ours.example (tenant default)"},
    {"domain show ours.example@other", CLI_NOT_FOUND, "other"},
    {"domain add ours.example --tenant other", CLI_OK, "it waits: another tenant added it before"},
    {"domain add ours.example --tenant third", CLI_OK, "domain verify ours.example@third --watch"},
    {"domain show ours.example@other", CLI_OK, "it waits: another tenant added it before"},
    {"domain show ours.example@other", CLI_OK, "  added by     default\n"},
    {"domain verify ours.example@other", CLI_FAILED,
     "pending\n  it waits: another tenant added it"},
    {"domain history ours.example --limit 1", CLI_OK, "domain."},
    {"domain remove ours.example --held eat --yes", CLI_USAGE, "'eat'"},
    {"domain remove ours.example --held discard --yes", CLI_OK, "0 held deliveries discarded"},
    {"domain remove ours.example@other --yes", CLI_OK, "ours.example is removed"},
};

static void
show_tells_how_it_stands_and_what_is_coming(void **state)
{
    cli_expect_all(*state, SHOW_STEPS, ARRAY_LEN(SHOW_STEPS));
}

static const struct cli_step LETTER_STEPS[] = {
    {"domain add bücher.example", CLI_OK,
     "xn--bcher-kva.example (bücher.example) (tenant default)"},
    {"domain add straße.example --json", CLI_OK, "\"domain_unicode\":\"stra\\u00DFe.example\""},
    {"domain show xn--bcher-kva.example", CLI_OK, "xn--bcher-kva.example (bücher.example) (tenant"},
    {"domain records xn--bcher-kva.example", CLI_OK, "xn--bcher-kva.example (bücher.example)\n\n"},
    {"domain verify xn--bcher-kva.example", CLI_FAILED, "(bücher.example) is not verified"},
    {"domain list", CLI_OK, "\nxn--bcher-kva.example (bücher.example)  default"},
};

static void
a_name_of_a_labels_has_its_letters_beside_it(void **state)
{
    cli_expect_all(*state, LETTER_STEPS, ARRAY_LEN(LETTER_STEPS));
    AUTO_OUTCOME bind = cli_run(*state, "domain records xn--bcher-kva.example --format bind");
    assert_null(strstr(bind.out, "bücher")); // to be loaded as it is
    AUTO_OUTCOME plain = cli_run(*state, "domain add plain.example --json");
    assert_null(strstr(plain.out, "domain_unicode"));
}

static void
what_is_on_already_may_be_asked_for_again(void **state)
{
    house_verify(*state, "ours.example");
    AUTO_OUTCOME first = cli_run(*state, "domain inbound on ours.example");
    assert_int_equal(first.code, CLI_OK);
    assert_null(strstr(first.out, "already"));
    cli_expect(*state, "domain inbound on ours.example", CLI_OK, "Its inbound was on already.\n");
    house_lose(*state, "ours.example");
    cli_expect(*state, "domain inbound on ours.example", CLI_OK,
               "ours.example (tenant default): at_risk, inbound on\nIts inbound was on already.\n"
               "But it is at_risk. What is missing: mailspur domain show ours.example\n");
    cli_expect(*state, "domain inbound on ours.example --json", CLI_OK, "\"changed\":false");
    cli_expect(*state, "domain inbound off ours.example --json", CLI_OK, "\"changed\":true");
    cli_expect(*state, "domain inbound off ours.example", CLI_OK, "Its inbound was off already.\n");
    cli_expect(*state, "domain inbound on ours.example", CLI_REFUSED, "ours.example is at_risk");
}

// There is none of these; what is wrong with each is told as domain add tells it.
static const struct cli_step TYPED_STEPS[] = {
    {"domain add ours.example", CLI_OK, "pending"},
    {"domain show http://ours.example", CLI_USAGE,
     "'http://ours.example': write only the domain, without http:// or the like; did you mean "
     "ours.example?"},
    {"domain verify http://ours.example", CLI_USAGE, "did you mean ours.example?"},
    {"domain verify http://ours.example --watch", CLI_USAGE, "did you mean ours.example?"},
    {"domain records ours.example/", CLI_USAGE, "did you mean ours.example?"},
    {"domain history ours,example", CLI_USAGE, "did you mean ours.example?"},
    {"domain inbound on *.ours.example", CLI_USAGE, "did you mean ours.example?"},
    {"domain remove http://ours.example --yes", CLI_USAGE, "did you mean ours.example?"},
    {"domain approve http://ours.example --tenant other", CLI_USAGE, "did you mean ours.example?"},
    {"domain show postmaster@ours.example", CLI_USAGE, "did you mean ours.example?"},
    {"domain show ours.example@other", CLI_NOT_FOUND, "tenant other has no domain ours.example"},
    {"domain show localhost", CLI_USAGE, "one part only"},
    {"domain show none.example", CLI_NOT_FOUND, "there is no domain none.example"},
    {"domain show OURS.example.", CLI_OK, "ours.example (tenant default)"},
    {"domain add bücher.example", CLI_OK, "pending"},
    {"domain show Bücher.example", CLI_OK, "xn--bcher-kva.example"},
    {"domain show Bücher.example@default", CLI_OK, "xn--bcher-kva.example"},
};

static void
a_name_typed_wrong_is_told_what_is_wrong_with_it(void **state)
{
    cli_expect_all(*state, TYPED_STEPS, ARRAY_LEN(TYPED_STEPS));
}

// ours.example is held by another tenant.
static const struct cli_step BETWEEN_STEPS[] = {
    {"domain add ours.example --tenant other", CLI_OK, "it waits: held by another tenant"},
    {"domain show ours.example@other", CLI_OK, "  held by      default\n"},
    {"domain inbound on ours.example@other", CLI_REFUSED, "cannot take mail yet: held by another"},
    {"domain add low.ours.example --tenant other", CLI_OK, "the operator has to approve this one"},
    {"domain show low.ours.example", CLI_OK, "  near         ours.example (tenant default)\n"},
    {"domain inbound on low.ours.example", CLI_REFUSED, "mailspur: "},
    {"domain approve low.ours.example --tenant other", CLI_OK, "(tenant other): pending"},
    {"domain show low.ours.example --json", CLI_OK, "\"approved\":true"},
    {"domain approve low.ours.example", CLI_REFUSED, "needs no approval"},
    {"tenant remove other --domains --yes", CLI_OK, "2 of its domains are removed with it"},
    {"domain add one.example --tenant other", CLI_OK, "pending"},
    {"tenant remove other", CLI_REFUSED,
     "has 1 domain: remove it first, or with the tenant: --domains (\"domains\": true)"},
    {"tenant remove other --domains --yes", CLI_OK, "1 of its domains is removed with it"},
};

static void
what_another_tenant_holds_is_told_to_the_operator(void **state)
{
    house_verify(*state, "ours.example");
    cli_expect_all(*state, BETWEEN_STEPS, ARRAY_LEN(BETWEEN_STEPS));
}

// ---- watching

static const struct cli_step WATCH_STEPS[] = {
    {"domain verify none.example --watch", CLI_NOT_FOUND, "no domain none.example"},
    {"domain verify ours.example --timeout 5s", CLI_USAGE, "say --watch too"},
    {"domain verify ours.example --watch --timeout 5", CLI_USAGE, "--timeout: "},
    {"domain verify ours.example --watch --timeout soon", CLI_USAGE, "'soon'"},
    {"domain verify x --watch --socket /nonexistent/control.sock", CLI_UNREACHABLE, "No such file"},
};

static void
watch_ends_at_once_when_there_is_nothing_to_wait_for(void **state)
{
    cli_expect_all(*state, WATCH_STEPS, ARRAY_LEN(WATCH_STEPS));
    house_verify(*state, "ours.example");
    AUTO_OUTCOME outcome = cli_run(*state, "domain verify ours.example --watch");
    assert_int_equal(outcome.code, CLI_OK);
    assert_non_null(strstr(outcome.out, "Z  \xe2\x9c\x93 ownership"));
    assert_non_null(strstr(outcome.out, "Next: mailspur domain inbound on ours.example\n"));
}

static void
watch_gives_up_when_its_time_is_over_with_the_whole_report(void **state)
{
    cli_expect(*state, "domain add ours.example", CLI_OK, "pending");
    AUTO_OUTCOME outcome = cli_run(*state, "domain verify ours.example --watch --timeout 1ms");
    assert_int_equal(outcome.code, CLI_FAILED);
    assert_non_null(strstr(outcome.out, "problem   it is not there\n"));
    assert_non_null(strstr(outcome.out, "ours.example is not verified: pending\n"));
    // However many checks there were, only the first brought something new.
    const char *first = strstr(outcome.out, "Z  \xe2\x9c\x97 ownership");
    assert_non_null(first);
    assert_null(strstr(first + 1, "Z  \xe2\x9c\x97 ownership"));
}

static void
watch_with_json_prints_an_object_for_each_check_and_nothing_else(void **state)
{
    cli_expect(*state, "domain add ours.example", CLI_OK, "pending");
    AUTO_OUTCOME outcome =
        cli_run(*state, "domain verify ours.example --watch --timeout 1ms --json");
    assert_int_equal(outcome.code, CLI_FAILED);
    size_t lines = 0;
    char *rest = NULL;
    for (char *line = strtok_r(outcome.out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *object = json_loads(line, 0, NULL);
        assert_string_equal(house_text(object, "status"), "pending");
        json_decref(object);
        lines++;
    }
    assert_true(lines >= 1 && lines <= 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(tenants_come_and_go),
        WITH_HOUSE(tenant_with_domains_is_not_removed_without_yes_or_a_terminal),
        WITH_HOUSE(records_come_in_every_form),
        WITH_HOUSE(each_dkim_cname_leads_to_a_line_of_the_zone),
        WITH_HOUSE(list_counts_problems_and_tells_the_next_check),
        WITH_HOUSE(lists_follow_the_pages_to_the_end),
        WITH_HOUSE(show_tells_how_it_stands_and_what_is_coming),
        WITH_HOUSE(a_name_of_a_labels_has_its_letters_beside_it),
        WITH_HOUSE(what_is_on_already_may_be_asked_for_again),
        WITH_HOUSE(a_name_typed_wrong_is_told_what_is_wrong_with_it),
        WITH_HOUSE(what_another_tenant_holds_is_told_to_the_operator),
        WITH_HOUSE(watch_ends_at_once_when_there_is_nothing_to_wait_for),
        WITH_HOUSE(watch_gives_up_when_its_time_is_over_with_the_whole_report),
        WITH_HOUSE(watch_with_json_prints_an_object_for_each_check_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
