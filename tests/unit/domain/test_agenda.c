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

enum { WORKERS = 16, SLOW_SHARE = 4, NEW_SHARE = 8, PROVIDER_SHARE = 12 };

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

static void
done(struct agenda *agenda, long number, int64_t due, uint64_t provider, int64_t took_ms)
{
    struct id id = id_of((unsigned)number);
    const struct agenda_lesson lesson = {.provider = provider, .took_ms = took_ms};
    agenda_done(agenda, &id, due, &lesson);
}

// Entries first to first + count - 1, due at `due`, all of this provider.
static void
put_known(struct agenda *agenda, unsigned first, unsigned count, uint64_t provider, int64_t took_ms,
          int64_t due)
{
    for (unsigned i = first; i < first + count; i++) {
        put(agenda, i, 1);
        assert_int_equal(take(agenda, 1), i);
        done(agenda, i, due, provider, took_ms);
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
    done(agenda, 2, 0, 0, 0);
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
    done(agenda, 1, 1000, 7, 5);
    assert_int_equal(take(agenda, 50), 1);
    put(agenda, 1, 0); // forgotten meanwhile
    done(agenda, 1, 1000, 7, 5);
    assert_int_equal(agenda_count(agenda), 0);
    agenda_free(agenda);
}

static void
one_provider_takes_up_only_a_part(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put_known(agenda, 0, 1000, 7, 10, 100);
    put_known(agenda, 1000, 10, 8, 10, 200);
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
        put_known(agenda, i * 10, 10, 100 + i, AGENDA_SLOW_MS + 1, 100);
    }
    put_known(agenda, 5000, 12, 7, AGENDA_SLOW_MS, 200);
    assert_int_equal(take_all(agenda, 150), SLOW_SHARE);
    assert_int_equal(take_all(agenda, 200), PROVIDER_SHARE);
    agenda_free(agenda);
}

static void
domains_nobody_knows_yet_take_up_half(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(WORKERS);
    put_known(agenda, 5000, 12, 7, 10, 200);
    for (unsigned i = 0; i < 100; i++) {
        put(agenda, i, 100);
    }
    assert_int_equal(take_all(agenda, 150), NEW_SHARE);
    assert_int_equal(take_all(agenda, 200), PROVIDER_SHARE);
    agenda_free(agenda);
}

// Everything that is due is checked in the end, whatever had to wait for whom.
static void
nothing_is_left_waiting(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    static unsigned checks[COUNT];
    for (unsigned workers = 1; workers <= WORKERS; workers++) {
        struct agenda *agenda = agenda_new(workers);
        long running[WORKERS];
        size_t count = 0;
        unsigned seed = workers;
        unsigned total = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            checks[i] = 0;
            put(agenda, i, 1);
        }
        while (total < 4 * COUNT) { // four rounds, due at 1, 2, 3, 4
            long number = count < workers ? take(agenda, 10) : -1;
            if (number >= 0) {
                running[count++] = number;
                continue;
            }
            assert_true(count > 0); // else something waits for nobody
            seed = seed * 1103515245U + 12345U;
            size_t at = (seed >> 16) % count;
            long one = running[at];
            running[at] = running[--count];
            total++;
            checks[one]++;
            unsigned provider = (unsigned)one % 5 + (checks[one] == 2 ? 1U : 0U); // it moves
            done(agenda, one, checks[one] == 4 ? 0 : checks[one] + 1, provider,
                 provider % 2 == 0 ? 10 : AGENDA_SLOW_MS + 1);
            if (checks[one] == 1 && one % 7 == 0) {
                put(agenda, (unsigned)one, 5); // moved, wherever it waits
            }
        }
        assert_int_equal(agenda_count(agenda), 0);
        assert_int_equal(agenda_under_way(agenda), 0);
        agenda_free(agenda);
    }
}

static void
what_waits_and_is_moved_away_blocks_nobody(void **state)
{
    (void)state;
    struct agenda *agenda = agenda_new(2); // one of a provider at a time
    put_known(agenda, 0, 3, 7, 10, 100);
    long first = take(agenda, 100);
    assert_int_equal(take(agenda, 100), -1); // the others are parked
    for (unsigned i = 0; i < 3; i++) {
        if (i != (unsigned)first) {
            put(agenda, i, i == 2 || (i == 1 && first == 2) ? 100 : 100000);
        }
    }
    done(agenda, first, 0, 7, 10);
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
        cmocka_unit_test(domains_nobody_knows_yet_take_up_half),
        cmocka_unit_test(nothing_is_left_waiting),
        cmocka_unit_test(what_waits_and_is_moved_away_blocks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
