// SPDX-License-Identifier: Apache-2.0
// What `mailspur doctor` looks at a host with: who may read what, and other programs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "control/cli/doctor/access.h"
#include "control/cli/doctor/program.h"

// ---- who may read what

static void
rights_are_those_of_the_whole_way(void **state)
{
    (void)state;
    char folder[] = "/tmp/doctor-XXXXXX";
    char inner[64];
    char file[96];
    struct why why;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(inner, sizeof(inner), "%s/inner", folder);
    (void)snprintf(file, sizeof(file), "%s/file", inner);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(mkdir(inner, 0755), 0);
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    const struct access_user owner = {.name = "owner", .uid = getuid()};
    const struct access_user root = {.name = "root", .uid = 0};
    struct access_user member = {.name = "member", .uid = 54321, .group_count = 1};
    member.groups[0] = getgid();
    const struct access_user other = {.name = "other", .uid = 54321};
    assert_int_equal(chmod(file, 0640), 0);
    assert_int_equal(access_check(&owner, file, S_IROTH, &why), ST_OK);
    assert_int_equal(access_check(&member, file, S_IROTH, &why), ST_OK);
    assert_int_equal(access_check(&member, file, S_IWOTH, &why), ST_REFUSED);
    assert_int_equal(access_check(&other, file, S_IROTH, &why), ST_REFUSED);
    assert_non_null(strstr(why.text, "file (mode 0640) is closed to the user other"));
    assert_int_equal(chmod(inner, 0700), 0);
    assert_int_equal(access_check(&member, file, S_IROTH, &why), ST_REFUSED);
    assert_non_null(strstr(why.text, "inner (mode 0700)"));
    assert_int_equal(access_check(&root, file, S_IWOTH, &why), ST_OK);
    assert_int_equal(access_check(&root, "/nowhere/x", S_IROTH, &why), ST_NOT_FOUND);
    assert_int_equal(access_check(&root, "relative", S_IROTH, &why), ST_IO);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(inner), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void
users_are_found_with_their_groups(void **state)
{
    (void)state;
    struct access_user user;
    assert_int_equal(access_user_find("root", &user), ST_OK);
    assert_int_equal(user.uid, 0);
    assert_true(user.group_count >= 1);
    assert_int_equal(access_user_find("no-such-user-here", &user), ST_NOT_FOUND);
}

// ---- other programs

static enum status
run(const char *const *argv, const char *input, int timeout_ms, struct program_result *result,
    struct why *why)
{
    const struct program program = {.argv = argv, .input = input, .timeout_ms = timeout_ms};
    return program_run(&program, result, why);
}

static void
a_program_says_what_it_says(void **state)
{
    (void)state;
    const char *const shell[] = {"sh", "-c", "cat; echo no >&2; env; exit 3", NULL};
    AUTO_PROGRAM_RESULT result = PROGRAM_RESULT_INIT;
    struct why why;
    assert_int_equal(setenv("DOCTOR_TEST", "1", 1), 0);
    assert_int_equal(run(shell, "in\n", 10000, &result, &why), ST_OK);
    assert_int_equal(result.exit_status, 3);
    assert_int_equal(strncmp(strbuf_text(&result.output), "in\n", 3), 0);
    assert_null(strstr(strbuf_text(&result.output), "DOCTOR_TEST"));
    assert_string_equal(strbuf_text(&result.errors), "no\n");
}

static void
a_program_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    const char *const absent[] = {"no-such-program-here", NULL};
    const char *const nowhere[] = {"/nowhere/program", NULL};
    AUTO_PROGRAM_RESULT result = PROGRAM_RESULT_INIT;
    assert_int_equal(run(absent, NULL, 1000, &result, NULL), ST_NOT_FOUND);
    assert_int_equal(run(nowhere, NULL, 1000, &result, NULL), ST_NOT_FOUND);
}

static void
a_program_that_does_not_end_is_killed_with_what_it_started(void **state)
{
    (void)state;
    static const char *const SCRIPTS[] = {"sleep 60 & wait", "exec >&- 2>&-; sleep 60"};
    for (size_t i = 0; i < ARRAY_LEN(SCRIPTS); i++) {
        const char *const shell[] = {"sh", "-c", SCRIPTS[i], NULL};
        AUTO_PROGRAM_RESULT result = PROGRAM_RESULT_INIT;
        struct why why;
        int64_t start = clock_mono_ms();
        assert_int_equal(run(shell, NULL, 100, &result, &why), ST_AGAIN);
        assert_int_equal(result.exit_status, 128 + 9);
        assert_true(clock_mono_ms() - start < 20000);
    }
}

static void
a_program_that_says_too_much_is_cut(void **state)
{
    (void)state;
    char script[64];
    AUTO_PROGRAM_RESULT most = PROGRAM_RESULT_INIT;
    AUTO_PROGRAM_RESULT more = PROGRAM_RESULT_INIT;
    const char *const shell[] = {"sh", "-c", script, NULL};
    (void)snprintf(script, sizeof(script), "head -c %d /dev/zero", PROGRAM_OUTPUT_MAX);
    assert_int_equal(run(shell, NULL, 20000, &most, NULL), ST_OK);
    assert_int_equal(most.output.length, PROGRAM_OUTPUT_MAX);
    (void)snprintf(script, sizeof(script), "head -c %d /dev/zero", PROGRAM_OUTPUT_MAX + 1);
    assert_int_equal(run(shell, NULL, 20000, &more, NULL), ST_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights_are_those_of_the_whole_way),
        cmocka_unit_test(users_are_found_with_their_groups),
        cmocka_unit_test(a_program_says_what_it_says),
        cmocka_unit_test(a_program_that_is_not_there_is_not_found),
        cmocka_unit_test(a_program_that_does_not_end_is_killed_with_what_it_started),
        cmocka_unit_test(a_program_that_says_too_much_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
