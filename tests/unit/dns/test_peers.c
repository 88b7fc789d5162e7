// SPDX-License-Identifier: Apache-2.0
// What is remembered of servers and zones: rates, the dead, and what was found lately.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/dns/authority.h"
#include "verifier/dns/brief.h"
#include "verifier/dns/peers.h"

enum { NOW_MS = 1000 * 1000 };

static void
a_second_worth_goes_at_once_and_then_one_by_one(void **state)
{
    (void)state;
    struct dns_peers *peers = dns_peers_new(10, 8);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS + 250), NOW_MS);
    }
    assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS + 250), NOW_MS + 100);
    assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS + 250), NOW_MS + 200);
    assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS + 250), -1);
    assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS + 299), -1); // took no turn
    assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS + 300), NOW_MS + 300);
    assert_int_equal(dns_peers_reserve(peers, "b", NOW_MS, NOW_MS), NOW_MS); // its own rate
    assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS + 5000, NOW_MS + 5000), NOW_MS + 5000);
    dns_peers_free(peers);
}

static void
without_a_rate_every_turn_is_now(void **state)
{
    (void)state;
    struct dns_peers *peers = dns_peers_new(0, 8);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(dns_peers_reserve(peers, "a", NOW_MS, NOW_MS), NOW_MS);
    }
    dns_peers_free(peers);
    dns_peers_free(NULL);
}

static void
a_server_is_dead_after_three_silent_questions_for_a_minute(void **state)
{
    (void)state;
    struct dns_peers *peers = dns_peers_new(0, 8);
    for (int i = 1; i < AUTHORITY_DEAD_AFTER; i++) {
        dns_peers_note(peers, "a", false, NOW_MS);
        assert_false(dns_peers_is_dead(peers, "a", NOW_MS));
    }
    dns_peers_note(peers, "a", true, NOW_MS);
    for (int i = 1; i < AUTHORITY_DEAD_AFTER; i++) {
        dns_peers_note(peers, "a", false, NOW_MS);
    }
    assert_false(dns_peers_is_dead(peers, "a", NOW_MS)); // not in a row
    dns_peers_note(peers, "a", false, NOW_MS);
    assert_true(dns_peers_is_dead(peers, "a", NOW_MS));
    assert_false(dns_peers_is_dead(peers, "b", NOW_MS));
    dns_peers_note(peers, "a", false, NOW_MS + 1000); // a short try makes it no longer
    assert_true(dns_peers_is_dead(peers, "a", NOW_MS + AUTHORITY_DEAD_MS - 1));
    assert_false(dns_peers_is_dead(peers, "a", NOW_MS + AUTHORITY_DEAD_MS));
    dns_peers_note(peers, "a", false, NOW_MS + AUTHORITY_DEAD_MS); // still dead: at once
    assert_true(dns_peers_is_dead(peers, "a", NOW_MS + AUTHORITY_DEAD_MS));
    dns_peers_note(peers, "a", true, NOW_MS + AUTHORITY_DEAD_MS);
    assert_false(dns_peers_is_dead(peers, "a", NOW_MS + AUTHORITY_DEAD_MS));
    dns_peers_free(peers);
}

static void
the_server_not_used_for_longest_is_forgotten(void **state)
{
    (void)state;
    struct dns_peers *peers = dns_peers_new(1, 3);
    static const char *const used[] = {"a", "b", "c", "a", "d"};
    for (size_t i = 0; i < ARRAY_LEN(used); i++) {
        (void)dns_peers_reserve(peers, used[i], NOW_MS, NOW_MS + 9000);
    }
    assert_int_equal(dns_peers_count(peers), 3);
    assert_int_equal(dns_peers_reserve(peers, "c", NOW_MS, NOW_MS), -1); // known: its turn is over
    assert_int_equal(dns_peers_reserve(peers, "b", NOW_MS, NOW_MS), NOW_MS); // forgotten: as new
    dns_peers_free(peers);
}

struct note {
    struct brief_value value;
    int number;
};

static struct note *
new_note(int number)
{
    struct note *note = xcalloc(1, sizeof(*note));
    atomic_init(&note->value.references, 1);
    note->number = number;
    return note;
}

static void
put(struct brief *brief, const char *key, int number)
{
    struct note *note = new_note(number);
    brief_put(brief, key, note);
    brief_unref(note);
}

static int
get(struct brief *brief, const char *key)
{
    struct note *note = brief_get(brief, key);
    int number = note == NULL ? 0 : note->number;
    brief_unref(note);
    return number;
}

static void
what_was_found_is_kept_for_its_time(void **state)
{
    (void)state;
    clock_fake_set(NOW_MS, NOW_MS);
    struct brief *brief = brief_new(8, 100);
    put(brief, "a", 1);
    clock_fake_set(NOW_MS, NOW_MS + 50);
    put(brief, "b", 2);
    put(brief, "b", 3);
    struct note *held = brief_get(brief, "a");
    clock_fake_set(NOW_MS, NOW_MS + 99);
    assert_int_equal(get(brief, "a"), 1);
    clock_fake_set(NOW_MS, NOW_MS + 100);
    assert_int_equal(get(brief, "a"), 0);
    assert_int_equal(held->number, 1); // who holds it may go on
    brief_unref(held);
    assert_int_equal(get(brief, "b"), 3);
    assert_int_equal(brief_count(brief), 1);
    brief_free(brief);
    brief_free(NULL);
    clock_fake_off();
}

static void
the_oldest_goes_when_there_is_no_room(void **state)
{
    (void)state;
    struct brief *brief = brief_new(3, 1000 * 1000);
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        put(brief, keys[i], i + 1);
    }
    assert_int_equal(brief_count(brief), 3);
    assert_int_equal(get(brief, "a"), 0);
    assert_int_equal(get(brief, "b"), 2);
    assert_int_equal(get(brief, "d"), 4);
    brief_free(brief);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_worth_goes_at_once_and_then_one_by_one),
        cmocka_unit_test(without_a_rate_every_turn_is_now),
        cmocka_unit_test(a_server_is_dead_after_three_silent_questions_for_a_minute),
        cmocka_unit_test(the_server_not_used_for_longest_is_forgotten),
        cmocka_unit_test(what_was_found_is_kept_for_its_time),
        cmocka_unit_test(the_oldest_goes_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
