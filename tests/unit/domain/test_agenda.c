// SPDX-License-Identifier: Apache-2.0
// Which domain is checked next, on times that the tests make up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/attrs.h"
#include "verifier/domain/agenda.h"

enum { WORKERS = 16, SLOW_SHARE = 4, PROVIDER_SHARE = 12 };

static struct id
id_of(unsigned number)
{
    struct id id;
    (void)snprintf(id.text, sizeof(id.text), "%u", number);
    return id;
}

static void
put(struct agenda *agenda, unsigned number, int64_t due)
{
    struct id id = id_of(number);
    agenda_put(agenda, &id, due);
}

// -1: nothing to take.
static long
take(struct agenda *agenda, int64_t now)
{
    struct id id;
    return agenda_take(agenda, now, &id) ? strtol(id.text, NULL, 10) : -1;
}

static bool
meet(struct agenda *agenda, long number, const char *provider)
{
    struct id id = id_of((unsigned)number);
    return agenda_meet(agenda, &id, provider);
}

static void
done(struct agenda *agenda, long number, int64_t due, int64_t took_ms)
{
    struct id id = id_of((unsigned)number);
    agenda_done(agenda, &id, due, took_ms);
}

// Entries first to first + count - 1, due at `due`, all of this provider.
static void
put_known(struct agenda *agenda, unsigned first, unsigned count, const char *provider,
          int64_t took_ms, int64_t due)
{
    for (unsigned i = first; i < first + count; i++) {
        put(agenda, i, 1);
        assert_int_equal(take(agenda, 1), i);
        assert_true(meet(agenda, i, provider));
        done(agenda, i, due, took_ms);
    }
}

static unsigned
take_all(struct agenda *agenda, int64_t now)
{
    unsigned taken = 0;
    while (take(agenda, now) >= 0) {
        taken++;
    }
    return taken;
}

static void
the_longest_due_comes_first(void **state)
{
    (void)state;
    enum { COUNT = 6 }; // below the share of new ones
    static const int64_t dues[COUNT] = {50, 10, 40, 20, 60, 30};
    struct agenda *agenda = agenda_new(WORKERS);
    assert_int_equal(agenda_next_due(agenda), INT64_MAX);
    for (unsigned i = 0; i < COUNT; i++) {
        put(agenda, i, dues[i]);
    }
    assert_int_equal(agenda_next_due(agenda), 10);
    assert_int_equal(take(agenda, 9), -1);
    static const long order[] = {1, 3, 5, 2, 0};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_int_equal(take(agenda, 50), order[i]);
    }
    assert_int_equal(take(agenda, 59), -1);
    assert_int_equal(agenda_next_due(agenda), 60);
    assert_int_equal(agenda_count(agenda), COUNT);
    assert_int_equal(agenda_under_way(agenda), 5);
    agenda_free(agenda);
}

static void
an_entry_is_moved_and_taken_out(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put(agenda, 1, 10);
    put(agenda, 2, 20);
    put(agenda, 1, 30);
    put(agenda, 3, 0); // never there
    assert_int_equal(take(agenda, 100), 2);
    put(agenda, 1, 0);
    assert_int_equal(take(agenda, 100), -1);
    done(agenda, 2, 0, 0);
    assert_int_equal(agenda_count(agenda), 0);
    agenda_free(agenda);
}

static void
what_is_said_while_one_is_checked_counts_afterwards(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put(agenda, 1, 10);
    assert_int_equal(take(agenda, 10), 1);
    put(agenda, 1, 11); // a change meanwhile: check again soon
    assert_int_equal(take(agenda, 50), -1);
    done(agenda, 1, 1000, 5);
    assert_int_equal(take(agenda, 50), 1);
    put(agenda, 1, 0); // forgotten meanwhile
    done(agenda, 1, 1000, 5);
    assert_int_equal(agenda_count(agenda), 0);
    agenda_free(agenda);
}

static void
one_provider_takes_up_only_a_part(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put_known(agenda, 0, 1000, "seven.example", 10, 100);
    put_known(agenda, 1000, 10, "eight.example", 10, 200);
    assert_int_equal(take_all(agenda, 150), PROVIDER_SHARE);
    assert_int_equal(take_all(agenda, 200), 10); // others find room, though they came later
    agenda_free(agenda);
}

static void
slow_providers_together_take_up_a_quarter(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    for (unsigned i = 0; i < 50; i++) { // of many providers
        char provider[32];
        (void)snprintf(provider, sizeof(provider), "slow%u.example", i);
        put_known(agenda, i * 10, 10, provider, AGENDA_SLOW_MS + 1, 100);
    }
    put_known(agenda, 5000, 12, "seven.example", AGENDA_SLOW_MS, 200);
    assert_int_equal(take_all(agenda, 150), SLOW_SHARE);
    assert_int_equal(take_all(agenda, 200), PROVIDER_SHARE);
    agenda_free(agenda);
}

static void
domains_nobody_knows_yet_leave_room_for_others(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put_known(agenda, 5000, 12, "seven.example", 10, 200);
    for (unsigned i = 0; i < 100; i++) {
        put(agenda, i, 100);
    }
    assert_int_equal(take_all(agenda, 150), PROVIDER_SHARE);
    assert_int_equal(take_all(agenda, 200), 12);
    agenda_free(agenda);
}

static void
a_place_is_free_for_the_next_new_one_as_soon_as_the_provider_is_known(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    for (unsigned i = 0; i < 100; i++) {
        put(agenda, i, 100);
    }
    for (unsigned i = 0; i < PROVIDER_SHARE; i++) {
        long number = take(agenda, 150);
        assert_true(number >= 0);
        assert_true(meet(agenda, number, "seven.example"));
    }
    long one_too_many = take(agenda, 150);
    assert_false(meet(agenda, one_too_many, "seven.example"));
    assert_int_equal(agenda_under_way(agenda), PROVIDER_SHARE);
    done(agenda, 0, 0, 10);
    for (unsigned i = 0; i < PROVIDER_SHARE;
         i++) { // the others, and in the end the one that waited
        long number = take(agenda, 150);
        assert_true(number >= 0);
        if (number == one_too_many) {
            assert_true(meet(agenda, number, "seven.example"));
            agenda_free(agenda);
            return;
        }
    }
    fail_msg("%ld still waits", one_too_many);
}

static void
dead_ones_wait_among_themselves_in_their_first_round_too(void **state)
{
    (void)state;
    enum { DEAD = 100 };
    struct agenda *agenda = agenda_new(WORKERS);
    for (unsigned i = 0; i < DEAD; i++) { // before all others
        put(agenda, i, 1);
    }
    put(agenda, DEAD, 2);
    unsigned under_way = 0;
    for (long number = take(agenda, 10); number != DEAD; number = take(agenda, 10)) {
        assert_true(number >= 0);
        under_way += meet(agenda, number, AGENDA_DEAD) ? 1 : 0;
    }
    assert_int_equal(under_way, SLOW_SHARE);
    assert_true(meet(agenda, DEAD, "seven.example"));
    done(agenda, 0, 0, 1); // however fast it was: they share it all the same
    assert_true(take(agenda, 10) >= 0);
    assert_int_equal(take(agenda, 10), -1);
    agenda_free(agenda);
}

static void
one_that_was_moved_before_its_provider_was_known_does_not_go_on(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put(agenda, 1, 10);
    put(agenda, 2, 10);
    assert_int_equal(take(agenda, 10) + take(agenda, 10), 3);
    put(agenda, 1, 50);
    put(agenda, 2, 0);
    assert_false(meet(agenda, 1, "seven.example"));
    assert_false(meet(agenda, 2, "seven.example"));
    assert_int_equal(agenda_count(agenda), 1);
    assert_int_equal(agenda_under_way(agenda), 0);
    assert_int_equal(take(agenda, 49), -1);
    assert_int_equal(take(agenda, 50), 1);
    agenda_free(agenda);
}

// What the entry's servers are called at its n-th check: some move, some die, some come back.
static const char *
provider_of(unsigned number, unsigned checks)
{
    static const char *const providers[] = {"",          "a.example", "b.example",
                                            AGENDA_DEAD, "c.example", "d.example"};
    return providers[(number + (checks == 2 ? 1 : 0)) % ARRAY_LEN(providers)];
}

// Everything that is due is checked in the end, whatever had to wait for whom.
static void
nothing_is_left_waiting(void **state)
{
    (void)state;
    enum { COUNT = 600, ROUNDS = 4 };
    static unsigned checks[COUNT];
    for (unsigned workers = 1; workers <= WORKERS; workers++) {
        struct agenda *agenda = agenda_new(workers);
        long running[WORKERS];
        size_t count = 0;
        unsigned seed = workers;
        for (unsigned i = 0; i < COUNT; i++) {
            checks[i] = 0;
            put(agenda, i, 1);
        }
        while (agenda_count(agenda) > 0) { // rounds, due at 1, 2, 3, 4
            long number = count < workers ? take(agenda, 10) : -1;
            if (number >= 0) {
                const char *provider = provider_of((unsigned)number, checks[number]);
                if (meet(agenda, number, provider)) {
                    running[count++] = number;
                }
                continue;
            }
            assert_true(count > 0); // else something waits for nobody
            seed = seed * 1103515245U + 12345U;
            size_t at = (seed >> 16) % count;
            long one = running[at];
            running[at] = running[--count];
            checks[one]++;
            done(agenda, one, checks[one] == ROUNDS ? 0 : checks[one] + 1,
                 one % 2 == 0 ? 10 : AGENDA_SLOW_MS + 1);
            unsigned other = (seed >> 8) % COUNT;
            if (checks[other] == 1 && other % 7 < 2) { // moved or taken out, wherever it waits
                checks[other] = other % 7 == 0 ? checks[other] : ROUNDS;
                put(agenda, other, other % 7 == 0 ? 5 : 0);
            }
        }
        for (unsigned i = 0; i < COUNT; i++) {
            assert_true(checks[i] >= ROUNDS);
        }
        assert_int_equal(agenda_under_way(agenda), 0);
        agenda_free(agenda);
    }
}

static void
slow_providers_take_turns_however_many_entries_each_has(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(4); // one slow one at a time
    put_known(agenda, 0, 100, AGENDA_DEAD, 10, 100);
    put_known(agenda, 100, 2, "slow.example", AGENDA_SLOW_MS + 1, 101);
    long slow_ones = 0;
    for (unsigned i = 0; i < 6; i++) {
        long number = take(agenda, 150);
        assert_true(number >= 0);
        assert_int_equal(take(agenda, 150), -1);
        slow_ones += number >= 100 ? 1 : 0;
        done(agenda, number, 0, AGENDA_SLOW_MS + 1);
    }
    assert_int_equal(slow_ones, 2);
    agenda_free(agenda);
}

static void
a_provider_that_is_no_longer_slow_does_not_wait_behind_those_that_are(void **state)
{
    (void)state;
    enum { MANY = 100 };
    struct agenda *agenda = agenda_new(WORKERS);
    put_known(agenda, 0, MANY, AGENDA_DEAD, 10, 100);
    put_known(agenda, MANY, MANY, "seven.example", AGENDA_SLOW_MS + 1, 90);
    long first = take(agenda, 150);
    assert_true(first >= MANY);
    assert_int_equal(take_all(agenda, 150), SLOW_SHARE - 1); // all others wait
    done(agenda, first, 0, 10);
    assert_int_equal(take_all(agenda, 150),
                     PROVIDER_SHARE - (SLOW_SHARE - 1) + 1); // and a dead one
    agenda_free(agenda);
}

static void
those_behind_a_slow_one_that_is_taken_out_still_get_their_turn(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(2); // one of a provider, and one slow one, at a time
    put_known(agenda, 1, 1, "slow.example", AGENDA_SLOW_MS + 1, 101);
    put_known(agenda, 2, 1, "slow.example", AGENDA_SLOW_MS + 1, 102);
    put_known(agenda, 3, 1, "slow.example", AGENDA_SLOW_MS + 1, 103);
    put_known(agenda, 4, 1, "other.example", AGENDA_SLOW_MS + 1, 200);
    assert_int_equal(take(agenda, 150), 1);
    assert_int_equal(take(agenda, 150), -1); // 2 and 3 wait for their provider
    put(agenda, 4, 100);
    assert_int_equal(take(agenda, 150), -1); // 4 for the slow one
    done(agenda, 1, 0, AGENDA_SLOW_MS + 1);
    assert_int_equal(take(agenda, 150), 4);
    assert_int_equal(take(agenda, 150), -1); // now 2 waits for that one, and 3 for 2
    put(agenda, 2, 0);
    done(agenda, 4, 0, AGENDA_SLOW_MS + 1);
    assert_int_equal(take(agenda, 150), 3);
    agenda_free(agenda);
}

static void
those_behind_one_that_is_moved_away_when_it_is_its_turn_still_get_theirs(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct agenda *agenda = agenda_new(1);
    for (unsigned i = 0; i < COUNT; i++) {
        put_known(agenda, i, 1, AGENDA_DEAD, 10, 100 + i);
    }
    assert_int_equal(take(agenda, 300), 0);
    assert_int_equal(take(agenda, 300), -1);
    done(agenda, 0, 0, 10); // now it is the turn of 1
    for (unsigned i = 1; i < COUNT - 1; i++) {
        put(agenda, i, i % 2 == 0 ? 0 : 1000);
    }
    assert_int_equal(take(agenda, 300), COUNT - 1);
    agenda_free(agenda);
}

static void
what_waits_and_is_moved_away_blocks_nobody(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(2); // one of a provider at a time
    put_known(agenda, 0, 3, "seven.example", 10, 100);
    long first = take(agenda, 100);
    assert_int_equal(take(agenda, 100), -1); // the others are parked
    for (unsigned i = 0; i < 3; i++) {
        if (i != (unsigned)first) {
            put(agenda, i, i == 2 || (i == 1 && first == 2) ? 100 : 100000);
        }
    }
    done(agenda, first, 0, 10);
    assert_true(take(agenda, 100) >= 0);
    assert_int_equal(agenda_next_due(agenda), 100000);
    agenda_free(agenda);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_due_comes_first),
        cmocka_unit_test(an_entry_is_moved_and_taken_out),
        cmocka_unit_test(what_is_said_while_one_is_checked_counts_afterwards),
        cmocka_unit_test(one_provider_takes_up_only_a_part),
        cmocka_unit_test(slow_providers_together_take_up_a_quarter),
        cmocka_unit_test(domains_nobody_knows_yet_leave_room_for_others),
        cmocka_unit_test(a_place_is_free_for_the_next_new_one_as_soon_as_the_provider_is_known),
        cmocka_unit_test(dead_ones_wait_among_themselves_in_their_first_round_too),
        cmocka_unit_test(one_that_was_moved_before_its_provider_was_known_does_not_go_on),
        cmocka_unit_test(nothing_is_left_waiting),
        cmocka_unit_test(slow_providers_take_turns_however_many_entries_each_has),
        cmocka_unit_test(a_provider_that_is_no_longer_slow_does_not_wait_behind_those_that_are),
        cmocka_unit_test(those_behind_a_slow_one_that_is_taken_out_still_get_their_turn),
        cmocka_unit_test(those_behind_one_that_is_moved_away_when_it_is_its_turn_still_get_theirs),
        cmocka_unit_test(what_waits_and_is_moved_away_blocks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
