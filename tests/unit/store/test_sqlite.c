// SPDX-License-Identifier: Apache-2.0
// What is particular to the SQLite backend: files, locks, schema versions, what a crash leaves.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sql.h"

static int64_t
number(const struct fixture *fixture, const char *statement)
{
    AUTO_SQL *sql = NULL;
    int64_t result = -1;
    assert_int_equal(sql_open(fixture->path, SQL_WRITER, &sql, NULL), ST_OK);
    assert_int_equal(sql_number(sql, statement, SQL_NO_VALUES, &result, NULL), ST_OK);
    return result;
}

static void
script(const struct fixture *fixture, const char *statements)
{
    AUTO_SQL *sql = NULL;
    assert_int_equal(sql_open(fixture->path, SQL_WRITER, &sql, NULL), ST_OK);
    assert_int_equal(sql_script(sql, statements, NULL), ST_OK);
}

static enum status
open_again(const struct fixture *fixture, struct store **store_out, struct why *why)
{
    return store_open(&(struct store_settings){.path = fixture->path}, store_out, why);
}

static void
second_store_on_the_same_database_is_refused(void **state)
{
    struct store *second = NULL;
    struct why why = {.text = ""};
    assert_int_equal(open_again(*state, &second, &why), ST_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(why.text, "in use"));
}

static void
files_are_private_and_set_up_as_designed(void **state)
{
    const struct fixture *fixture = *state;
    submit_new(fixture->store, 10);
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char name[128];
        struct stat status;
        (void)snprintf(name, sizeof(name), "%s%s", fixture->path, suffixes[i]);
        assert_int_equal(stat(name, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    assert_int_equal(number(fixture, "PRAGMA page_size"), 8192);
    assert_int_equal(number(fixture, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(fixture, "PRAGMA secure_delete"), 2);
}

static void
newer_schema_and_foreign_database_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *label;
        const char *statements;
        const char *word;
    } cases[] = {
        {"newer", "PRAGMA user_version=1000", "newer"},
        {"foreign", "PRAGMA user_version=0", "another program"},
        {"foreign, negative", "PRAGMA user_version=-1", "another program"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].label);
        store_close(fixture->store);
        fixture->store = NULL;
        script(fixture, cases[i].statements);
        struct why why = {.text = ""};
        assert_int_equal(open_again(fixture, &fixture->store, &why), ST_INVALID);
        assert_non_null(strstr(why.text, cases[i].word));
    }
}

// As it was before evidence was kept.
static void
a_database_of_version_one_is_brought_up_to_date(void **state)
{
    struct fixture *fixture = *state;
    static const char MESSAGE[] =
        "INSERT INTO message VALUES ('019377a0-0000-7000-8000-000000000001', 'acme', 'acme.test',"
        " '', 'a@acme.test', '', '', '', '', '', '', '{}', 1, 3, 0);"
        "INSERT INTO body VALUES ('019377a0-0000-7000-8000-000000000001', 0, x'616263')";
    static const struct id OLD = {"019377a0-0000-7000-8000-000000000001"};
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(unlink(fixture->path), 0);
    {
        AUTO_SQL *sql = NULL;
        assert_int_equal(sql_open(fixture->path, SQL_WRITER, &sql, NULL), ST_OK);
        assert_int_equal(schema_migrate_to(sql, 1, NULL), ST_OK);
    }
    script(fixture, MESSAGE);
    assert_int_equal(number(fixture, "PRAGMA user_version"), 1);
    fixture_reopen(fixture);
    assert_true(number(fixture, "PRAGMA user_version") > 1);
    char bytes[8];
    size_t length = 0;
    assert_int_equal(store_body_read(fixture->store, &OLD, 0, bytes, sizeof(bytes), &length, NULL),
                     ST_OK);
    assert_memory_equal(bytes, "abc", length);
    assert_int_equal(length, 3);
    assert_int_equal(number(fixture, "SELECT count(*) FROM evidence"), 0);
    (void)submit_new(fixture->store, 100);
}

struct old_domain {
    const char *label;
    const char *row; /* tenant, name, needs_approval, created_at */
    bool approved;
};

static void
on_old_domain(void *context, const struct store_domain *domain)
{
    const struct old_domain *domains = context;
    size_t at = (size_t)(domain->name[0] - 'a');
    if (domain->approved != domains[at].approved) {
        fail_msg("%s", domains[at].label);
    }
}

// Until version 4 only an event told what the operator had approved.
static void
what_was_approved_before_that_was_kept_is_not_asked_for_again(void **state)
{
    static const struct old_domain domains[] = {
        {"approved", "'acme', 'a.test', 0, 10", true},
        {"added anew behind it", "'acme', 'b.test', 1, 30", false},
        {"another tenant's", "'other', 'c.test', 0, 10", false},
        {"never asked for", "'acme', 'd.test', 0, 10", false},
    };
    struct fixture *fixture = *state;
    char text[512];
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(unlink(fixture->path), 0);
    {
        AUTO_SQL *sql = NULL;
        assert_int_equal(sql_open(fixture->path, SQL_WRITER, &sql, NULL), ST_OK);
        assert_int_equal(schema_migrate_to(sql, 4, NULL), ST_OK);
    }
    script(fixture, "INSERT INTO tenant (name, created_at) VALUES ('acme', 1), ('other', 1);"
                    "INSERT INTO event (at, tenant, domain, kind, detail) VALUES"
                    " (20, 'acme', 'a.test', 'domain.approved', ''),"
                    " (20, 'acme', 'b.test', 'domain.approved', ''),"
                    " (20, 'acme', 'c.test', 'domain.approved', ''),"
                    " (20, 'acme', 'd.test', 'domain.added', '')");
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        (void)snprintf(text, sizeof(text),
                       "INSERT INTO domain (tenant, name, needs_approval, created_at, id, profile,"
                       " status, inbound, token, verified_at, checked_at, removed_at, version)"
                       " VALUES (%s, '%zu', 'inbound', 'pending', 0, '', 0, 0, 0, %zu)",
                       domains[i].row, i, i + 1);
        script(fixture, text);
    }
    fixture_reopen(fixture);
    assert_int_equal(number(fixture, "SELECT sum(approved) FROM domain"), 1);
    assert_int_equal(
        store_domains_since(fixture->store, 0, on_old_domain, (void *)(uintptr_t)domains, NULL),
        ST_OK);
}

static void
the_oldest_refusals_go_when_there_are_too_many(void **state)
{
    struct fixture *fixture = *state;
    static const char FILL[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        "INSERT INTO evidence SELECT printf('%08x', i), i <> 250, '', '', 1048576, '' FROM n";
    uint64_t count = 0;
    script(fixture, FILL); // 299 refusals of 1 MB each, and a message
    assert_int_equal(store_evidence_purge(fixture->store, 0, 1000, &count, NULL), ST_OK);
    assert_int_equal(count, 200); // a step at a time
    assert_int_equal(
        number(fixture, "SELECT count(*) FROM evidence WHERE id <= printf('%08x',200)"), 0);
    script(fixture, "UPDATE evidence SET size = 1048576 * 256 / 99 WHERE refused = 1");
    assert_int_equal(store_evidence_purge(fixture->store, 0, 1000, &count, NULL), ST_OK);
    assert_int_equal(count, 0); // just at the cap
    assert_int_equal(number(fixture, "SELECT count(*) FROM evidence"), 100);
}

static void
missing_folder_is_an_io_error(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct why why = {.text = ""};
    assert_int_equal(
        store_open(&(struct store_settings){.path = "/nonexistent/store.db"}, &store, &why), ST_IO);
    assert_non_null(strstr(why.text, "/nonexistent/store.db"));
}

static void
staged_chunks_that_no_message_claims_are_swept_at_open(void **state)
{
    struct fixture *fixture = *state;
    struct sample kept = submit_new(fixture->store, STORE_STAGE_ABOVE + 1);
    store_close(fixture->store);
    fixture->store = NULL;
    int64_t before = number(fixture, "SELECT count(*) FROM body");
    script(fixture, "INSERT INTO staged VALUES ('left over');"
                    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)"
                    "INSERT INTO body SELECT 'left over', i, x'00' FROM n;");
    fixture_reopen(fixture);
    assert_int_equal(number(fixture, "SELECT count(*) FROM body"), before);
    assert_int_equal(number(fixture, "SELECT count(*) FROM staged"), 0);
    assert_body(fixture->store, &kept);
}

static void
failed_and_duplicate_staged_bodies_are_swept(void **state)
{
    struct fixture *fixture = *state;
    struct sample first = submit_new(fixture->store, STORE_STAGE_ABOVE + 1);
    struct sample second = sample_new((uint64_t)STORE_SLICE_SIZE * 2);
    second.dedupe = first.dedupe;
    assert_true(submit_wait(fixture->store, &second).duplicate);
    struct sample third = sample_new(STORE_STAGE_ABOVE + 1);
    third.lie_about_size = STORE_STAGE_ABOVE + 2;
    assert_int_equal(submit_wait(fixture->store, &third).status, ST_IO);
    store_close(fixture->store); // runs what waits
    fixture->store = NULL;
    assert_int_equal(number(fixture, "SELECT count(DISTINCT message_id) FROM body"), 1);
    assert_int_equal(number(fixture, "SELECT count(*) FROM staged"), 0);
}

static void
database_locked_by_another_is_told_and_passes(void **state)
{
    struct fixture *fixture = *state;
    AUTO_SQL *stranger = NULL;
    assert_int_equal(sql_open(fixture->path, SQL_WRITER, &stranger, NULL), ST_OK);
    assert_int_equal(sql_script(stranger, "BEGIN IMMEDIATE", NULL), ST_OK);
    struct sample sample = sample_new(10);
    struct store_submit_result result = submit_wait(fixture->store, &sample); // waits 5 s
    assert_int_equal(result.status, ST_AGAIN);
    assert_non_null(strstr(result.why.text, "locked"));
    assert_int_equal(sql_script(stranger, "COMMIT", NULL), ST_OK);
    result = submit_wait(fixture->store, &sample);
    assert_int_equal(result.status, ST_OK);
    assert_false(result.duplicate);
}

static void
queries_of_the_main_path_use_their_indexes(void **state)
{
    static const struct {
        const char *statement;
        const char *index;
    } cases[] = {
        {"SELECT id FROM delivery WHERE state IN ('queued','unknown') AND destination = 'a'"
         " AND due_at <= 5 ORDER BY due_at LIMIT 3",
         "delivery_waiting"},
        {"SELECT destination, due_at FROM delivery WHERE state IN ('queued','unknown')"
         " AND destination > 'a' ORDER BY destination, due_at LIMIT 1",
         "COVERING INDEX delivery_waiting"},
        {"UPDATE delivery SET state = 'queued' WHERE state = 'leased' AND lease_until < 5",
         "delivery_leased"},
        {"SELECT id FROM delivery WHERE 1 AND state = 'held' AND state IN ('held','blocked','dead')"
         " AND id < 'x' ORDER BY id DESC LIMIT 9",
         "delivery_parked"},
        {"SELECT tenant, count(*), sum(size) FROM message GROUP BY tenant",
         "COVERING INDEX message_tenant"},
    };
    const struct fixture *fixture = *state;
    AUTO_SQL *sql = NULL;
    assert_int_equal(sql_open(fixture->path, SQL_READER, &sql, NULL), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char statement[512];
        (void)snprintf(statement, sizeof(statement), "EXPLAIN QUERY PLAN %s", cases[i].statement);
        AUTO_QUERY *query = NULL;
        assert_int_equal(sql_query(sql, statement, SQL_NO_VALUES, &query, NULL), ST_OK);
        assert_int_equal(query_next(query, NULL), ST_OK);
        if (strstr(query_text(query, 3), cases[i].index) == NULL) {
            fail_msg("%s: %s", cases[i].statement, query_text(query, 3));
        }
        assert_int_equal(query_next(query, NULL), ST_NOT_FOUND); // no sorting beside it
    }
}

static uint64_t
commits_of(struct store *store)
{
    struct store_counts counts;
    assert_int_equal(store_counts(store, &counts, NULL), ST_OK);
    return counts.commits;
}

struct patient {
    atomic_bool is_over;
    enum status status;
};

static void
on_completed(void *context, enum status status)
{
    struct patient *patient = context;
    patient->status = status;
    atomic_store(&patient->is_over, true);
}

static void
complete_patiently(struct store *store, const struct sample *sample, struct patient *patient)
{
    *patient = (struct patient){.is_over = false};
    const struct store_completion completion = {
        .delivery_id = sample->deliveries[0].id,
        .fence = 1,
        .state = DELIVERY_DONE,
        .attempt = {.number = 0},
        .can_wait = true,
        .done = on_completed,
        .context = patient,
    };
    store_complete(store, &completion);
}

static void
what_can_wait_is_committed_with_what_cannot(void **state)
{
    const struct fixture *fixture = *state;
    enum { COUNT = 20 };
    struct sample samples[COUNT];
    struct patient patients[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        samples[i] = submit_new(fixture->store, 10);
    }
    assert_int_equal(claim_wait(fixture->store, "psa", COUNT, 3600000).count, COUNT);
    uint64_t before = commits_of(fixture->store);
    for (size_t i = 0; i < COUNT; i++) {
        complete_patiently(fixture->store, &samples[i], &patients[i]);
    }
    submit_new(fixture->store, 10);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(atomic_load(&patients[i].is_over)); // the queue keeps its order
        assert_int_equal(patients[i].status, ST_OK);
    }
    assert_in_range(commits_of(fixture->store) - before, 1, 3); // a slow test may need patience
}

static void
what_can_wait_does_not_wait_for_ever(void **state)
{
    const struct fixture *fixture = *state;
    struct sample sample = submit_new(fixture->store, 10);
    assert_int_equal(claim_wait(fixture->store, "psa", 1, 3600000).count, 1);
    int64_t begin = store_now_ms(fixture->store);
    struct patient patient;
    complete_patiently(fixture->store, &sample, &patient);
    while (!atomic_load(&patient.is_over)) {
        assert_true(store_now_ms(fixture->store) - begin < 10000);
        wait_until_after(fixture->store, store_now_ms(fixture->store) + 1);
    }
    assert_int_equal(patient.status, ST_OK);
    assert_true(store_now_ms(fixture->store) - begin >= STORE_PATIENCE_MS - 5); // it did wait
}

// The first operation of a group has no savepoint: its failure must undo it alone.
static void
failure_of_the_first_in_a_group_undoes_nothing_else(void **state)
{
    const struct fixture *fixture = *state;
    struct sample sample = submit_new(fixture->store, 10);
    struct patient first;
    complete_patiently(fixture->store, &sample, &first); // not claimed: an old fence
    struct sample second = submit_new(fixture->store, 10);
    assert_true(atomic_load(&first.is_over));
    assert_int_equal(first.status, ST_CONFLICT);
    assert_body(fixture->store, &second);
    assert_int_equal(get_delivery(fixture->store, &sample.deliveries[0].id, NULL).state,
                     DELIVERY_QUEUED);
}

static void
idle_store_empties_its_wal(void **state)
{
    const struct fixture *fixture = *state;
    submit_new(fixture->store, 100000);
    char name[128];
    (void)snprintf(name, sizeof(name), "%s-wal", fixture->path);
    struct stat status = {.st_size = 1};
    for (unsigned i = 0; i < 100 && status.st_size > 0; i++) {
        wait_until_after(fixture->store, store_now_ms(fixture->store) + 100);
        assert_int_equal(stat(name, &status), 0);
    }
    assert_int_equal(status.st_size, 0);
}

static void
room_of_purged_messages_inside_the_file_is_room_again(void **state)
{
    enum { MESSAGES = 3 }; // less than what is given back to the file system
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < MESSAGES; i++) {
        submit_new(fixture->store, STORE_SLICE_SIZE);
    }
    fixture_reopen(fixture); // the WAL is copied
    struct store *store = fixture->store;
    struct claimed claimed = claim_wait(store, "psa", MESSAGES, 60000);
    for (unsigned i = 0; i < MESSAGES; i++) {
        assert_int_equal(complete_wait(store, &claimed.deliveries[i], DELIVERY_DONE, "", 0, 200),
                         ST_OK);
    }
    assert_int_equal(store_purge(store, INT64_MAX, 0, MESSAGES, NULL, NULL), ST_OK);
    struct store_room room = {.database_bytes = UINT64_MAX};
    for (unsigned i = 0; i < 100 && room.database_bytes > STORE_SLICE_SIZE; i++) {
        wait_until_after(store,
                         store_now_ms(store) + 100); // for the sweep, the tick, its next look
        store_room(store, &room);
    }
    assert_in_range(room.database_bytes, 1, STORE_SLICE_SIZE);
}

static void
purge_gives_a_bounded_part_of_the_file_back(void **state)
{
    enum { MESSAGES = 20 };
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < MESSAGES; i++) {
        submit_new(fixture->store, STORE_SLICE_SIZE);
    }
    store_close(fixture->store);
    fixture->store = NULL;
    script(fixture, "DELETE FROM delivery; DELETE FROM message; DELETE FROM body");
    int64_t pages = number(fixture, "PRAGMA page_count");
    assert_int_equal(open_again(fixture, &fixture->store, NULL), ST_OK);
    assert_int_equal(store_purge(fixture->store, 1, 0, 1, NULL, NULL), ST_OK);
    fixture_reopen(fixture);
    int64_t left = number(fixture, "PRAGMA page_count");
    // 64 MB, and what the database kept about the moved pages.
    assert_in_range(pages - left, 1, (int64_t)64 * 1024 * 1024 / 8192 + 32);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* ---- backup ---------------------------------------------------------------------------------- */

struct load {
    struct store *store;
    atomic_bool stop;
    atomic_uint submitted;
};

static void *
submit_until_stopped(void *argument)
{
    struct load *load = argument;
    while (!atomic_load(&load->stop)) {
        struct sample sample = sample_new(20000);
        assert_int_equal(submit_wait(load->store, &sample).status, ST_OK);
        atomic_fetch_add(&load->submitted, 1);
    }
    return NULL;
}

static void
backup_under_load_is_a_whole_store_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    enum { BEFORE = 60, LARGE = 3 * 1024 * 1024 };
    struct sample large = submit_new(fixture->store, LARGE);
    for (int i = 0; i < BEFORE; i++) {
        (void)submit_new(fixture->store, 100000);
    }
    struct load load = {.store = fixture->store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_until_stopped, &load), 0);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/copy.db", fixture->folder);
    struct store_backup_result result;
    struct why why = {.text = ""};
    assert_int_equal(store_backup(fixture->store, path, &result, &why), ST_OK);
    atomic_store(&load.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(result.bytes > LARGE + BEFORE * 100000ULL);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    struct store *copy = NULL;
    assert_int_equal(store_open(&(struct store_settings){.path = path}, &copy, &why), ST_OK);
    struct store_usage usage;
    store_usage(copy, "", &usage);
    assert_in_range(usage.messages, 1 + BEFORE, 1 + BEFORE + atomic_load(&load.submitted));
    assert_body(copy, &large);
    store_close(copy);
    AUTO_SQL *sql = NULL;
    int64_t faults = -1;
    assert_int_equal(sql_open(path, SQL_WRITER, &sql, NULL), ST_OK);
    assert_int_equal(sql_number(sql,
                                "SELECT count(*) FROM pragma_integrity_check WHERE "
                                "integrity_check <> 'ok'",
                                SQL_NO_VALUES, &faults, NULL),
                     ST_OK);
    assert_int_equal(faults, 0);
    sql_close(STEAL(sql));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/copy.db.lock", fixture->folder);
    assert_int_equal(unlink(path), 0);
}

static void
backup_never_writes_over_a_file_and_leaves_none_when_it_fails(void **state)
{
    struct fixture *fixture = *state;
    struct store_backup_result result;
    struct why why = {.text = ""};
    assert_int_equal(store_backup(fixture->store, fixture->path, &result, &why), ST_CONFLICT);
    assert_int_equal(store_backup(fixture->store, "copy.db", &result, &why), ST_INVALID);
    assert_int_equal(store_backup(fixture->store, "/nonexistent/copy.db", &result, &why), ST_IO);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/copy.db", fixture->folder);
    (void)submit_new(fixture->store, 100000);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 16384, .rlim_max = before.rlim_max};
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = store_backup(fixture->store, path, &result, &why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old);
    assert_int_not_equal(status, ST_OK);
    assert_true(status_is_temporary(status));
    assert_int_not_equal(access(path, F_OK), 0);
    (void)submit_new(fixture->store, 10); // the store itself goes on
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(second_store_on_the_same_database_is_refused),
        TEST(files_are_private_and_set_up_as_designed),
        TEST(newer_schema_and_foreign_database_are_refused),
        TEST(a_database_of_version_one_is_brought_up_to_date),
        TEST(what_was_approved_before_that_was_kept_is_not_asked_for_again),
        TEST(the_oldest_refusals_go_when_there_are_too_many),
        TEST(missing_folder_is_an_io_error),
        TEST(staged_chunks_that_no_message_claims_are_swept_at_open),
        TEST(failed_and_duplicate_staged_bodies_are_swept),
        TEST(database_locked_by_another_is_told_and_passes),
        TEST(queries_of_the_main_path_use_their_indexes),
        TEST(backup_under_load_is_a_whole_store_of_its_own),
        TEST(backup_never_writes_over_a_file_and_leaves_none_when_it_fails),
        TEST(what_can_wait_is_committed_with_what_cannot),
        TEST(what_can_wait_does_not_wait_for_ever),
        TEST(failure_of_the_first_in_a_group_undoes_nothing_else),
        TEST(idle_store_empties_its_wal),
        TEST(room_of_purged_messages_inside_the_file_is_room_again),
        TEST(purge_gives_a_bounded_part_of_the_file_back),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
