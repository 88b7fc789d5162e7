// SPDX-License-Identifier: Apache-2.0
// Faults of whole files and of the files that secrets are in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

static void
check_errors(const struct folder *folder, const char *expected)
{
    struct diagnostics diagnostics = {.items = NULL};
    assert_null(folder_load(folder, &diagnostics));
    AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
    assert_string_equal(told, expected);
    diagnostics_done(&diagnostics);
}

static void
faults_of_whole_files_are_told(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", "# nothing\n");
    check_errors(folder, "$/mailspur.yaml:1:1: error: 'hostname' is missing in mailspur.yaml\n"
                         "$/mailspur.yaml:1:1: error: 'inbound_mx' is missing in mailspur.yaml\n");
    folder_write(folder, "mailspur.yaml", HOST_LINES);
    folder_write(folder, "domains.d/b.yaml", "domain: a.test\n");
    folder_write(folder, "domains.d/a.yaml", "domain: A.Test\n");
    check_errors(folder, "$/domains.d/b.yaml:1:9: error: a.test has a file already: "
                         "$/domains.d/a.yaml\n");
    struct folder none = {.path = "/tmp/mailspur-does-not-exist"};
    check_errors(&none, "$/mailspur.yaml: error: cannot be read: No such file or directory\n");
}

struct bad_secret {
    const char *label;
    const char *content;
    const char *expected; /* NULL: it is good */
};

#define NAMED "$/mailspur.yaml:4:54: error: 'secret_file': "
#define INSIDE(line) "$/x.secret:" line ":1: error: "
static const struct bad_secret BAD_SECRETS[] = {
    {"24 bytes", KEY_24, NULL},
    {"64 bytes", KEY_64 "\n", NULL},
    {"23 bytes", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=\n",
     INSIDE("1") "a key must have 24 to 64 bytes before base64\n"},
    {"65 bytes",
     "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
     "P0A="
     "\n",
     INSIDE("1") "a key must have 24 to 64 bytes before base64\n"},
    {"much too long", KEY_64 KEY_64 "\n", INSIDE("1") "a key is longer than 64 bytes\n"},
    {"no prefix", "hunter2hunter2hunter2hunter2\n",
     INSIDE("1") "a line does not begin with whsec_\n"},
    {"public key", KEY_24 "\nwhpk_AAAA\n", INSIDE("2") "a line does not begin with whsec_\n"},
    {"no base64", "\nwhsec_hunter2-hunter2\n", INSIDE("2") "what follows whsec_ is not base64\n"},
    {"three keys", KEY_24 "\n" KEY_24 "\n" KEY_24 "\n",
     INSIDE("3") "more than two keys: the current one, then the one rotated out\n"},
    {"empty", " \n\n",
     NAMED "$/x.secret holds no key; make one with: echo whsec_$(openssl rand -base64 32)\n"},
};

static void
secret_files_are_checked_and_their_content_never_shows(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES "destinations:\n"
                            "  a: {kind: psa, url: 'https://a.test', secret_file: x.secret}\n");
    for (size_t i = 0; i < ARRAY_LEN(BAD_SECRETS); i++) {
        const struct bad_secret *row = &BAD_SECRETS[i];
        folder_write(folder, "x.secret", row->content);
        struct diagnostics diagnostics = {.items = NULL};
        config_unref(folder_load(folder, &diagnostics));
        AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
        if (strcmp(told, row->expected == NULL ? "" : row->expected) != 0) {
            fail_msg("%s: %s", row->label, told);
        }
        assert_null(strstr(told, "hunter2"));
        diagnostics_done(&diagnostics);
    }
}

static void
an_authorization_file_holds_one_printable_line(void **state)
{
    const struct folder *folder = *state;
    static const struct {
        const char *content;
        const char *expected;
    } rows[] = {
        {"Basic abc", ""},
        {"", "$/mailspur.yaml:4:61: error: 'authorization_file': $/x.auth must hold one line of at "
             "most 4000 bytes\n"},
        {"a\nX-Evil: b\n", "$/mailspur.yaml:4:61: error: 'authorization_file': $/x.auth must hold "
                           "one line of at most 4000 bytes\n"},
        {"\nBearer \x01\n",
         "$/x.auth:2:1: error: only printable ASCII characters can stand here\n"},
    };
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES
                 "destinations:\n"
                 "  a: {kind: psa, url: 'https://a.test', authorization_file: x.auth}\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        folder_write(folder, "x.auth", rows[i].content);
        struct diagnostics diagnostics = {.items = NULL};
        config_unref(folder_load(folder, &diagnostics));
        AUTO_FREE char *told = folder_format(folder, &diagnostics, true);
        assert_string_equal(told, rows[i].expected);
        diagnostics_done(&diagnostics);
    }
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(faults_of_whole_files_are_told),
        TEST(secret_files_are_checked_and_their_content_never_shows),
        TEST(an_authorization_file_holds_one_printable_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
