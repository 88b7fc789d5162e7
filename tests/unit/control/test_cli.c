// SPDX-License-Identifier: Apache-2.0
// `mailspur` as a person uses it, against the real API: what it prints and how it exits.
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
#include "control/cli/cli.h"
#include "control/cli/commands.h"

enum { LINE_SIZE = 512 };

// ---- without a daemon

static const struct cli_step OFFLINE[] = {
    {"", CLI_USAGE, "usage: mailspur"},
    {"help", CLI_OK, "exit codes"},
    {"--help", CLI_OK, "exit codes"},
    {"--version", CLI_OK, "mailspur " MAILSPUR_VERSION "\n"},
    {"help domain add", CLI_OK, "--tenant NAME"},
    {"domain add --help", CLI_OK, "--tenant NAME"},
    {"domain --help", CLI_OK, "domain verify NAME"},
    {"help domain", CLI_OK, "domain verify NAME"},
    {"help status", CLI_OK, "usage: mailspur status"},
    {"help nothing", CLI_USAGE, "no command 'nothing'"},
    {"domian list", CLI_USAGE, "did you mean 'domain'?"},
    {"domain recrds x", CLI_USAGE, "did you mean 'records'?"},
    {"domain", CLI_USAGE, "mailspur help domain"},
    {"domain add", CLI_USAGE, "needs NAME"},
    {"domain add a b", CLI_USAGE, "'b' is one word too many"},
    {"domain add a --tennant x", CLI_USAGE, "did you mean '--tenant'?"},
    {"domain add a --tenant", CLI_USAGE, "--tenant needs a value"},
    {"domain add a --tenant=", CLI_USAGE, "--tenant needs a value"},
    {"domain list --all=yes", CLI_USAGE, "--all takes no value"},
    {"--tenant x domain add a", CLI_USAGE, "stand behind it"},
    {"domain inbound maybe a.example", CLI_USAGE, "say on or off"},
    {"delivery retry", CLI_USAGE, "which ones?"},
    {"hold release", CLI_USAGE, "which ones?"},
    {"status --socket /nonexistent/control.sock", CLI_UNREACHABLE, "No such file"},
    {"status --json --socket /nonexistent/control.sock", CLI_UNREACHABLE,
     "{\"error\":{\"code\":\"unreachable\""},
    {"status -c /nonexistent.yaml", CLI_USAGE, "config check"},
    {"auth check", CLI_USAGE, "client-ip is needed"},
    {"auth check --client-ip 192.0.2.1", CLI_USAGE, "helo is needed"},
    {"auth check --client-ip 192.0.2.1 --helo=", CLI_USAGE, "mail-from is needed"},
    {"auth check --client-ip x --helo= --mail-from=", CLI_USAGE, "'x' is no IP address"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= --now x", CLI_USAGE, "now: 'x'"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= --engine x", CLI_USAGE,
     "engine is own or reference"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= --discovery x", CLI_USAGE,
     "discovery is treewalk or psl"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= --dns-server x", CLI_USAGE, "x"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= --dns-fixture /nonexistent", CLI_FAILED,
     "/nonexistent"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= --dns-fixture /dev/null", CLI_OK,
     "spf=none"},
    {"auth check --client-ip 192.0.2.1 --helo= --mail-from= /nonexistent.eml", CLI_FAILED,
     "/nonexistent.eml"},
    {"auth check --batch /nonexistent", CLI_FAILED, "/nonexistent"},
    {"auth check --batch /dev/null", CLI_OK, ""},
    {"auth check --batch /dev/null message.eml", CLI_USAGE, "named in its lines"},
    {"config check /nonexistent.yaml", CLI_FAILED, "1 error"},
    {"config check /nonexistent.yaml --json", CLI_FAILED, "{\"ok\":false,\"errors\":1"},
};

static void
command_line_is_explained_and_exits_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(OFFLINE); i++) {
        cli_expect(NULL, OFFLINE[i].line, OFFLINE[i].code, OFFLINE[i].printed);
    }
}

static void
every_command_has_its_line_of_help(void **state)
{
    (void)state;
    AUTO_OUTCOME help = cli_run(NULL, "help");
    size_t count;
    const struct command *commands = commands_all(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(commands[i].summary) > 0);
        assert_non_null(strstr(help.out, commands[i].summary));
        assert_true(commands[i].operands_max <= ARGS_OPERANDS_MAX);
        assert_true(commands[i].option_count <= ARGS_OPTIONS_MAX);
    }
}

static void
output_that_cannot_be_written_is_no_success(void **state)
{
    (void)state;
    char program[] = "mailspur";
    char word[] = "help";
    char *argv[] = {program, word, NULL};
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(cli_main(2, argv, full, stderr), CLI_FAILED);
    (void)fclose(full); // fails again, as it must
}

// ---- domains

static const struct cli_step DOMAIN_STEPS[] = {
    {"domain list", CLI_OK, "no domains"},
    {"domain add ours.example --tenant acme", CLI_OK, "mailspur domain verify ours.example"},
    {"domain add ours.example --tenant acme", CLI_REFUSED, "mailspur: "},
    {"domain add OURS.example.", CLI_OK, "nobody has proven to own it yet"},
    {"domain approve ours.example", CLI_REFUSED, "needs no approval"},
    {"domain approve ours.example --tenant nobody", CLI_NOT_FOUND, "tenant nobody has no domain"},
    {"domain add low.ours.example --tenant other", CLI_OK, "(tenant other): pending"},
    {"domain approve low.ours.example --tenant other", CLI_REFUSED, "needs no approval"},
    {"domain inbound on ours.example@default", CLI_REFUSED, "mailspur: "},
    {"domain history ours.example@default", CLI_OK, "domain.claimed"},
    {"domain remove ours.example@default --yes", CLI_OK, "is removed"},
    {"domain remove low.ours.example --yes", CLI_OK, "is removed"},
    {"domain add http://ours.example/", CLI_USAGE, "mailspur: "},
    {"domain records ours.example", CLI_OK, "_mailspur.ours.example"},
    {"domain records none.example", CLI_NOT_FOUND, "no domain none.example"},
    {"domain verify ours.example", CLI_FAILED, "problem"},
    {"domain inbound on ours.example", CLI_REFUSED, "mailspur: "},
    {"domain inbound off ours.example", CLI_OK, "inbound off"},
    {"domain inbound ours.example off", CLI_OK, "inbound off"},
    {"domain show ours.example", CLI_OK, "tenant acme"},
    {"domain list --tenant acme", CLI_OK, "ours.example"},
    {"domain list --tenant nobody", CLI_OK, "no domains"},
    {"domain history ours.example", CLI_OK, "domain.added"},
    {"domain list --json", CLI_OK, "{\"domains\":[{\"id\":"},
    {"domain show none.example --json", CLI_NOT_FOUND, "{\"error\":{\"code\":\"not_found\""},
    {"domain remove ours.example --yes", CLI_OK, "is removed"},
    {"domain list", CLI_OK, "no domains"},
    {"domain list --all", CLI_OK, "removed"},
};

static void
domain_commands_say_what_they_did(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(DOMAIN_STEPS); i++) {
        cli_expect(*state, DOMAIN_STEPS[i].line, DOMAIN_STEPS[i].code, DOMAIN_STEPS[i].printed);
    }
}

static void
verified_domain_shows_ticks_and_the_next_step(void **state)
{
    house_verify(*state, "ours.example");
    cli_expect(*state, "domain verify ours.example", CLI_OK, "\xe2\x9c\x93 ownership");
    cli_expect(*state, "domain verify ours.example", CLI_OK, "Next: mailspur domain inbound on");
    cli_expect(*state, "domain inbound on ours.example", CLI_OK, "verified, inbound on");
    cli_expect(*state, "domain verify ours.example", CLI_OK, "takes mail");
}

static void
removal_without_yes_and_without_a_terminal_is_refused(void **state)
{
    house_verify(*state, "ours.example");
    int before = dup(STDIN_FILENO);
    assert_non_null(freopen("/dev/null", "r", stdin));
    cli_expect(*state, "domain remove ours.example", CLI_USAGE, "--yes");
    assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(before), 0);
    cli_expect(*state, "domain show ours.example", CLI_OK, "verified");
}

// ---- mail

static void
mail_commands_show_and_act(void **state)
{
    struct house *house = *state;
    struct id delivery;
    struct id message = house_store(house, "\x1b[2Jred", DELIVERY_HELD, 100, &delivery);
    char line[LINE_SIZE];
    cli_expect(house, "message list", CLI_OK, "sender@elsewhere.example");
    cli_expect(house, "message list", CLI_OK, "a@ours.example +1");
    cli_expect(house, "message list --limit 0", CLI_USAGE, "'limit'");
    cli_expect(house, "hold list", CLI_OK, "dmarc quarantine");
    cli_expect(house, "delivery list --state held", CLI_OK, delivery.text);
    cli_expect(house, "delivery list --state dead", CLI_OK, "no deliveries");
    cli_expect(house, "status", CLI_OK, "1 held");
    (void)snprintf(line, sizeof(line), "message show %s", message.text);
    cli_expect(house, line, CLI_OK, "dmarc        fail");
    AUTO_OUTCOME shown = cli_run(house, line);
    assert_null(strchr(shown.out, '\x1b'));
    (void)snprintf(line, sizeof(line), "message show %s --raw", message.text);
    AUTO_OUTCOME raw = cli_run(house, line);
    assert_int_equal(raw.code, CLI_OK);
    assert_int_equal(strlen(raw.out), 100);
    (void)snprintf(line, sizeof(line), "hold discard %s --reason spam", delivery.text);
    cli_expect(house, line, CLI_OK, "1 delivery discarded");
    cli_expect(house, line, CLI_FAILED, "0 deliveries discarded");
    (void)snprintf(line, sizeof(line), "delivery show %s", delivery.text);
    cli_expect(house, line, CLI_OK, "who = a");
    (void)snprintf(line, sizeof(line), "delivery retry %s", delivery.text);
    cli_expect(house, line, CLI_OK, "1 delivery queued again");
    cli_expect(house, "delivery retry 018f3c1e-0000-7000-8000-000000000000", CLI_NOT_FOUND,
               "mailspur");
    cli_expect(house, "delivery retry --state held", CLI_REFUSED, "mailspur");
    cli_expect(house, "message show x --raw", CLI_NOT_FOUND, "mailspur");
    cli_expect(house, "message show x --raw --json", CLI_NOT_FOUND, "\"code\":\"not_found\"");
}

// Left out of the request, such a word would make it mean all of the domain's held mail.
static void
word_that_is_no_utf8_never_selects_more(void **state)
{
    struct house *house = *state;
    struct id delivery;
    (void)house_store(house, "kept", DELIVERY_HELD, 10, &delivery);
    cli_expect(house, "hold discard \xff --domain ours.example", CLI_USAGE, "'delivery' must be");
    cli_expect(house, "hold discard --message \xff --domain ours.example", CLI_USAGE,
               "'message' must be");
    cli_expect(house, "hold list", CLI_OK, delivery.text);
}

static void
long_list_tells_how_to_go_on(void **state)
{
    struct house *house = *state;
    struct id delivery;
    for (size_t i = 0; i < 3; i++) {
        (void)house_store(house, "page", DELIVERY_HELD, 10, &delivery);
    }
    AUTO_OUTCOME page = cli_run(house, "message list --limit 2");
    const char *hint = strstr(page.err, "--before ");
    assert_non_null(hint);
    char line[LINE_SIZE];
    (void)snprintf(line, sizeof(line), "message list --limit 2 %.45s", hint);
    AUTO_OUTCOME rest = cli_run(house, line);
    assert_int_equal(rest.code, CLI_OK);
    assert_string_equal(rest.err, "");
    assert_non_null(strstr(rest.out, "page"));
}

static void
good_configuration_is_called_good(void **state)
{
    cli_expect(*state, "config check", CLI_OK, ": good;");
    cli_expect(*state, "config check --json", CLI_OK, "{\"ok\":true");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_line_is_explained_and_exits_as_documented),
        cmocka_unit_test(every_command_has_its_line_of_help),
        cmocka_unit_test(output_that_cannot_be_written_is_no_success),
        WITH_HOUSE(domain_commands_say_what_they_did),
        WITH_HOUSE(verified_domain_shows_ticks_and_the_next_step),
        WITH_HOUSE(removal_without_yes_and_without_a_terminal_is_refused),
        WITH_HOUSE(mail_commands_show_and_act),
        WITH_HOUSE(word_that_is_no_utf8_never_selects_more),
        WITH_HOUSE(long_list_tells_how_to_go_on),
        WITH_HOUSE(good_configuration_is_called_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
