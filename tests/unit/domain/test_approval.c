// SPDX-License-Identifier: Apache-2.0
// Names above and below each other, of different tenants: who has to wait for the operator. The
// table is that of docs/architecture.md.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "contest.h"
#include "verifier/domain/claims.h"

#define PARENT "firm.example"
#define CHILD "mail.firm.example"
#define GRANDCHILD "a.mail.firm.example"
#define SISTER "shop.firm.example"

enum { STEPS_MAX = 12, ENTRIES_MAX = 8, ZONE_MAX = 4096 };

/** What a tenant or the operator does. */
enum deed {
    NOTHING, /* the end */
    ADDS,
    PROVES, /* publishes its token, and is checked */
    IS_CHECKED,
    UNPUBLISHES, /* its token alone goes */
    IS_APPROVED,
    IS_APPROVED_IN_VAIN, /* it needs none */
    REMOVES,
    RESTARTS /* the daemon */
};

struct step {
    enum deed deed;
    const char *tenant;
    const char *name;
    const char *is; /* behind it: "verified", "pending", "waits" for approval; NULL: any */
};

struct scene {
    const char *label;
    struct step steps[STEPS_MAX];
};

static const struct scene SCENES[] = {
    {"a child of a name that nobody has proven asks nobody",
     {{ADDS, "a", PARENT, "pending"},
      {ADDS, "b", CHILD, "pending"},
      {PROVES, "b", CHILD, "verified"}}},
    {"a parent of a name that nobody has proven asks nobody",
     {{ADDS, "a", CHILD, "pending"},
      {ADDS, "b", PARENT, "pending"},
      {PROVES, "b", PARENT, "verified"}}},
    {"a child of a held name waits from the beginning",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {PROVES, "b", CHILD, "waits"},
      {IS_APPROVED, "b", CHILD, "pending"},
      {IS_CHECKED, "b", CHILD, "verified"},
      {IS_CHECKED, "a", PARENT, "verified"}}},
    {"a parent of a held name waits from the beginning",
     {{ADDS, "a", CHILD, "pending"},
      {PROVES, "a", CHILD, "verified"},
      {ADDS, "b", PARENT, "waits"},
      {PROVES, "b", PARENT, "waits"},
      {IS_CHECKED, "a", CHILD, "verified"}}},
    {"both pending, the child is proven first: the parent waits, the child keeps what it has",
     {{ADDS, "a", PARENT, "pending"},
      {ADDS, "b", CHILD, "pending"},
      {PROVES, "b", CHILD, "verified"},
      {PROVES, "a", PARENT, "waits"},
      {IS_CHECKED, "b", CHILD, "verified"},
      {IS_APPROVED, "a", PARENT, "pending"},
      {IS_CHECKED, "a", PARENT, "verified"},
      {IS_CHECKED, "b", CHILD, "verified"},
      {IS_APPROVED_IN_VAIN, "b", CHILD, "verified"},
      {ADDS, "c", GRANDCHILD, "waits"}}},
    {"both pending, the parent is proven first: the child waits",
     {{ADDS, "a", PARENT, "pending"},
      {ADDS, "b", CHILD, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {PROVES, "b", CHILD, "waits"},
      {IS_APPROVED, "b", CHILD, "pending"},
      {IS_CHECKED, "b", CHILD, "verified"}}},
    {"a grandchild waits for whoever holds a name above it",
     {{ADDS, "c", GRANDCHILD, "pending"},
      {ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {PROVES, "c", GRANDCHILD, "waits"}}},
    {"what waits holds nothing: it makes nobody wait",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {PROVES, "b", CHILD, "waits"},
      {REMOVES, "a", PARENT, NULL},
      {ADDS, "c", GRANDCHILD, "pending"},
      {PROVES, "c", GRANDCHILD, "verified"},
      {IS_CHECKED, "b", CHILD, "waits"}}}, // of c's now, who was first
    {"one that only claims a name makes nobody wait",
     {{ADDS, "a", PARENT, "pending"},
      {ADDS, "b", PARENT, "pending"},
      {ADDS, "c", CHILD, "pending"},
      {PROVES, "c", CHILD, "verified"}}},
    {"sisters have nothing to do with each other",
     {{ADDS, "a", CHILD, "pending"},
      {PROVES, "a", CHILD, "verified"},
      {ADDS, "b", SISTER, "pending"},
      {PROVES, "b", SISTER, "verified"}}},
    {"a tenant's own names ask nobody",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "a", CHILD, "pending"},
      {PROVES, "a", CHILD, "verified"}}},
    {"nobody waits for a name that its holder removed",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {REMOVES, "a", PARENT, NULL},
      {PROVES, "b", CHILD, "verified"}}},
    {"an approval is not asked for again, whoever proves a name later, nor after a restart",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {IS_APPROVED, "b", CHILD, "pending"},
      {IS_APPROVED_IN_VAIN, "b", CHILD, "pending"},
      {RESTARTS, NULL, NULL, NULL},
      {ADDS, "c", GRANDCHILD, "waits"},
      {IS_APPROVED, "c", GRANDCHILD, "pending"},
      {PROVES, "c", GRANDCHILD, "verified"},
      {PROVES, "b", CHILD, "verified"}}},
    {"an approval is of one tenant's one name",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {IS_APPROVED, "b", CHILD, "pending"},
      {ADDS, "b", SISTER, "waits"},
      {ADDS, "b", GRANDCHILD, "waits"},
      {ADDS, "c", CHILD, "waits"},
      {PROVES, "c", CHILD, "waits"},
      {REMOVES, "b", CHILD, NULL},
      {IS_CHECKED, "c", CHILD, "waits"}}},
    {"an approval goes with the entry: who adds the name again is asked again",
     {{ADDS, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {ADDS, "b", CHILD, "waits"},
      {IS_APPROVED, "b", CHILD, "pending"},
      {REMOVES, "b", CHILD, NULL},
      {ADDS, "b", CHILD, "waits"},
      {PROVES, "b", CHILD, "waits"}}},
    {"what needs no approval cannot be approved beforehand",
     {{ADDS, "a", PARENT, "pending"},
      {ADDS, "b", CHILD, "pending"},
      {IS_APPROVED_IN_VAIN, "b", CHILD, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {IS_APPROVED, "b", CHILD, "pending"}, // though no check has seen yet that it has to wait
      {PROVES, "b", CHILD, "verified"},
      {IS_APPROVED_IN_VAIN, "b", CHILD, "verified"}}},
    {"what was proven is kept when its proof comes back behind another's",
     {{ADDS, "b", CHILD, "pending"},
      {PROVES, "b", CHILD, "verified"},
      {UNPUBLISHES, "b", CHILD, NULL},
      {IS_CHECKED, "b", CHILD, "verified"}, // a first miss
      {ADDS, "a", PARENT, "waits"},
      {IS_APPROVED, "a", PARENT, "pending"},
      {PROVES, "a", PARENT, "verified"},
      {PROVES, "b", CHILD, "verified"}}},
};

struct entry {
    struct store_domain row; /* as added */
    bool is_published;
};

struct stage {
    struct contest *contest;
    struct entry entries[ENTRIES_MAX];
    size_t count;
};

// The one added last of this name by this tenant.
static struct entry *
entry_of(struct stage *stage, const struct step *step)
{
    for (size_t i = stage->count; i > 0; i--) {
        struct entry *entry = &stage->entries[i - 1];
        if (strcmp(entry->row.name, step->name) == 0 &&
            strcmp(entry->row.tenant, step->tenant) == 0) {
            return entry;
        }
    }
    fail_msg("%s has no %s", step->tenant, step->name);
    return NULL;
}

static void
publish(struct stage *stage)
{
    AUTO_STRBUF zone = STRBUF_INIT(ZONE_MAX);
    for (size_t i = 0; i < stage->count; i++) {
        if (stage->entries[i].is_published) {
            strbuf_printf(&zone, "_mailspur.%s TXT mailspur-verify=%s\n",
                          stage->entries[i].row.name, stage->entries[i].row.token);
        }
    }
    contest_publish(stage->contest, EVERYWHERE, strbuf_text(&zone));
}

static void
add(struct stage *stage, const struct step *step)
{
    assert_true(stage->count < ENTRIES_MAX);
    struct entry *entry = &stage->entries[stage->count++];
    *entry = (struct entry){.is_published = false};
    assert_int_equal(contest_add(stage->contest, step->tenant, step->name, "inbound", &entry->row),
                     ST_OK);
}

static void
set_published(struct stage *stage, struct entry *entry, bool is_published)
{
    entry->is_published = is_published;
    publish(stage);
}

static void
act(struct stage *stage, const struct step *step)
{
    struct registry *registry = stage->contest->registry;
    struct store_domain row;
    if (step->deed == ADDS) {
        add(stage, step);
    } else if (step->deed == RESTARTS) {
        contest_restart(stage->contest, STATE_MINUTE_MS, STATE_MINUTE_MS);
        return;
    }
    struct entry *entry = entry_of(stage, step);
    switch (step->deed) {
    case PROVES:
        set_published(stage, entry, true);
        (void)contest_check(stage->contest, &entry->row);
        break;
    case IS_CHECKED:
        (void)contest_check(stage->contest, &entry->row);
        break;
    case UNPUBLISHES:
        set_published(stage, entry, false);
        break;
    case IS_APPROVED:
    case IS_APPROVED_IN_VAIN:
        assert_int_equal(registry_approve(registry, entry->row.id.text, &row, NULL),
                         step->deed == IS_APPROVED ? ST_OK : ST_CONFLICT);
        break;
    case REMOVES:
        assert_int_equal(
            registry_remove(registry, entry->row.id.text, REGISTRY_HELD_STAYS, &row, NULL, NULL),
            ST_OK);
        break;
    case NOTHING:
    case ADDS:
    case RESTARTS:
        break;
    }
}

static void
assert_is(struct stage *stage, const struct scene *scene, const struct step *step, size_t number)
{
    if (step->is == NULL) {
        return;
    }
    struct store_domain row = contest_row(stage->contest, &entry_of(stage, step)->row);
    const char *is = row.needs_approval ? "waits" : domain_status_name(row.status);
    bool is_proven = row.status == DOMAIN_VERIFIED && row.owned_at != 0;
    if (strcmp(is, step->is) != 0 || (row.needs_approval && (is_proven || row.approved))) {
        fail_msg("%s: behind step %zu, %s of %s is %s", scene->label, number, step->name,
                 step->tenant, is);
    }
}

static void
only_a_name_that_another_holds_demands_approval(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SCENES); i++) {
        void *house = NULL;
        assert_int_equal(contest_set_up(&house), 0);
        struct stage stage = {.contest = house};
        stage.contest->script.cut = PARENT;
        for (size_t j = 0; j < STEPS_MAX && SCENES[i].steps[j].deed != NOTHING; j++) {
            act(&stage, &SCENES[i].steps[j]);
            assert_is(&stage, &SCENES[i], &SCENES[i].steps[j], j + 1);
        }
        assert_int_equal(contest_tear_down(&house), 0);
    }
}

/* ---- what is told of it ---------------------------------------------------------------------- */

#define WITH_CONTEST(test) cmocka_unit_test_setup_teardown(test, contest_set_up, contest_tear_down)

static void
play(struct stage *stage, const struct step *steps, size_t count)
{
    stage->contest->script.cut = PARENT;
    for (size_t i = 0; i < count; i++) {
        act(stage, &steps[i]);
    }
}

static void
who_waits_since_another_was_faster_is_told_once(void **state)
{
    static const struct step steps[] = {{ADDS, "a", PARENT, NULL},
                                        {ADDS, "b", CHILD, NULL},
                                        {PROVES, "b", CHILD, NULL},
                                        {PROVES, "a", PARENT, NULL},
                                        {IS_CHECKED, "a", PARENT, NULL}};
    static const struct step rest[] = {{REMOVES, "b", CHILD, NULL},
                                       {IS_CHECKED, "a", PARENT, NULL}};
    struct stage stage = {.contest = *state};
    play(&stage, steps, ARRAY_LEN(steps));
    assert_int_equal(contest_count_events(*state, PARENT, "domain.needs_approval"), 1);
    assert_int_equal(contest_count_events(*state, CHILD, "domain.needs_approval"), 0);
    play(&stage, rest, ARRAY_LEN(rest));
    assert_int_equal(contest_count_events(*state, PARENT, "domain.approval_over"), 1);
    assert_int_equal(contest_count_events(*state, PARENT, "domain.verified"), 1);
}

static void
what_is_told_of_a_row_that_waits_names_no_tenant(void **state)
{
    static const struct {
        const char *label;
        struct store_domain row;
        bool is_held;
        const char *text;
    } cases[] = {
        {"of a held name", {.claims = true}, true, "held by another tenant: the name moves here"},
        {"of a name that nobody has proven", {.claims = true}, false, "nobody has proven to own"},
        {"in a contest", {.claims = true, .contested_at = 1}, true, "stands in the DNS beside"},
        {"the holder's proof is gone", {.claims = true, .claim_seen_at = 1}, true, "in an hour"},
        {"for approval", {.needs_approval = true}, false, "the operator has to approve"},
        {"for approval, as a claim", {.claims = true, .needs_approval = true}, true, "approve"},
    };
    struct contest *contest = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *text = claims_explain(&cases[i].row, cases[i].is_held);
        if (text == NULL || strstr(text, cases[i].text) == NULL || strstr(text, OWNER) != NULL) {
            fail_msg("%s: %s", cases[i].label, text);
        }
    }
    assert_null(claims_explain(&contest->owners, true));
    assert_null(registry_waits(contest->registry, &contest->owners));
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_non_null(strstr(registry_waits(contest->registry, &contest->thiefs), "held by another"));
    contest_add_as_thief(contest, "new.example");
    assert_int_equal(contest_add(contest, "third", "new.example", "inbound", &contest->thiefs),
                     ST_OK);
    assert_non_null(strstr(registry_waits(contest->registry, &contest->thiefs), "nobody has"));
}

static void
what_is_not_there_cannot_be_approved(void **state)
{
    struct contest *contest = *state;
    struct store_domain row;
    assert_int_equal(registry_approve(contest->registry, "nobody.example", &row, NULL),
                     ST_NOT_FOUND);
    assert_int_equal(registry_approve(contest->registry, CONTEST_NAME, &row, NULL), ST_CONFLICT);
}

struct near {
    size_t count;
    struct store_domain last;
};

static void
on_near(void *context, const struct store_domain *row)
{
    struct near *near = context;
    near->count++;
    near->last = *row;
}

static void
the_operator_is_told_whose_names_lie_above_and_below(void **state)
{
    static const struct step steps[] = {
        {ADDS, "a", PARENT, NULL}, {PROVES, "a", PARENT, NULL},   {ADDS, "b", CHILD, NULL},
        {ADDS, "b", SISTER, NULL}, {ADDS, "c", GRANDCHILD, NULL}, // not held
    };
    struct stage stage = {.contest = *state};
    struct near near = {.count = 0};
    play(&stage, steps, ARRAY_LEN(steps));
    registry_near(stage.contest->registry, &stage.entries[1].row, on_near, &near);
    assert_int_equal(near.count, 1);
    assert_string_equal(near.last.tenant, "a");
    assert_string_equal(near.last.name, PARENT);
    near.count = 0;
    registry_near(stage.contest->registry, &stage.entries[0].row, on_near, &near);
    assert_int_equal(near.count, 0);
}

/* ---- attacks --------------------------------------------------------------------------------- */

// A third tenant proves the parent between the two looks at a claim.
static void
a_name_does_not_move_to_a_claim_that_has_to_be_approved(void **state)
{
    struct contest *contest = *state;
    struct store_domain parent;
    char zone[256];
    contest_add_as_thief(contest, CONTEST_NAME);
    assert_int_equal(contest_add(contest, "third", CONTEST_ZONE, "inbound", &parent), ST_OK);
    assert_int_equal(registry_approve(contest->registry, parent.id.text, &parent, NULL), ST_OK);
    (void)snprintf(zone, sizeof(zone),
                   "_mailspur." CONTEST_ZONE " TXT mailspur-verify=%s\n_mailspur." CONTEST_NAME
                   " TXT <t>\n",
                   parent.token);
    contest_publish(contest, EVERYWHERE, zone);
    assert_true(contest_check(contest, &contest->thiefs).claim_seen_at != 0);
    assert_int_equal(contest_check(contest, &parent).status, DOMAIN_VERIFIED);
    for (int i = 0; i < 3; i++) {
        contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
        assert_true(contest_check(contest, &contest->thiefs).needs_approval);
    }
    assert_false(contest_row(contest, &contest->owners).status == DOMAIN_REMOVED);
    assert_int_equal(contest_count_events(contest, CONTEST_NAME, "domain.needs_approval"), 1);
    assert_int_equal(registry_approve(contest->registry, contest->thiefs.id.text, &parent, NULL),
                     ST_OK);
    assert_true(contest_check(contest, &contest->thiefs).claims); // the hour begins
    contest_wait(contest, STATE_HOUR_MS, STATE_HOUR_MS);
    assert_int_equal(contest_check(contest, &contest->thiefs).status, DOMAIN_VERIFIED);
    assert_int_equal(contest_row(contest, &contest->owners).status, DOMAIN_REMOVED);
}

static unsigned
count_collisions(struct stage *stage, const struct entry *entry)
{
    AUTO_REGISTRY_CHECK *check = NULL;
    unsigned count = 0;
    assert_int_equal(registry_verify(stage->contest->registry, entry->row.id.text, &check, NULL),
                     ST_OK);
    for (size_t i = 0; i < check->records.count; i++) {
        const struct domain_record *record = &check->records.items[i];
        for (size_t j = 0; j < record->finding_count; j++) {
            count += record->findings[j].code == FINDING_MAIL_FROM_COLLISION ? 1 : 0;
        }
    }
    return count;
}

static void
a_mail_from_collides_with_a_name_that_is_proven_or_ones_own(void **state)
{
    static const struct step before[] = {{ADDS, "b", CHILD, NULL}};
    static const struct step behind[] = {{PROVES, "b", CHILD, NULL}};
    static const struct step own[] = {{REMOVES, "b", CHILD, NULL}, {ADDS, "a", CHILD, NULL}};
    struct stage stage = {.contest = *state, .count = 1};
    assert_int_equal(contest_add(stage.contest, "a", PARENT, "ivymail", &stage.entries[0].row),
                     ST_OK);
    play(&stage, before, ARRAY_LEN(before));
    assert_int_equal(count_collisions(&stage, &stage.entries[0]), 0);
    play(&stage, behind, ARRAY_LEN(behind));
    assert_int_equal(count_collisions(&stage, &stage.entries[0]), 1);
    play(&stage, own, ARRAY_LEN(own));
    assert_int_equal(count_collisions(&stage, &stage.entries[0]), 1);
}

struct racer {
    pthread_t thread;
    struct contest *contest;
    const struct store_domain *domain;
};

static void *
race(void *context)
{
    struct racer *racer = context;
    struct store_domain row;
    status_ignore(registry_check_id(racer->contest->registry, &racer->domain->id, &row, NULL));
    return NULL;
}

static void
of_two_that_are_proven_at_once_one_waits(void **state)
{
    static const struct step steps[] = {{ADDS, "a", PARENT, NULL}, {ADDS, "b", CHILD, NULL}};
    struct stage stage = {.contest = *state};
    struct racer racers[ARRAY_LEN(steps)];
    play(&stage, steps, ARRAY_LEN(steps));
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        stage.entries[i].is_published = true;
        racers[i] = (struct racer){.contest = *state, .domain = &stage.entries[i].row};
    }
    publish(&stage);
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    unsigned verified = 0;
    unsigned waiting = 0;
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        (void)pthread_join(racers[i].thread, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        struct store_domain row = contest_row(*state, racers[i].domain);
        verified += row.status == DOMAIN_VERIFIED ? 1 : 0;
        waiting += row.needs_approval ? 1 : 0;
    }
    assert_int_equal(verified, 1);
    assert_int_equal(waiting, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_name_that_another_holds_demands_approval),
        WITH_CONTEST(who_waits_since_another_was_faster_is_told_once),
        WITH_CONTEST(what_is_told_of_a_row_that_waits_names_no_tenant),
        WITH_CONTEST(what_is_not_there_cannot_be_approved),
        WITH_CONTEST(the_operator_is_told_whose_names_lie_above_and_below),
        WITH_CONTEST(a_name_does_not_move_to_a_claim_that_has_to_be_approved),
        WITH_CONTEST(a_mail_from_collides_with_a_name_that_is_proven_or_ones_own),
        WITH_CONTEST(of_two_that_are_proven_at_once_one_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
