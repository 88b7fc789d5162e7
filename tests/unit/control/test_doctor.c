// SPDX-License-Identifier: Apache-2.0
// The pure part of `mailspur doctor`: settings in, findings out. The end-to-end test has the table
// of wrong settings; here are the edges that a real Postfix would not print.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/timex.h>

#include "common/xalloc.h"
#include "control/cli/doctor/host.h"
#include "control/cli/doctor/postfix.h"

#define QUEUE "/var/spool/postfix"
#define RELAY(path)                                                                                \
    "smtpd_relay_restrictions = permit_mynetworks, permit_auth_destination, "                      \
    "check_recipient_access socketmap:unix:" path ":access, reject\n"

static char socketmap_path[] = QUEUE "/mailspur/socketmap.sock";
static char milter_socket[] = "unix:" QUEUE "/mailspur/milter.sock";
static char inet_socket[] = "inet:8899@localhost";

static struct config the_config = {
    .socketmap.path = socketmap_path,
    .milter.socket = milter_socket,
    .limits = {.message_bytes = 1000, .min_free_disk = 100, .store_bytes = 1000},
    .dns.time_per_message_ms = 20000,
};

static void
doctor_cleanup(struct doctor *doctor)
{
    doctor_done(doctor);
}
#define AUTO_DOCTOR AUTO(doctor_cleanup) struct doctor

static struct postfix_settings *
settings_of(const char *text, const char *services)
{
    struct postfix_settings *settings = postfix_settings_new();
    postfix_settings_read(settings, "queue_directory = " QUEUE "\n");
    postfix_settings_read(settings, text);
    postfix_settings_read_services(settings, services);
    return settings;
}

// The worst level of a check, and the words its findings must have.
static enum doctor_level
level_of(const struct doctor *doctor, const char *check)
{
    enum doctor_level worst = DOCTOR_OK;
    bool found = false;
    for (size_t i = 0; i < doctor->count; i++) {
        if (strcmp(doctor->items[i].check, check) == 0) {
            found = true;
            worst = doctor->items[i].level > worst ? doctor->items[i].level : worst;
        }
    }
    if (!found) {
        fail_msg("no check %s", check);
    }
    return worst;
}

static const char *
line_of(const struct doctor *doctor, const char *check)
{
    for (size_t i = 0; i < doctor->count; i++) {
        if (strcmp(doctor->items[i].check, check) == 0 && doctor->items[i].line != NULL) {
            return doctor->items[i].line;
        }
    }
    return "";
}

// ---- what postconf prints

static void
lists_are_split_as_postfix_splits_them(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t count;
        const char *last;
    } CASES[] = {
        {"", 0, NULL},
        {" , \t", 0, NULL},
        {"a", 1, "a"},
        {"a,b  c\t,d", 4, "d"},
        {"a {b c, d}", 2, "b c, d"},
        {"{a {b c} d}", 1, "a {b c} d"},
        {"inline:{x=1, y=2}, z", 2, "z"},
        {"z, inline:{x=1, y=2}", 2, "inline:{x=1, y=2}"},
        {"{unclosed a", 1, "{unclosed a"},
        {"a} b", 2, "b"},
        {"{}", 1, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_POSTFIX_WORDS words = postfix_words_split(CASES[i].value);
        if (words.count != CASES[i].count ||
            (words.count > 0 && strcmp(words.items[words.count - 1], CASES[i].last) != 0)) {
            fail_msg("'%s': %zu items", CASES[i].value, words.count);
        }
    }
    assert_true(postfix_list_has("a, bc d", "bc"));
    assert_false(postfix_list_has("a, bc d", "b"));
}

static void
settings_are_what_stands_behind_the_sign(void **state)
{
    (void)state;
    AUTO_POSTFIX_SETTINGS *settings =
        settings_of("a = 1\nempty =\nwith = x = y\nno sign\n\nsmtp/inet/a = 2\n", "");
    assert_string_equal(postfix_setting(settings, "a"), "1");
    assert_string_equal(postfix_setting(settings, "empty"), "");
    assert_string_equal(postfix_setting(settings, "with"), "x = y");
    assert_null(postfix_setting(settings, "no sign"));
    assert_string_equal(postfix_setting_text(settings, "absent"), "");
}

struct chroot_case {
    const char *label, *level, *service;
    bool counts, chroot;
};
static const struct chroot_case CHROOTS[] = {
    {"y", "3.6", "smtp inet n - y - - smtpd", true, true},
    {"n", "0", "smtp inet n - n - - smtpd -o a=b", true, false},
    {"default of today", "3.6", "smtp inet n - - - - smtpd", true, false},
    {"default of old", "0", "smtp inet n - - - - smtpd", true, true},
    {"behind postscreen", "3.6", "smtpd pass - - y - - smtpd", true, true},
    {"of a filter behind the queue", "3.6", "x unix - - y - - smtpd", false, false},
    {"another program", "3.6", "smtp unix - - y - - smtp", false, false},
    {"cut line", "3.6", "smtp inet n - y", false, false},
};

static void
services_are_those_that_take_mail_by_smtp(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CHROOTS); i++) {
        char level[64];
        (void)snprintf(level, sizeof(level), "compatibility_level = %s\n", CHROOTS[i].level);
        AUTO_POSTFIX_SETTINGS *settings = settings_of(level, CHROOTS[i].service);
        size_t count = 0;
        (void)postfix_services(settings, &count);
        if (count != (CHROOTS[i].counts ? 1U : 0U) ||
            postfix_is_chrooted(settings) != CHROOTS[i].chroot) {
            fail_msg("%s", CHROOTS[i].label);
        }
    }
}

static void
a_service_has_its_own_setting_or_the_common_one(void **state)
{
    (void)state;
    AUTO_POSTFIX_SETTINGS *settings = settings_of(
        "a = 1\nsmtp/inet/a =\n", "smtp inet n - n - - smtpd\n587 inet n - n - - smtpd\n");
    size_t count = 0;
    const struct postfix_service *services = postfix_services(settings, &count);
    assert_int_equal(count, 2);
    assert_string_equal(postfix_service_setting(settings, &services[0], "a"), "");
    assert_string_equal(postfix_service_setting(settings, &services[1], "a"), "1");
    assert_string_equal(postfix_service_setting(settings, &services[1], "b"), "");
}

// ---- paths: relative, absolute, and both in a chroot

struct path_case {
    const char *label, *path, *service;
    enum doctor_level level;
};
#define PLAIN "smtp inet n - n - - smtpd"
#define CHROOT "smtp inet n - y - - smtpd"
static const struct path_case PATHS[] = {
    {"relative", RELAY("mailspur/socketmap.sock"), PLAIN, DOCTOR_OK},
    {"relative in a chroot", RELAY("mailspur/socketmap.sock"), CHROOT, DOCTOR_OK},
    {"absolute", RELAY(QUEUE "/mailspur/socketmap.sock"), PLAIN, DOCTOR_OK},
    {"absolute from the chroot", RELAY("/mailspur/socketmap.sock"), CHROOT, DOCTOR_OK},
    {"absolute, but in a chroot", RELAY(QUEUE "/mailspur/socketmap.sock"), CHROOT, DOCTOR_WRONG},
    {"of a chroot, without one", RELAY("/mailspur/socketmap.sock"), PLAIN, DOCTOR_WRONG},
    {"other file", RELAY("mailspur/other.sock"), PLAIN, DOCTOR_WRONG},
};

static void
a_socket_is_found_where_smtpd_looks_for_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        AUTO_POSTFIX_SETTINGS *settings = settings_of(PATHS[i].path, PATHS[i].service);
        const struct postfix_view view = {.config = &the_config, .settings = settings};
        AUTO_DOCTOR doctor = {.items = NULL};
        postfix_judge_restrictions(&view, &doctor);
        if (level_of(&doctor, "relay-restrictions") != PATHS[i].level) {
            fail_msg("%s: %s", PATHS[i].label, doctor.items[0].text);
        }
        if (PATHS[i].level == DOCTOR_WRONG) { // the line to paste is right in both
            assert_non_null(strstr(line_of(&doctor, "relay-restrictions"),
                                   "socketmap:unix:mailspur/socketmap.sock:access"));
        }
    }
}

static void
a_chroot_does_not_reach_what_lies_beside_it(void **state)
{
    (void)state;
    AUTO_POSTFIX_SETTINGS *plain = settings_of("", PLAIN);
    AUTO_POSTFIX_SETTINGS *chroot = settings_of("", CHROOT);
    assert_true(postfix_can_enter(plain, "/run/mailspur/x.sock"));
    assert_false(postfix_can_enter(chroot, "/run/mailspur/x.sock"));
    assert_false(postfix_can_enter(chroot, QUEUE "x/x.sock"));
    assert_true(postfix_can_enter(chroot, QUEUE "/x.sock"));
    assert_string_equal(postfix_own_path(chroot, QUEUE "/a/x.sock"), "a/x.sock");
    assert_string_equal(postfix_own_path(chroot, "/run/x.sock"), "/run/x.sock");
    assert_null(postfix_unix_path("inet:1@localhost"));
    assert_string_equal(postfix_unix_path("local:/x"), "/x");
}

// ---- restrictions that only old or odd installations have

static void
without_relay_restrictions_the_recipient_ones_count(void **state)
{
    (void)state;
    AUTO_POSTFIX_SETTINGS *settings = settings_of(
        "smtpd_relay_restrictions =\n"
        "smtpd_recipient_restrictions = permit_mynetworks, permit_auth_destination, "
        "check_recipient_access socketmap:unix:mailspur/socketmap.sock:access, reject\n",
        PLAIN);
    const struct postfix_view view = {.config = &the_config, .settings = settings};
    AUTO_DOCTOR doctor = {.items = NULL};
    postfix_judge_restrictions(&view, &doctor);
    assert_int_equal(doctor.count, 1);
    assert_int_equal(level_of(&doctor, "relay-restrictions"), DOCTOR_OK);
}

static void
the_socketmap_of_another_program_is_not_taken_for_ours(void **state)
{
    (void)state;
    AUTO_POSTFIX_SETTINGS *settings = settings_of(
        "smtpd_relay_restrictions = permit_auth_destination, "
        "check_recipient_access socketmap:unix:other.sock:names, "
        "check_recipient_access socketmap:unix:mailspur/socketmap.sock:access, reject\n",
        PLAIN);
    const struct postfix_view view = {.config = &the_config, .settings = settings};
    AUTO_DOCTOR doctor = {.items = NULL};
    postfix_judge_restrictions(&view, &doctor);
    assert_int_equal(level_of(&doctor, "relay-restrictions"), DOCTOR_OK);
}

static void
a_recipient_list_that_asks_us_first_may_refuse_afterwards(void **state)
{
    (void)state;
    AUTO_POSTFIX_SETTINGS *settings = settings_of(
        RELAY("mailspur/socketmap.sock") "smtpd_recipient_restrictions = check_recipient_access "
                                         "socketmap:unix:mailspur/socketmap.sock:access, "
                                         "reject_unauth_destination\n",
        PLAIN);
    const struct postfix_view view = {.config = &the_config, .settings = settings};
    AUTO_DOCTOR doctor = {.items = NULL};
    postfix_judge_restrictions(&view, &doctor);
    assert_int_equal(level_of(&doctor, "recipient-restrictions"), DOCTOR_OK);
}

// ---- milters

struct milter_case {
    const char *label;
    char *ours;
    const char *theirs;
    enum doctor_level level;
    const char *line;
};
static const struct milter_case MILTERS[] = {
    {"unix", milter_socket, "unix:mailspur/milter.sock", DOCTOR_OK, ""},
    {"local is unix", milter_socket, "local:mailspur/milter.sock", DOCTOR_OK, ""},
    {"inet", inet_socket, "inet:127.0.0.1:8899", DOCTOR_OK, ""},
    {"inet of another port", inet_socket, "inet:127.0.0.1:88990", DOCTOR_WRONG,
     "smtpd_milters = inet:127.0.0.1:88990, inet:localhost:8899"},
    {"inet, and they say unix", inet_socket, "unix:8899", DOCTOR_WRONG,
     "smtpd_milters = unix:8899, inet:localhost:8899"},
    {"braces are kept", milter_socket,
     "unix:mailspur/milter.sock {inet:h:1, default_action=accept}", DOCTOR_WRONG,
     "smtpd_milters = {inet:h:1, default_action=accept}, unix:mailspur/milter.sock"},
};

static void
our_milter_is_known_in_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(MILTERS); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "smtpd_milters = %s\n", MILTERS[i].theirs);
        AUTO_POSTFIX_SETTINGS *settings = settings_of(text, PLAIN);
        struct config config = the_config;
        config.milter.socket = MILTERS[i].ours;
        const struct postfix_view view = {.config = &config, .settings = settings};
        AUTO_DOCTOR doctor = {.items = NULL};
        postfix_judge_milters(&view, &doctor);
        if (level_of(&doctor, "milters") != MILTERS[i].level ||
            strcmp(line_of(&doctor, "milters"), MILTERS[i].line) != 0) {
            fail_msg("%s: %s", MILTERS[i].label, line_of(&doctor, "milters"));
        }
    }
}

static void
times_of_postfix_are_read_in_its_units(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool enough; /* at least 20 s and 60 s */
    } CASES[] = {{"80", true}, {"79s", false},  {"80s", true},  {"1m", false},
                 {"2m", true}, {"1h", true},    {"1d", true},   {"1w", true},
                 {"", false},  {"many", false}, {"80x", false}, {"0", false}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text),
                       "milter_content_timeout = %s\nmilter_command_timeout = 30s\n",
                       CASES[i].value);
        AUTO_POSTFIX_SETTINGS *settings = settings_of(text, PLAIN);
        const struct postfix_view view = {.config = &the_config, .settings = settings};
        AUTO_DOCTOR doctor = {.items = NULL};
        postfix_judge_milters(&view, &doctor);
        if ((level_of(&doctor, "milter-timeouts") == DOCTOR_OK) != CASES[i].enough) {
            fail_msg("%s", CASES[i].value);
        }
    }
}

static void
size_is_compared_at_the_limit(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum doctor_level level;
    } CASES[] = {{"999", DOCTOR_WRONG}, {"1000", DOCTOR_OK}, {"1001", DOCTOR_OK},
                 {"0", DOCTOR_OK},      {"", DOCTOR_WRONG},  {"1k", DOCTOR_WRONG}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "message_size_limit = %s\n", CASES[i].value);
        AUTO_POSTFIX_SETTINGS *settings = settings_of(text, PLAIN);
        const struct postfix_view view = {.config = &the_config, .settings = settings};
        AUTO_DOCTOR doctor = {.items = NULL};
        postfix_judge_mail(&view, &doctor);
        if (level_of(&doctor, "message-size") != CASES[i].level) {
            fail_msg("'%s'", CASES[i].value);
        }
    }
}

// ---- classes

static enum status
ask_fake(void *context, const char *table, const struct doctor_names *keys, bool *found_out,
         struct why *why)
{
    (void)table;
    const char *wanted = context;
    if (wanted == NULL) {
        return why_set(why, ST_AGAIN, "it did not end in time");
    }
    for (size_t i = 0; i < keys->count; i++) {
        found_out[i] = strcmp(keys->items[i], wanted) == 0;
    }
    return ST_OK;
}

struct class_case {
    const char *label, *settings, *key;
    enum doctor_level level;
};
static const struct class_case CLASS_CASES[] = {
    {"nowhere", "mydestination = localhost\n", "", DOCTOR_OK},
    {"by name, in any case", "mydestination = A.Client.Example\n", "", DOCTOR_WRONG},
    {"a parent is no match without subdomains", "relay_domains = client.example\n", "", DOCTOR_OK},
    {"with a dot it is", "relay_domains = .client.example\n", "", DOCTOR_WRONG},
    {"a parent where it counts",
     "relay_domains = client.example\nparent_domain_matches_subdomains = relay_domains\n", "",
     DOCTOR_WRONG},
    {"a name that only ends so",
     "relay_domains = lient.example\nparent_domain_matches_subdomains = relay_domains\n", "",
     DOCTOR_OK},
    {"excluded first", "relay_domains = !a.client.example, .client.example\n", "", DOCTOR_OK},
    {"excluded too late", "relay_domains = .client.example, !a.client.example\n", "", DOCTOR_WRONG},
    {"table", "virtual_alias_domains = hash:/x\n", "a.client.example", DOCTOR_WRONG},
    {"table with another", "virtual_alias_domains = hash:/x\n", "b.example", DOCTOR_OK},
    {"table with a parent", "relay_domains = hash:/x\n", ".client.example", DOCTOR_WRONG},
    {"table with a parent, no subdomains there", "mydestination = hash:/x\n", ".client.example",
     DOCTOR_OK},
    {"excluded by a table", "relay_domains = !hash:/x .client.example\n", "a.client.example",
     DOCTOR_OK},
    {"table that does not answer", "mydestination = hash:/x\n", NULL, DOCTOR_WARNING},
    {"file that is not there", "mydestination = /nowhere/list\n", "", DOCTOR_WARNING},
    {"transport", "transport_maps = hash:/x\n", "a.client.example", DOCTOR_WARNING},
};

static void
our_domains_are_found_in_classes(void **state)
{
    (void)state;
    char ours[] = "a.client.example";
    char *names[] = {ours};
    const struct doctor_names domains = {.items = names, .count = 1};
    for (size_t i = 0; i < ARRAY_LEN(CLASS_CASES); i++) {
        AUTO_POSTFIX_SETTINGS *settings = settings_of(CLASS_CASES[i].settings, PLAIN);
        const struct postfix_view view = {.config = &the_config, .settings = settings};
        AUTO_DOCTOR doctor = {.items = NULL};
        AUTO_FREE char *key = xstrdup(CLASS_CASES[i].key);
        postfix_judge_classes(&view, &domains, ask_fake, key, &doctor);
        if (level_of(&doctor, "domain-classes") != CLASS_CASES[i].level) {
            fail_msg("%s", CLASS_CASES[i].label);
        }
    }
}

static void
many_domains_are_told_in_one_short_finding(void **state)
{
    (void)state;
    enum { MANY = 7 };
    char texts[MANY][16];
    char *names[MANY];
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "d%zu.example", i);
        names[i] = texts[i];
    }
    const struct doctor_names domains = {.items = names, .count = MANY};
    AUTO_POSTFIX_SETTINGS *settings = settings_of("relay_domains = .example\n", PLAIN);
    const struct postfix_view view = {.config = &the_config, .settings = settings};
    AUTO_DOCTOR doctor = {.items = NULL};
    postfix_judge_classes(&view, &domains, ask_fake, NULL, &doctor);
    assert_string_equal(line_of(&doctor, "domain-classes"),
                        "relay_domains = ... without d0.example, d1.example, d2.example, "
                        "d3.example, d4.example");
    assert_int_equal(doctor_count(&doctor, DOCTOR_WRONG), 1);
}

// ---- clock and disk

static void
clock_and_disk_are_judged(void **state)
{
    (void)state;
    static const struct {
        uint64_t free_bytes;
        enum doctor_level level;
    } ROOMS[] = {{0, DOCTOR_WRONG},      {99, DOCTOR_WRONG}, {100, DOCTOR_WARNING},
                 {1099, DOCTOR_WARNING}, {1100, DOCTOR_OK},  {UINT64_MAX, DOCTOR_OK}};
    for (size_t i = 0; i < ARRAY_LEN(ROOMS); i++) {
        AUTO_DOCTOR doctor = {.items = NULL};
        doctor_judge_room(ROOMS[i].free_bytes, &the_config.limits, &doctor);
        assert_int_equal(level_of(&doctor, "disk-room"), ROOMS[i].level);
    }
    static const struct {
        unsigned long type;
        enum doctor_level level;
    } SYSTEMS[] = {{0xef53 /* ext4 */, DOCTOR_OK},
                   {0x01021994 /* tmpfs */, DOCTOR_WRONG},
                   {0x6969 /* NFS */, DOCTOR_WRONG},
                   {0x794c7630 /* overlayfs */, DOCTOR_WARNING}};
    for (size_t i = 0; i < ARRAY_LEN(SYSTEMS); i++) {
        AUTO_DOCTOR doctor = {.items = NULL};
        doctor_judge_file_system(SYSTEMS[i].type, "/x", &doctor);
        assert_int_equal(level_of(&doctor, "store-disk"), SYSTEMS[i].level);
    }
    AUTO_DOCTOR doctor = {.items = NULL};
    doctor_judge_clock(STA_PLL, &doctor);
    assert_int_equal(level_of(&doctor, "clock"), DOCTOR_OK);
    doctor_judge_clock(STA_UNSYNC, &doctor);
    assert_int_equal(level_of(&doctor, "clock"), DOCTOR_WARNING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_split_as_postfix_splits_them),
        cmocka_unit_test(settings_are_what_stands_behind_the_sign),
        cmocka_unit_test(services_are_those_that_take_mail_by_smtp),
        cmocka_unit_test(a_service_has_its_own_setting_or_the_common_one),
        cmocka_unit_test(a_socket_is_found_where_smtpd_looks_for_it),
        cmocka_unit_test(a_chroot_does_not_reach_what_lies_beside_it),
        cmocka_unit_test(without_relay_restrictions_the_recipient_ones_count),
        cmocka_unit_test(the_socketmap_of_another_program_is_not_taken_for_ours),
        cmocka_unit_test(a_recipient_list_that_asks_us_first_may_refuse_afterwards),
        cmocka_unit_test(our_milter_is_known_in_every_form),
        cmocka_unit_test(times_of_postfix_are_read_in_its_units),
        cmocka_unit_test(size_is_compared_at_the_limit),
        cmocka_unit_test(our_domains_are_found_in_classes),
        cmocka_unit_test(many_domains_are_told_in_one_short_finding),
        cmocka_unit_test(clock_and_disk_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
