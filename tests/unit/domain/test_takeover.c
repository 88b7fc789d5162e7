// SPDX-License-Identifier: Apache-2.0
// Every way we know in which a tenant could get another's mail. Each has to fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "contest.h"
#include "verifier/domain/claims.h"

#define OWNERSHIP "_mailspur." CONTEST_NAME
#define HELD OWNERSHIP " TXT <o>\n"
#define TAKEN OWNERSHIP " TXT <t>\n"

/* ---- the attacks ----------------------------------------------------------------------------- */

// Looks, and looks again, for a day.
static void
insist(struct contest *contest)
{
    for (int i = 0; i < 24; i++) {
        (void)contest_check(contest, &contest->thiefs);
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
    }
}

static void
claim_with(struct contest *contest, const char *zone)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, zone);
    insist(contest);
}

static void
add_it(struct contest *contest)
{
    claim_with(contest, HELD);
}

static void
publish_beside(struct contest *contest)
{
    claim_with(contest, HELD TAKEN);
}

static void
use_a_wildcard(struct contest *contest)
{
    claim_with(contest, "*." CONTEST_NAME " TXT <t>\n*." CONTEST_ZONE " TXT <t>\n");
}

static void
use_a_wildcard_beside(struct contest *contest)
{
    claim_with(contest, HELD "*." CONTEST_NAME " TXT <t>\n");
}

static void
lead_the_name_away(struct contest *contest)
{
    claim_with(contest, OWNERSHIP " CNAME t.thief.example\nt.thief.example TXT <t>\n");
}

static void
lead_all_names_away(struct contest *contest)
{
    claim_with(contest, "*." CONTEST_NAME " CNAME t.thief.example\nt.thief.example TXT <t>\n");
}

static void
publish_at_another_name(struct contest *contest)
{
    claim_with(contest, CONTEST_NAME " TXT <t>\n_mailspur." CONTEST_ZONE " TXT <t>\n" OWNERSHIP
                                     "." CONTEST_NAME " TXT <t>\n");
}

static void
publish_another_case(struct contest *contest)
{
    char zone[256];
    contest_add_as_thief(contest, CONTEST_NAME);
    (void)snprintf(zone, sizeof(zone), OWNERSHIP " TXT MAILSPUR-VERIFY=%s\n",
                   contest->thiefs.token);
    contest_publish(contest, EVERYWHERE, zone);
    insist(contest);
}

static void
use_an_old_token(struct contest *contest)
{
    struct store_domain row;
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, TAKEN); // and it stays there
    assert_int_equal(registry_remove(contest->registry, contest->thiefs.id.text,
                                     REGISTRY_HELD_STAYS, &row, NULL, NULL),
                     ST_OK);
    contest_add_as_thief(contest, CONTEST_NAME);
    insist(contest);
}

static void
use_the_token_of_another_domain(struct contest *contest)
{
    struct store_domain second;
    contest_add_as_thief(contest, "thief.example");
    second = contest->thiefs;
    contest_publish(contest, EVERYWHERE, TAKEN);
    contest_add_as_thief(contest, CONTEST_NAME);
    (void)contest_check(contest, &second);
    insist(contest);
}

static void
copy_the_owners_token(struct contest *contest)
{
    contest_add_as_thief(contest, "sister.corp.example");
    contest_publish(contest, EVERYWHERE, HELD "_mailspur.sister.corp.example TXT <o>\n");
    insist(contest);
}

static void
poison_the_resolver(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, RESOLVER, TAKEN);
    insist(contest);
}

static void
poison_the_resolver_and_block_the_servers(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, RESOLVER, TAKEN);
    contest_silence(contest, SERVERS);
    contest->script.is_port_blocked = true;
    insist(contest);
}

static void
hide_the_zone(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, RESOLVER, TAKEN);
    contest->script.cut = NULL;
    insist(contest);
}

static void
publish_on_one_server(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, FIRST | RESOLVER, TAKEN);
    contest_publish(contest, SECOND, "");
    insist(contest);
}

static void
take_one_server_of_the_owners(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, FIRST | RESOLVER, TAKEN);
    contest_publish(contest, SECOND, HELD TAKEN);
    insist(contest);
}

static void
look_twice(struct contest *contest, int64_t wall_ms, int64_t mono_ms)
{
    claim_with(contest, HELD);
    contest_publish(contest, EVERYWHERE, TAKEN);
    (void)contest_check(contest, &contest->thiefs);
    contest_wait(contest, wall_ms, mono_ms);
    (void)contest_check(contest, &contest->thiefs);
}

static void
set_the_clock_on(struct contest *contest)
{
    look_twice(contest, 2 * STATE_HOUR_MS, STATE_MINUTE_MS);
}

static void
set_the_clock_on_a_little(struct contest *contest)
{
    look_twice(contest, STATE_HOUR_MS, 5 * STATE_MINUTE_MS);
}

static void
set_the_clock_while_stopped(struct contest *contest)
{
    claim_with(contest, HELD);
    contest_publish(contest, EVERYWHERE, TAKEN);
    (void)contest_check(contest, &contest->thiefs);
    contest_restart(contest, STATE_DAY_MS, STATE_MINUTE_MS);
    (void)contest_check(contest, &contest->thiefs);
    contest_wait(contest, STATE_MINUTE_MS, STATE_MINUTE_MS);
    (void)contest_check(contest, &contest->thiefs);
}

static void
look_twice_too_soon(struct contest *contest)
{
    claim_with(contest, HELD);
    contest_publish(contest, EVERYWHERE, TAKEN);
    for (int i = 0; i < 12; i++) {
        (void)contest_check(contest, &contest->thiefs);
        contest_wait(contest, STATE_HOUR_MS / 12 - 1, STATE_HOUR_MS / 12 - 1);
    }
}

static void
begin_before_a_restart(struct contest *contest)
{
    look_twice(contest, 50 * STATE_MINUTE_MS, 50 * STATE_MINUTE_MS);
    contest_restart(contest, 0, 0);
    contest_wait(contest, 15 * STATE_MINUTE_MS, 15 * STATE_MINUTE_MS);
    (void)contest_check(contest, &contest->thiefs);
}

static void
alternate(struct contest *contest, const char *zone)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    for (int i = 0; i < 6; i++) {
        contest_publish(contest, EVERYWHERE, i % 2 == 0 ? TAKEN : zone);
        (void)contest_check(contest, &contest->thiefs);
        contest_wait(contest, 45 * STATE_MINUTE_MS, 45 * STATE_MINUTE_MS);
    }
}

static void
flicker(struct contest *contest)
{
    alternate(contest, HELD);
}

static void
flicker_beside(struct contest *contest)
{
    alternate(contest, HELD TAKEN);
}

static void
make_the_zone_silent_between(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, TAKEN);
    (void)contest_check(contest, &contest->thiefs);
    contest_silence(contest, SERVERS);
    insist(contest);
    contest_publish(contest, EVERYWHERE, HELD);
    (void)contest_check(contest, &contest->thiefs);
}

// An odd answer twice: between them the owner's own check saw its token.
static void
begin_before_the_owner_was_seen(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    for (int i = 0; i < 3; i++) {
        contest_publish(contest, EVERYWHERE, TAKEN);
        (void)contest_check(contest, &contest->thiefs);
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
        contest_publish(contest, EVERYWHERE, HELD);
        (void)contest_check(contest, &contest->owners);
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
    }
}

static void
see_the_owner(struct contest *contest)
{
    contest_publish(contest, EVERYWHERE, HELD);
    assert_int_equal(contest_check(contest, &contest->owners).status, DOMAIN_VERIFIED);
}

// The second look has seen both proofs, the owner's gone; the owner's own check is faster.
static void
look_while_the_owner_is_seen(struct contest *contest)
{
    struct store_domain row;
    look_twice(contest, STATE_HOUR_MS - 1, STATE_HOUR_MS - 1);
    contest_wait(contest, 1, 1);
    contest->looks_until = 2; // at the claim, at the owner's proof
    contest->meanwhile = see_the_owner;
    assert_int_equal(registry_check_id(contest->registry, &contest->thiefs.id, &row, NULL),
                     ST_AGAIN);
}

static void
choose_a_profile_with_another_name(struct contest *contest)
{
    assert_int_equal(contest_add(contest, THIEF, CONTEST_NAME, "ivymail", &contest->thiefs), ST_OK);
    char zone[512];
    (void)snprintf(zone, sizeof(zone),
                   HELD "_ivymail." CONTEST_NAME " TXT ivymail-verify=%s\n" TAKEN,
                   contest->thiefs.token);
    contest_publish(contest, EVERYWHERE, zone);
    insist(contest);
}

static void
add_a_child(struct contest *contest)
{
    contest_add_as_thief(contest, "deep." CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, HELD "_mailspur.deep." CONTEST_NAME " TXT <t>\n");
    insist(contest);
}

static void
add_the_parent(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_ZONE);
    contest_publish(contest, EVERYWHERE, HELD "_mailspur." CONTEST_ZONE " TXT <t>\n");
    insist(contest);
}

static void
write_it_differently(struct contest *contest)
{
    static const char *const forms[] = {
        "MAIL.CORP.EXAMPLE",
        "mail.corp.example.",
        "Mail.Corp.Example.",
        "\xef\xbd\x8d\x61il.corp.example", /* fullwidth m */
        "mail\xe3\x80\x82\x63orp.example", /* ideographic full stop */
        "http://mail.corp.example/",
        "user@mail.corp.example",
    };
    contest_publish(contest, EVERYWHERE, HELD);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct store_domain row;
        if (contest_add(contest, THIEF, forms[i], "inbound", &contest->thiefs) != ST_OK) {
            continue; // not even a name
        }
        assert_string_equal(contest->thiefs.name, CONTEST_NAME);
        assert_true(contest->thiefs.claims);
        insist(contest);
        assert_int_equal(registry_remove(contest->registry, contest->thiefs.id.text,
                                         REGISTRY_HELD_STAYS, &row, NULL, NULL),
                         ST_OK);
    }
    contest_add_as_thief(contest, "other.thief.example");
}

static void
switch_inbound_on(struct contest *contest)
{
    struct store_domain row;
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(
        registry_set_inbound(contest->registry, contest->thiefs.id.text, true, &row, NULL),
        ST_REFUSED);
    contest_publish(contest, EVERYWHERE, HELD TAKEN);
    (void)contest_check(contest, &contest->thiefs);
    assert_int_equal(
        registry_set_inbound(contest->registry, contest->thiefs.id.text, true, &row, NULL),
        ST_REFUSED);
}

static void
claim_as_two(struct contest *contest)
{
    struct store_domain other;
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(contest_add(contest, "thief2", CONTEST_NAME, "inbound", &other), ST_OK);
    contest_publish(contest, EVERYWHERE, HELD TAKEN);
    for (int i = 0; i < 5; i++) {
        (void)contest_check(contest, &other);
        (void)contest_check(contest, &contest->thiefs);
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
    }
    assert_false(domain_was_owned(&other));
}

static void
remove_ones_claim(struct contest *contest)
{
    struct store_domain row;
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(registry_remove(contest->registry, contest->thiefs.id.text,
                                     REGISTRY_HELD_DISCARD, &row, NULL, NULL),
                     ST_OK);
}

static void
add_it_while_it_is_watched(struct contest *contest)
{
    struct store_domain row;
    assert_int_equal(
        registry_remove(contest->registry, CONTEST_NAME, REGISTRY_HELD_STAYS, &row, NULL, NULL),
        ST_OK);
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, HELD);
    insist(contest);
}

static void
wait_for_its_removal(struct contest *contest)
{
    struct store_domain row;
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(
        registry_remove(contest->registry, CONTEST_NAME, REGISTRY_HELD_STAYS, &row, NULL, NULL),
        ST_OK);
    assert_false(contest_row(contest, &contest->thiefs).claims); // now it is an entry like others
    insist(contest);
}

static void
wait_until_the_owner_failed(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, "");
    for (int i = 0; i < 24 * 8; i++) {
        (void)contest_check(contest, &contest->owners);
        (void)contest_check(contest, &contest->thiefs);
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
    }
}

enum owner {
    SERVED, /* its mail is taken */
    HOLDS,  /* it has the name still, whatever its own checks would say */
    LEFT    /* it removed the name itself */
};

struct attack {
    const char *label;
    void (*run)(struct contest *contest);
    enum owner owner; /* what becomes of it */
};

static const struct attack ATTACKS[] = {
    {"add a name that is held", add_it, SERVED},
    {"publish a token beside the owner's", publish_beside, SERVED},
    {"a wildcard gives the token", use_a_wildcard, HOLDS},
    {"a wildcard beside the owner's token", use_a_wildcard_beside, SERVED},
    {"a CNAME leads to the token", lead_the_name_away, HOLDS},
    {"a wildcard CNAME leads to the token", lead_all_names_away, HOLDS},
    {"the token at other names", publish_at_another_name, HOLDS},
    {"the token in another case of its prefix", publish_another_case, HOLDS},
    {"the token of an entry that was removed", use_an_old_token, HOLDS},
    {"the token of another domain of the thief", use_the_token_of_another_domain, HOLDS},
    {"the owner's token at a domain of the thief", copy_the_owners_token, SERVED},
    {"our resolver alone has the token", poison_the_resolver, SERVED},
    {"our resolver has the token, the servers are blocked",
     poison_the_resolver_and_block_the_servers, SERVED},
    {"our resolver has the token, the zone cannot be found", hide_the_zone, SERVED},
    {"one server alone has the token", publish_on_one_server, HOLDS},
    {"the owner's token stands on one server still", take_one_server_of_the_owners, HOLDS},
    {"the clock jumps between the two looks", set_the_clock_on, HOLDS},
    {"the clock jumps by less than an hour", set_the_clock_on_a_little, HOLDS},
    {"the clock jumps while the daemon is stopped", set_the_clock_while_stopped, HOLDS},
    {"many looks within an hour", look_twice_too_soon, HOLDS},
    {"a restart between the two looks", begin_before_a_restart, HOLDS},
    {"the owner's token comes and goes", flicker, SERVED},
    {"the owner's token comes and goes beside the thief's", flicker_beside, SERVED},
    {"the DNS fails between the two looks", make_the_zone_silent_between, SERVED},
    {"the owner's check sees its token between the two looks", begin_before_the_owner_was_seen,
     SERVED},
    {"the owner's check sees its token during the second look", look_while_the_owner_is_seen,
     SERVED},
    {"a profile whose token stands elsewhere", choose_a_profile_with_another_name, SERVED},
    {"a name below the owner's", add_a_child, SERVED},
    {"a name above the owner's", add_the_parent, SERVED},
    {"the name in another form", write_it_differently, SERVED},
    {"switch inbound of a claim on", switch_inbound_on, SERVED},
    {"two claims at once", claim_as_two, SERVED},
    {"remove a claim", remove_ones_claim, SERVED},
    {"add a name that was removed", add_it_while_it_is_watched, LEFT},
    {"claim, and wait for its removal", wait_for_its_removal, LEFT},
    {"claim, and wait until the owner lost it", wait_until_the_owner_failed, HOLDS},
};

static void
assert_thief_has_nothing(struct contest *contest, const char *label)
{
    struct store_domain row = contest_row(contest, &contest->thiefs);
    struct gate_answer answer = contest_ask_gate(contest, CONTEST_NAME);
    struct gate_answer own = contest_ask_gate(contest, row.name);
    bool is_thiefs = strcmp(answer.tenant, OWNER) != 0 && answer.decision == GATE_ACCEPT;
    if (row.status == DOMAIN_VERIFIED || row.owned_at != 0 || row.inbound || is_thiefs ||
        (own.decision == GATE_ACCEPT && strcmp(own.tenant, OWNER) != 0)) {
        fail_msg("%s: the thief's %s is %s, mail to %s goes to %s", label, row.name,
                 domain_status_name(row.status), CONTEST_NAME, answer.tenant);
    }
}

static void
assert_owner_is_left(struct contest *contest, const struct attack *attack)
{
    struct store_domain row = contest_row(contest, &contest->owners);
    struct gate_answer answer = contest_ask_gate(contest, CONTEST_NAME);
    bool is_served = answer.decision == GATE_ACCEPT && strcmp(answer.tenant, OWNER) == 0 &&
                     answer.hold[0] == '\0';
    if ((row.status == DOMAIN_REMOVED) != (attack->owner == LEFT) || row.claims ||
        (attack->owner == SERVED && !is_served)) {
        fail_msg("%s: the owner's entry is %s, its mail is %s", attack->label,
                 domain_status_name(row.status), is_served ? "taken" : "not taken");
    }
}

static void
no_way_to_anothers_mail_leads_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ATTACKS); i++) {
        void *house = NULL;
        assert_int_equal(contest_set_up(&house), 0);
        struct contest *contest = house;
        ATTACKS[i].run(contest);
        assert_thief_has_nothing(contest, ATTACKS[i].label);
        assert_owner_is_left(contest, &ATTACKS[i]);
        assert_int_equal(contest_tear_down(&house), 0);
    }
}

/* ---- the way that leads there ---------------------------------------------------------------- */

#define WITH_CONTEST(test) cmocka_unit_test_setup_teardown(test, contest_set_up, contest_tear_down)

static void
move_to_thief(struct contest *contest)
{
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, TAKEN);
    (void)contest_check(contest, &contest->thiefs);
    contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
}

static void
a_name_moves_when_only_the_claims_token_stands_for_an_hour(void **state)
{
    struct contest *contest = *state;
    move_to_thief(contest);
    assert_int_equal(contest_ask_gate(contest, CONTEST_NAME).decision, GATE_ACCEPT); // still
    struct store_domain row = contest_check(contest, &contest->thiefs);
    assert_false(row.claims);
    assert_int_equal(row.status, DOMAIN_VERIFIED);
    assert_false(row.inbound);
    assert_int_equal(contest_row(contest, &contest->owners).status, DOMAIN_REMOVED);
    struct gate_answer answer = contest_ask_gate(contest, CONTEST_NAME);
    assert_int_equal(answer.decision, GATE_REFUSE);
    assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.removed"), 1);
    assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.moved"), 1);
    assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.verified"), 2);
    contest_restart(contest, 0, 0);
    assert_int_equal(contest_row(contest, &contest->thiefs).status, DOMAIN_VERIFIED);
}

static void
routes_of_the_old_holder_take_nothing_of_the_new_ones(void **state)
{
    struct contest *contest = *state;
    struct store_domain row;
    move_to_thief(contest);
    row = contest_check(contest, &contest->thiefs);
    assert_true(registry_was_anothers(contest->registry, CONTEST_NAME, THIEF));
    assert_false(registry_was_anothers(contest->registry, CONTEST_ZONE, THIEF));
    assert_int_equal(registry_set_inbound(contest->registry, row.id.text, true, &row, NULL), ST_OK);
    struct gate_answer answer = contest_ask_gate(contest, CONTEST_NAME);
    assert_int_equal(answer.decision, GATE_DEFER); // the file says that they are the owner's
    contest_write_routes(contest, THIEF);
    answer = contest_ask_gate(contest, CONTEST_NAME);
    assert_int_equal(answer.decision, GATE_ACCEPT);
    assert_string_equal(answer.tenant, THIEF);
}

static void
a_dns_that_fails_between_the_looks_changes_nothing(void **state)
{
    struct contest *contest = *state;
    contest_add_as_thief(contest, CONTEST_NAME);
    contest_publish(contest, EVERYWHERE, TAKEN);
    int64_t seen_at = contest_check(contest, &contest->thiefs).claim_seen_at;
    assert_true(seen_at > 0);
    contest_silence(contest, SERVERS);
    contest_wait(contest, STATE_HOUR_MS / 2, STATE_HOUR_MS / 2);
    assert_int_equal(contest_check(contest, &contest->thiefs).claim_seen_at, seen_at);
    contest_publish(contest, EVERYWHERE, TAKEN);
    contest_wait(contest, STATE_HOUR_MS / 2, STATE_HOUR_MS / 2);
    assert_false(contest_check(contest, &contest->thiefs).claims);
    assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.contested"), 0);
}

static void
a_tenant_goes_with_its_domains(void **state)
{
    struct contest *contest = *state;
    struct store_domain row;
    uint64_t domains = 0;
    uint64_t held = 0;
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(contest_add(contest, OWNER, CONTEST_ZONE, "inbound", &row), ST_OK);
    assert_int_equal(registry_remove_tenant(contest->registry, OWNER, REGISTRY_HELD_DRAIN, &domains,
                                            &held, NULL),
                     ST_OK);
    assert_int_equal(domains, 2);
    assert_int_equal(contest_row(contest, &contest->owners).status, DOMAIN_REMOVED);
    assert_int_equal(contest_row(contest, &row).status, DOMAIN_REMOVED);
    assert_false(contest_row(contest, &contest->thiefs).claims); // the next in line
    assert_int_equal(registry_remove_tenant(contest->registry, OWNER, REGISTRY_HELD_DRAIN, &domains,
                                            &held, NULL),
                     ST_NOT_FOUND);
}

static void
a_contest_is_told_once_and_begins_anew(void **state)
{
    struct contest *contest = *state;
    contest_add_as_thief(contest, CONTEST_NAME);
    static const struct {
        const char *zone;
        unsigned told;
    } steps[] = {{HELD, 0}, {HELD TAKEN, 1}, {HELD TAKEN, 1}, {HELD, 1}, {HELD TAKEN, 2}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        contest_publish(contest, EVERYWHERE, steps[i].zone);
        struct store_domain row = contest_check(contest, &contest->thiefs);
        assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.contested"),
                         steps[i].told);
        assert_true((row.contested_at != 0) == (strcmp(steps[i].zone, HELD TAKEN) == 0));
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
    }
}

static void
a_name_nobody_has_proven_goes_to_the_first_who_does(void **state)
{
    struct contest *contest = *state;
    static const char *const names[] = {"new.example", "gone.example"};
    static const char *const zones[] = {"_mailspur.new.example TXT <t>\n",
                                        "_mailspur.gone.example TXT <t>\n"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct store_domain row;
        assert_int_equal(contest_add(contest, "squatter", names[i], "inbound", &row), ST_OK);
        contest_add_as_thief(contest, names[i]);
        (void)snprintf(row.profile, sizeof(row.profile), "%s", i == 0 ? "inbound" : "gone");
        assert_int_equal(store_domain_put(contest->store, &row, row.version, NULL, NULL), ST_OK);
        contest_restart(contest, 0, 0);
        contest->script.cut = names[i];
        contest_publish(contest, EVERYWHERE, zones[i]);
        assert_int_equal(contest_check(contest, &contest->thiefs).status, DOMAIN_VERIFIED);
        row = i == 0 ? contest_check(contest, &row) : contest_row(contest, &row);
        assert_true(row.status == DOMAIN_PENDING && row.claims); // it may still prove it
    }
}

static void
a_tenant_has_one_claim_of_a_name_and_a_limit_of_them(void **state)
{
    struct contest *contest = *state;
    struct store_domain row;
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(contest_add(contest, THIEF, CONTEST_NAME, "inbound", &row), ST_CONFLICT);
    for (int i = 1; i < CONTEST_PENDING_MAX; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "n%d.example", i);
        assert_int_equal(contest_add(contest, THIEF, name, "inbound", &row), ST_OK);
    }
    assert_int_equal(contest_add(contest, THIEF, "more.example", "inbound", &row), ST_TOO_LARGE);
    assert_int_equal(registry_find_of(contest->registry, CONTEST_NAME, THIEF, &row), ST_OK);
    assert_string_equal(row.id.text, contest->thiefs.id.text);
    assert_int_equal(registry_find_of(contest->registry, CONTEST_NAME, "nobody", &row),
                     ST_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_way_to_anothers_mail_leads_there),
        WITH_CONTEST(a_name_moves_when_only_the_claims_token_stands_for_an_hour),
        WITH_CONTEST(routes_of_the_old_holder_take_nothing_of_the_new_ones),
        WITH_CONTEST(a_dns_that_fails_between_the_looks_changes_nothing),
        WITH_CONTEST(a_tenant_goes_with_its_domains),
        WITH_CONTEST(a_contest_is_told_once_and_begins_anew),
        WITH_CONTEST(a_name_nobody_has_proven_goes_to_the_first_who_does),
        WITH_CONTEST(a_tenant_has_one_claim_of_a_name_and_a_limit_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
