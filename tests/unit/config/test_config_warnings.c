// SPDX-License-Identifier: Apache-2.0
// What is odd but works: the warnings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

static void
check_warnings(const struct folder *folder, const char *expected)
{
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = folder_load(folder, &diagnostics);
    assert_non_null(config);
    AUTO_FREE char *told = folder_format(folder, &diagnostics, false);
    assert_string_equal(told, expected);
    diagnostics_done(&diagnostics);
}

static void
what_is_odd_but_works_is_a_warning(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "x.secret", KEY_24);
    folder_chmod(folder, "x.secret", 0644);
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES "sockets: {control: {mode: '0666'}}\n"
                            "destinations:\n"
                            "  a: {kind: psa, url: 'https://a.test', secret_file: x.secret}\n"
                            "  b: {kind: psa, url: 'https://b.test'}\n");
    check_warnings(
        folder, "$/mailspur.yaml:3:27: warning: everybody on this host is an administrator of "
                "mailspur\n"
                "$/mailspur.yaml:5:54: warning: 'secret_file': everybody on this host can get at "
                "$/x.secret (mode 0644); chmod o= it\n"
                "$/mailspur.yaml:6:3: warning: neither 'secret_file' nor 'authorization_file': "
                "the endpoint cannot tell our requests from a stranger's\n");
}

static void
enforcing_own_mail_that_is_not_judged_is_a_warning(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "mailspur.yaml", HOST_LINES "milter: {own_mail: enforce}\n");
    check_warnings(folder,
                   "$/mailspur.yaml:3:20: warning: 'own_mail: enforce' does nothing without "
                   "'authenticate: all'\n");
    folder_write(folder, "mailspur.yaml",
                 HOST_LINES "milter: {own_mail: enforce, authenticate: all}\n");
    check_warnings(folder, "");
}

static void
missing_role_mailboxes_are_a_warning(void **state)
{
    const struct folder *folder = *state;
    folder_write(folder, "x.secret", KEY_24);
    folder_write(
        folder, "mailspur.yaml",
        HOST_LINES
        "destinations: {psa: {kind: psa, url: 'https://a.test', secret_file: x.secret}}\n");
    static const char lines[] = "domain: a.test\nroutes:\n";
    static const char postmaster[] = "$/domains.d/a.yaml:2:1: warning: no route takes "
                                     "postmaster@a.test, which every mail domain owes to others\n";
    static const char abuse[] = "$/domains.d/a.yaml:2:1: warning: no route takes abuse@a.test, "
                                "which every mail domain owes to others\n";
    const struct {
        const char *routes;
        const char *expected[2];
    } rows[] = {
        {"  - {name: x, recipient: x, destinations: [psa]}\n", {postmaster, abuse}},
        {"  - {name: x, recipient: PostMaster@, destinations: [psa]}\n", {abuse, ""}},
        {"  - {name: x, recipient: '*', destinations: [psa]}\n", {"", ""}},
        {"  - {name: x, recipient: abuse, reject: no}\n"
         "  - {name: y, recipient: '*', destinations: [psa]}\n",
         {abuse, ""}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_STRBUF text = STRBUF_INIT(4096);
        AUTO_STRBUF expected = STRBUF_INIT(4096);
        strbuf_printf(&text, "%s%s", lines, rows[i].routes);
        strbuf_printf(&expected, "%s%s", rows[i].expected[0], rows[i].expected[1]);
        folder_write(folder, "domains.d/a.yaml", strbuf_text(&text));
        check_warnings(folder, strbuf_text(&expected));
    }
    folder_write(folder, "domains.d/a.yaml", "domain: a.test\n");
    check_warnings(folder, "$/domains.d/a.yaml:1:1: warning: a.test has no routes: all of its mail "
                           "is refused\n");
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_odd_but_works_is_a_warning),
        TEST(enforcing_own_mail_that_is_not_judged_is_a_warning),
        TEST(missing_role_mailboxes_are_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
