// SPDX-License-Identifier: Apache-2.0
// The rules of a transaction up to DATA, against a daemon that speaks the real frames.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "milter/session.h"
#include "stub_daemon.h"

static char folder[] = "/tmp/mailspur-session-XXXXXX";
static char socket_path[64];
static struct host host;

struct fixture {
    struct stub_daemon *daemon;
    struct session *session;
};

static int
start(void **state)
{
    static struct fixture fixture;
    fixture.daemon = stub_daemon_start(socket_path);
    fixture.session = session_new(&host, "client.example", "192.0.2.1", "mx.example");
    *state = &fixture;
    return 0;
}

static int
stop(void **state)
{
    struct fixture *fixture = *state;
    session_free(fixture->session);
    stub_daemon_stop(fixture->daemon);
    return 0;
}

static int
make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(socket_path, sizeof(socket_path), "%s/intake.sock", folder);
    host = (struct host){.intake = intake_pool_new(socket_path),
                         .spool = folder,
                         .sessions = limiter_new(UINT64_MAX),
                         .outage = outage_new()};
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    bool all_freed = limiter_close(host.sessions, 0);
    limiter_free(host.sessions);
    intake_pool_free(host.intake);
    outage_free(host.outage);
    return all_freed ? rmdir(folder) : -1;
}

static void
mail(struct session *session, const char *sender, const char *parameter)
{
    char first[256];
    char second[256];
    (void)snprintf(first, sizeof(first), "%s", sender);
    (void)snprintf(second, sizeof(second), "%s", parameter == NULL ? "" : parameter);
    char *arguments[] = {first, parameter == NULL ? NULL : second, NULL};
    session_mail(session, arguments, false);
}

// "continue", "accept", or "code enhanced".
static const char *
describe(const struct answer *answer)
{
    static char text[64];
    if (answer->kind != ANSWER_REPLY) {
        return answer->kind == ANSWER_CONTINUE ? "continue" : "accept";
    }
    (void)snprintf(text, sizeof(text), "%u %s", answer->code, answer->enhanced);
    return text;
}

static const char *
rcpt(struct session *session, const char *recipient)
{
    struct answer answer;
    session_rcpt(session, recipient, "virtual", &answer);
    return describe(&answer);
}

static const char *
data(struct session *session)
{
    struct answer answer;
    session_data(session, "QID", &answer);
    return describe(&answer);
}

static void
each_decision_of_the_daemon_has_its_answer(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *recipient;
        const char *wanted;
    } CASES[] = {
        {"<a@ours.example>", "continue"},    {"<other@local.example>", "continue"},
        {"<no@ours.example>", "550 5.1.1"},  {"<later@ours.example>", "451 4.2.1"},
        {"<odd@ours.example>", "451 4.3.0"}, {"<bad\x01@ours.example>", "553 5.1.3"},
    };
    mail(fixture->session, "<s@sender.example>", NULL);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        assert_string_equal(rcpt(fixture->session, CASES[i].recipient), CASES[i].wanted);
    }
    assert_int_equal(fixture->session->transaction.ours, 1);
    assert_int_equal(fixture->session->transaction.others, 1);
    assert_int_equal(stub_daemon_counts(fixture->daemon).connections, 1);
}

static void
first_recipient_fixes_tenant_policy_and_trust(void **state)
{
    struct fixture *fixture = *state;
    static const char *const OTHERS[] = {"<two@ours.example>", "<strict@ours.example>",
                                         "<trusted@ours.example>"};
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        assert_string_equal(rcpt(fixture->session, OTHERS[i]), "452 4.5.3");
    }
    assert_string_equal(rcpt(fixture->session, "<b@ours.example>"), "continue");
    assert_int_equal(fixture->session->transaction.ours, 2);
    // The next transaction is free to choose.
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<two@ours.example>"), "continue");
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "452 4.5.3");
}

static void
smallest_size_limit_of_the_recipients_counts(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    assert_string_equal(rcpt(fixture->session, "<small@ours.example>"), "continue");
    assert_string_equal(rcpt(fixture->session, "<b@ours.example>"), "continue");
    assert_int_equal(fixture->session->transaction.max_message, 1000);
}

static void
recipient_past_the_cap_is_put_off(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    char recipient[64];
    for (int i = 0; i < INTAKE_RECIPIENTS_MAX; i++) {
        (void)snprintf(recipient, sizeof(recipient), "<r%d@ours.example>", i);
        assert_string_equal(rcpt(fixture->session, recipient), "continue");
    }
    assert_string_equal(rcpt(fixture->session, "<more@ours.example>"), "452 4.5.3");
    assert_string_equal(rcpt(fixture->session, "<other@ours.example>"), "continue");
}

static void
recipients_of_too_much_text_are_put_off_and_the_earlier_ones_stay(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    char recipient[1800];
    memset(recipient, 'r', sizeof(recipient) - 1);
    recipient[sizeof(recipient) - 1] = '\0';
    size_t taken = INTAKE_RECIPIENTS_TEXT_MAX / sizeof(recipient);
    for (size_t i = 0; i < taken; i++) {
        assert_string_equal(rcpt(fixture->session, recipient), "continue");
    }
    assert_string_equal(rcpt(fixture->session, recipient), "452 4.5.3");
    assert_int_equal(fixture->session->transaction.ours, taken);
    assert_false(fixture->session->transaction.recipients.overflow);
}

static void
address_too_long_to_ask_about_is_refused_and_the_connection_stays(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    char recipient[3000];
    memset(recipient, 'r', sizeof(recipient) - 1);
    recipient[sizeof(recipient) - 1] = '\0';
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    assert_string_equal(rcpt(fixture->session, recipient), "553 5.1.3");
    assert_string_equal(rcpt(fixture->session, "<b@ours.example>"), "continue");
    assert_int_equal(stub_daemon_counts(fixture->daemon).connections, 1);
}

static void
size_parameter_is_read_strictly(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *parameter;
        uint64_t wanted;
    } CASES[] = {
        {"SIZE=1234", 1234},
        {"size=5", 5},
        {"SIZE=", 0},
        {"SIZE=-1", 0},
        {"SIZE=1x", 0},
        {"BODY=8BITMIME", 0},
        {"SIZE=99999999999999999999", 0},
        {NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        mail(fixture->session, "<s@sender.example>", CASES[i].parameter);
        assert_int_equal(fixture->session->transaction.declared_size, CASES[i].wanted);
    }
}

static void
sender_loses_its_angle_brackets(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sender;
        const char *wanted;
    } CASES[] = {{"<s@x.example>", "s@x.example"},
                 {"s@x.example", "s@x.example"},
                 {"<>", ""},
                 {"", ""},
                 {"<", "<"}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        mail(fixture->session, CASES[i].sender, NULL);
        assert_string_equal(fixture->session->transaction.sender, CASES[i].wanted);
    }
}

static void
data_bows_out_when_no_recipient_is_ours(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<other@local.example>"), "continue");
    assert_string_equal(data(fixture->session), "accept");
    assert_null(fixture->session->transaction.buffer);
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    assert_string_equal(data(fixture->session), "continue");
    assert_non_null(fixture->session->transaction.buffer);
}

// What DATA makes of mail of the MTA's own, under `authenticate: all`, by who sends it.
static void
data_takes_own_mail_that_is_judged_or_cleaned(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *label;
        bool trusted;
        bool authenticated;
        const char *data;
        bool buffered;
        bool cleaned;
    } CASES[] = {{"a stranger", false, false, "continue", true, true},
                 {"a login", false, true, "continue", false, true},
                 {"a trusted client", true, false, "accept", false, false}};
    char sender[] = "<s@sender.example>";
    char *arguments[] = {sender, NULL};
    struct session *session = fixture->session;
    host.own = (struct own_mail){.judged = true, .authserv_id = "mx.example"};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        session->trusted = CASES[i].trusted;
        session_mail(session, arguments, CASES[i].authenticated);
        assert_string_equal(rcpt(session, "<other@local.example>"), "continue");
        if (strcmp(data(session), CASES[i].data) != 0 ||
            (session->transaction.buffer != NULL) != CASES[i].buffered ||
            session->transaction.cleaned != CASES[i].cleaned) {
            fail_msg("%s", CASES[i].label);
        }
        session_field(session, "Authentication-Results", " mx.example; spf=pass");
        assert_int_equal(session->transaction.forged.count, CASES[i].cleaned ? 1 : 0);
    }
    session_reset(session);
    assert_int_equal(session->transaction.forged.count, 0);
    host.own = (struct own_mail){.judged = false};
}

static void
enforced_own_mail_and_a_milder_policy_need_transactions_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct session *session = fixture->session;
    host.own = (struct own_mail){.judged = true,
                                 .policy = {DMARC_MODE_ENFORCE, TEMPERROR_DEFER, 1000},
                                 .authserv_id = "mx.example"};
    mail(session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(session, "<a@ours.example>"), "continue"); // on_temperror: tag
    assert_string_equal(rcpt(session, "<other@local.example>"), "452 4.5.3");
    assert_int_equal(session->transaction.others, 0);
    mail(session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(session, "<other@local.example>"), "continue");
    assert_string_equal(rcpt(session, "<a@ours.example>"), "452 4.5.3");
    assert_string_equal(rcpt(session, "<defer@ours.example>"), "continue");
    assert_string_equal(rcpt(session, "<other2@local.example>"), "continue");
    host.own = (struct own_mail){.judged = false};
}

static void
our_recipients_are_listed_as_sent_and_bare(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    (void)rcpt(fixture->session, "<A.b@Ours.example>");
    (void)rcpt(fixture->session, "<other@local.example>");
    (void)rcpt(fixture->session, "c@ours.example");
    const struct transaction *transaction = &fixture->session->transaction;
    assert_true(transaction_is_mixed(transaction));
    AUTO_STRBUF list = STRBUF_INIT(1000);
    transaction_list_recipients(transaction, &list);
    assert_string_equal(list.data, "A.b@Ours.example\nc@ours.example");
    char text[100];
    size_t offset = 0;
    assert_true(transaction_next_recipient(transaction, &offset, text, sizeof(text)));
    assert_string_equal(text, "<A.b@Ours.example>");
    assert_true(transaction_next_recipient(transaction, &offset, text, sizeof(text)));
    assert_string_equal(text, "c@ours.example");
    assert_false(transaction_next_recipient(transaction, &offset, text, sizeof(text)));
}

static void
reset_reaches_the_daemon_once_and_only_if_it_was_asked(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    session_reset(fixture->session);
    mail(fixture->session, "<s@sender.example>", NULL);
    (void)rcpt(fixture->session, "<a@ours.example>");
    session_reset(fixture->session);
    session_reset(fixture->session);
    mail(fixture->session, "<s@sender.example>", NULL);
    (void)rcpt(fixture->session, "<a@ours.example>"); // behind any RESET: all are in by its answer
    assert_true(stub_daemon_await(fixture->daemon, 0, 1));
    assert_int_equal(fixture->session->transaction.ours, 1);
}

static void
daemon_away_leaves_the_mail_of_postfix_alone(void **state)
{
    struct fixture *fixture = *state;
    stub_daemon_stop(fixture->daemon);
    fixture->daemon = NULL;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<other@local.example>"), "continue");
    assert_string_equal(data(fixture->session), "accept");
    assert_true(fixture->session->warned);
}

static void
daemon_that_dies_behind_the_socketmap_leaves_nothing_of_ours_in_the_queue_of_postfix(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    session_reset(fixture->session);
    stub_daemon_stop(fixture->daemon);
    fixture->daemon = NULL;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<b@ours.example>"), "451 4.3.0");
}

static void
daemon_restarted_after_a_recipient_was_accepted_is_asked_on(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    assert_string_equal(rcpt(fixture->session, "<die@ours.example>"), "451 4.3.0");
    // The daemon listens again. It decides about the first recipient at COMMIT anew.
    assert_string_equal(rcpt(fixture->session, "<b@ours.example>"), "continue");
    assert_int_equal(fixture->session->transaction.ours, 2);
    assert_string_equal(data(fixture->session), "continue");
    stub_daemon_stop(fixture->daemon);
    fixture->daemon = NULL;
    assert_string_equal(rcpt(fixture->session, "<other@local.example>"), "451 4.3.0");
}

static void
daemon_that_was_restarted_between_transactions_is_found_again(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    session_reset(fixture->session);
    stub_daemon_stop(fixture->daemon);
    fixture->daemon = stub_daemon_start(socket_path);
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<no@ours.example>"), "550 5.1.1");
    assert_false(fixture->session->warned);
}

static struct session *
session_that_asked(const char *recipient, const char *answer)
{
    struct session *session = session_new(&host, "client.example", "192.0.2.1", "mx.example");
    mail(session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(session, recipient), answer);
    return session;
}

static void
connection_of_a_session_that_ended_serves_the_next_one_without_its_reservation(void **state)
{
    const struct fixture *fixture = *state;
    session_free(session_that_asked("<a@ours.example>", "continue"));
    session_free(session_that_asked("<no@ours.example>", "550 5.1.1"));
    assert_int_equal(stub_daemon_counts(fixture->daemon).connections, 1);
    assert_true(stub_daemon_await(fixture->daemon, 0, 1));
}

static void
kept_connection_to_a_daemon_that_was_restarted_answers_nothing(void **state)
{
    struct fixture *fixture = *state;
    session_free(session_that_asked("<a@ours.example>", "continue"));
    stub_daemon_stop(fixture->daemon);
    fixture->daemon = stub_daemon_start(socket_path);
    struct session *next = session_that_asked("<no@ours.example>", "550 5.1.1");
    assert_false(next->warned);
    assert_int_equal(stub_daemon_counts(fixture->daemon).connections, 1);
    session_free(next);
}

static void
connection_whose_answer_was_unusable_is_not_kept(void **state)
{
    const struct fixture *fixture = *state;
    session_free(session_that_asked("<junk@ours.example>", "451 4.3.0"));
    unsigned before = stub_daemon_counts(fixture->daemon).connections;
    session_free(session_that_asked("<a@ours.example>", "continue"));
    assert_int_equal(stub_daemon_counts(fixture->daemon).connections, before + 1);
}

static void
no_more_connections_are_kept_than_allowed(void **state)
{
    const struct fixture *fixture = *state;
    struct session *sessions[INTAKE_IDLE_MAX + 1];
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
            sessions[i] = session_that_asked("<a@ours.example>", "continue");
        }
        for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
            session_free(sessions[i]);
        }
    }
    assert_int_equal(stub_daemon_counts(fixture->daemon).connections, INTAKE_IDLE_MAX + 1 + 1);
}

static void
answer_that_is_no_frame_counts_as_no_answer(void **state)
{
    struct fixture *fixture = *state;
    mail(fixture->session, "<s@sender.example>", NULL);
    assert_string_equal(rcpt(fixture->session, "<a@ours.example>"), "continue");
    assert_string_equal(rcpt(fixture->session, "<junk@ours.example>"), "451 4.3.0");
    assert_false(intake_client_is_open(fixture->session->intake));
}

static void
long_names_of_the_client_are_cut_and_absent_ones_are_empty(void **state)
{
    struct fixture *fixture = *state;
    char name[2000];
    memset(name, 'h', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    session_helo(fixture->session, name);
    assert_int_equal(strlen(fixture->session->helo), SESSION_NAME_SIZE - 1);
    session_helo(fixture->session, NULL);
    assert_string_equal(fixture->session->helo, "");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(each_decision_of_the_daemon_has_its_answer),
        CASE(first_recipient_fixes_tenant_policy_and_trust),
        CASE(smallest_size_limit_of_the_recipients_counts),
        CASE(recipient_past_the_cap_is_put_off),
        CASE(recipients_of_too_much_text_are_put_off_and_the_earlier_ones_stay),
        CASE(address_too_long_to_ask_about_is_refused_and_the_connection_stays),
        CASE(size_parameter_is_read_strictly),
        CASE(sender_loses_its_angle_brackets),
        CASE(data_bows_out_when_no_recipient_is_ours),
        CASE(data_takes_own_mail_that_is_judged_or_cleaned),
        CASE(enforced_own_mail_and_a_milder_policy_need_transactions_of_their_own),
        CASE(our_recipients_are_listed_as_sent_and_bare),
        CASE(reset_reaches_the_daemon_once_and_only_if_it_was_asked),
        CASE(daemon_away_leaves_the_mail_of_postfix_alone),
        CASE(daemon_that_dies_behind_the_socketmap_leaves_nothing_of_ours_in_the_queue_of_postfix),
        CASE(daemon_restarted_after_a_recipient_was_accepted_is_asked_on),
        CASE(daemon_that_was_restarted_between_transactions_is_found_again),
        CASE(connection_of_a_session_that_ended_serves_the_next_one_without_its_reservation),
        CASE(kept_connection_to_a_daemon_that_was_restarted_answers_nothing),
        CASE(connection_whose_answer_was_unusable_is_not_kept),
        CASE(no_more_connections_are_kept_than_allowed),
        CASE(answer_that_is_no_frame_counts_as_no_answer),
        CASE(long_names_of_the_client_are_cut_and_absent_ones_are_empty),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
