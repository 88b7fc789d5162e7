// SPDX-License-Identifier: Apache-2.0
// The built mailspur-milter, with its real helper, between a real milter protocol, a daemon that
// speaks the real frames, and a resolver.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <libmilter/mfdef.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/xalloc.h"
#include "milter_program.h"
#include "stub_mta.h"

enum { LARGE_BODY = 3 * 1024 * 1024 };

static void
negotiation_asks_for_no_answer_where_none_is_needed(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    assert_int_equal(mta.steps, SMFIP_HDR_LEADSPC | SMFIP_NOUNKNOWN | SMFIP_NR_CONN |
                                    SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_HDR | SMFIP_NR_EOH |
                                    SMFIP_NR_BODY);
    assert_int_equal(mta.actions & 0xff, 0x08); // delete recipients, nothing else
    assert_string_equal(mta.symbols, "0=j;2={auth_authen};4=i;5=i;");
    mta_close(&mta);
}

static void
message_of_ours_is_handed_over_whole_and_discarded(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<Ticket+1@Ours.example>"), 'c');
    assert_int_equal(mta_rcpt(&mta, "<b@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@sender.example");
    mta_field(&mta, "Subject", "no space,\n\tfolded");
    mta_body(&mta, "one\r\ntwo\r\n", 10, 4); // a cut between CR and LF
    assert_int_equal(mta_end(&mta), 'd');
    assert_true(stub_daemon_await(program.daemon, 1, 0));
    const struct stub_commit *commit = stub_daemon_last(program.daemon);
    static const char wanted[] = "From: s@sender.example\r\nSubject:no space,\r\n\tfolded\r\n\r\n"
                                 "one\r\ntwo\r\n";
    assert_int_equal(commit->size, sizeof(wanted) - 1);
    assert_string_equal(commit->bytes, wanted);
    assert_int_equal(commit->header_length, sizeof(wanted) - 1 - 10);
    assert_string_equal(commit->recipients, "Ticket+1@Ours.example\nb@ours.example");
    assert_string_equal(commit->sender, "s@sender.example");
    assert_string_equal(commit->queue_id, "4QUEUEID");
    assert_string_equal(commit->mta_name, "mx.example");
    assert_string_equal(commit->client_address, "192.0.2.1");
    assert_string_equal(commit->client_name, "client.example");
    assert_string_equal(commit->helo, "helo.example");
    assert_string_equal(commit->hold, "");
    assert_non_null(strstr(commit->verdict, "\"spf\""));
    mta_close(&mta);
}

struct dialogue {
    const char *label;
    const char *sender;
    const char *recipients;
    const char *author;
    char answer;
    const char *reply;   /* beginning of an SMTP reply; "" with none */
    const char *hold;    /* of the commit; NULL: no commit must come */
    const char *removed; /* recipients taken from the MTA */
};

static const struct dialogue DIALOGUES[] = {
    {"pass of none", "<s@x.example>", "<a@ours.example>", "s@x.example", 'd', "", "", ""},
    {"null sender", "<>", "<a@ours.example>", "s@x.example", 'd', "", "", ""},
    {"mixed", "<s@x.example>", "<a@ours.example> <other@local.example> <b@ours.example>",
     "s@x.example", 'c', "", "", "<a@ours.example> <b@ours.example> "},
    {"not ours", "<s@x.example>", "<other@local.example>", "s@x.example", 'a', "", NULL, ""},
    {"refused at RCPT", "<s@x.example>", "<no@ours.example>", "s@x.example", 'y',
     "550 5.1.1 no 100%% such address", NULL, ""},
    {"put off at RCPT", "<s@x.example>", "<later@ours.example>", "s@x.example", 'y',
     "451 4.2.1 not now", NULL, ""},
    {"two tenants", "<s@x.example>", "<a@ours.example> <two@ours.example>", "s@x.example", 'y',
     "452 4.5.3 send this recipient in a transaction of its own", NULL, ""},
    {"DMARC reject", "<s@x.example>", "<a@ours.example>", "s@reject.example", 'y',
     "550 5.7.1 refused by the DMARC policy of reject.example", NULL, ""},
    {"DMARC reject, mixed", "<s@x.example>", "<a@ours.example> <other@local.example>",
     "s@reject.example", 'c', "", "dmarc_reject_mixed", "<a@ours.example> "},
    {"DMARC reject, trusted client", "<s@x.example>", "<trusted@ours.example>", "s@reject.example",
     'd', "", "", ""},
    {"DMARC quarantine", "<s@x.example>", "<a@ours.example>", "s@quarantine.example", 'd', "",
     "dmarc_quarantine", ""},
    {"two authors", "<s@x.example>", "<a@ours.example>", "s@x.example, s@y.example", 'y',
     "550 5.7.1 ", NULL, ""},
    {"DNS trouble, tag", "<s@x.example>", "<a@ours.example>", "s@temp.example", 'd', "", "", ""},
    {"DNS trouble, defer", "<s@x.example>", "<defer@ours.example>", "s@temp.example", 'y',
     "451 4.7.5 the DNS of temp.example ", NULL, ""},
    {"DNS trouble, defer, mixed", "<s@x.example>", "<defer@ours.example> <other@local.example>",
     "s@temp.example", 'c', "", "dmarc_temperror_mixed", "<defer@ours.example> "},
    {"duplicate", "<dup@x.example>", "<a@ours.example>", "s@x.example", 'd', "", "", ""},
    {"no room", "<full@x.example>", "<a@ours.example>", "s@x.example", 'y', "452 4.3.1 no room", "",
     ""},
    {"no room, mixed", "<full@x.example>", "<a@ours.example> <other@local.example>", "s@x.example",
     'y', "452 4.3.1 no room", "", ""},
    {"never", "<perm@x.example>", "<a@ours.example>", "s@x.example", 'y', "554 5.6.0 never", "",
     ""},
    {"never, mixed", "<perm@x.example>", "<a@ours.example> <other@local.example>", "s@x.example",
     'y', "451 4.3.0 ", "", ""},
    {"daemon gone in commit", "<die@x.example>", "<a@ours.example>", "s@x.example", 'y',
     "451 4.3.0 ", "", ""},
    {"daemon restarted in commit", "<blink@x.example>", "<a@ours.example>", "s@x.example", 'd', "",
     "", ""},
    {"and back", "<s@x.example>", "<a@ours.example>", "s@x.example", 'd', "", "", ""},
};

static void
run_dialogue(struct mta *mta, const struct dialogue *row)
{
    unsigned commits = stub_daemon_counts(program.daemon).commits;
    char answer = mta_message(mta, row->sender, row->recipients, row->author);
    const char *reply = answer == 'y' ? mta->text : "";
    if (answer != row->answer || strncmp(reply, row->reply, strlen(row->reply)) != 0) {
        fail_msg("%s: answer %c '%s'", row->label, answer, reply);
    }
    if (strcmp(mta->removed, row->removed) != 0) {
        fail_msg("%s: removed '%s'", row->label, mta->removed);
    }
    bool committed = stub_daemon_counts(program.daemon).commits > commits;
    if (committed != (row->hold != NULL)) {
        fail_msg("%s: commit %d", row->label, (int)committed);
    }
    if (committed && strcmp(stub_daemon_last(program.daemon)->hold, row->hold) != 0) {
        fail_msg("%s: hold '%s'", row->label, stub_daemon_last(program.daemon)->hold);
    }
}

static void
each_outcome_has_its_answer_in_sessions_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(DIALOGUES); i++) {
        struct mta mta;
        mta_open(&mta, program.socket);
        run_dialogue(&mta, &DIALOGUES[i]);
        mta_close(&mta);
    }
}

static void
each_outcome_has_its_answer_in_one_session(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    for (size_t i = 0; i < ARRAY_LEN(DIALOGUES); i++) {
        run_dialogue(&mta, &DIALOGUES[i]);
    }
    mta_close(&mta);
    assert_int_equal(stub_daemon_counts(program.daemon).connections, 4); // three died in a commit
}

static void
authenticated_client_is_not_judged(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    mta_mail(&mta, "<s@sender.example>", "user");
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@reject.example");
    mta_body(&mta, "x\r\n", 3, 3);
    assert_int_equal(mta_end(&mta), 'd');
    mta_close(&mta);
}

static void
message_over_the_size_of_its_recipients_is_too_large(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    for (size_t more = 0; more <= 1; more++) {
        mta_mail(&mta, "<s@sender.example>", NULL);
        assert_int_equal(mta_rcpt(&mta, "<small@ours.example>"), 'c');
        assert_int_equal(mta_data(&mta), 'c');
        mta_field(&mta, "From", " s@x.example"); // 19 bytes, and 2 of the empty line
        char body[1000] = "";
        memset(body, 'x', sizeof(body));
        mta_body(&mta, body, sizeof(body) - 21 + more, 100);
        assert_int_equal(mta_end(&mta), more == 0 ? 'd' : 'y');
    }
    assert_string_equal(mta.text, "552 5.3.4 message is too large");
    mta_close(&mta);
}

static void
large_message_arrives_byte_for_byte(void **state)
{
    (void)state;
    AUTO_FREE char *body = xcalloc(LARGE_BODY + 1, 1);
    for (size_t i = 0; i < LARGE_BODY; i++) {
        body[i] = (char)('a' + i * 31 % 26 + i / 65535 % 2);
    }
    struct mta mta;
    mta_open(&mta, program.socket);
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@x.example");
    mta_body(&mta, body, LARGE_BODY, 65535);
    assert_int_equal(mta_end(&mta), 'd');
    const struct stub_commit *commit = stub_daemon_last(program.daemon);
    assert_int_equal(commit->size, LARGE_BODY + 21);
    assert_memory_equal(commit->bytes + 21, body, LARGE_BODY);
    mta_close(&mta);
}

static void
aborted_transaction_drops_its_reservation_and_the_next_one_works(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<two@ours.example>"), 'c');
    mta_send(&mta, 'A', NULL, 0);
    assert_true(stub_daemon_await(program.daemon, 0, 1));
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@x.example");
    mta_body(&mta, "lost", 4, 4);
    mta_send(&mta, 'A', NULL, 0);
    assert_true(stub_daemon_await(program.daemon, 0, 2));
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'd');
    assert_null(strstr(stub_daemon_last(program.daemon)->bytes, "lost"));
    assert_true(stub_daemon_await(program.daemon, 1, 2));
    mta_close(&mta);
}

static void
refusal_names_its_evidence_and_drops_its_reservation(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@reject.example"),
                     'y');
    assert_true(stub_daemon_await(program.daemon, 0, 1)); // REFUSED comes before RESET
    const struct stub_commit *last = stub_daemon_last(program.daemon);
    assert_int_equal(stub_daemon_counts(program.daemon).refusals, 1);
    assert_int_equal(strlen(last->refused_id), 36);
    assert_non_null(strstr(mta.text, last->refused_id));
    assert_non_null(strstr(last->evidence, "\"action\":\"refuse\""));
    assert_non_null(strstr(last->evidence, "_dmarc.reject.example TXT v=DMARC1"));
    assert_non_null(strstr(last->evidence, "\"verdict\":{\"local\":false"));
    mta_close(&mta);
}

// Who stands in the answer can be asked for: of a daemon that was restarted meanwhile too.
static void
refusal_names_its_evidence_only_where_a_daemon_keeps_it(void **state)
{
    (void)state;
    static const struct {
        const char *sender;
        enum { SAME, RESTARTED, GONE } daemon;
        bool named;
    } cases[] = {
        {"<s@x.example>", SAME, true},
        {"<full@x.example>", SAME, false}, // more refusals than it keeps
        {"<die@x.example>", SAME, false},
        {"<s@x.example>", RESTARTED, true},
        {"<s@x.example>", GONE, false},
    };
    struct mta mta;
    mta_open(&mta, program.socket);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mta_mail(&mta, cases[i].sender, NULL);
        assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
        if (cases[i].daemon != SAME) {
            stub_daemon_stop(program.daemon);
            program.daemon = cases[i].daemon == GONE ? NULL : stub_daemon_start(program.intake);
        }
        assert_int_equal(mta_data(&mta), 'c');
        mta_field(&mta, "From", " s@reject.example");
        mta_body(&mta, "hello\r\n", 7, 7);
        assert_int_equal(mta_end(&mta), 'y');
        assert_true(program.daemon == NULL || stub_daemon_counts(program.daemon).refusals > 0);
        const char *id =
            program.daemon == NULL ? "(" : stub_daemon_last(program.daemon)->refused_id;
        if ((strstr(mta.text, id) != NULL) != cases[i].named) {
            fail_msg("%s %d: %s", cases[i].sender, (int)cases[i].daemon, mta.text);
        }
    }
    mta_close(&mta);
}

static void
commit_brings_its_evidence(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@quarantine.example"),
                     'd');
    const struct stub_commit *last = stub_daemon_last(program.daemon);
    assert_non_null(strstr(last->evidence, "\"action\":\"hold\",\"reason\":\"dmarc_quarantine\""));
    assert_non_null(strstr(last->evidence, "\"spf_trace\":\"mailfrom x.example"));
    assert_int_equal(stub_daemon_counts(program.daemon).refusals, 0);
    mta_close(&mta);
}

static void
one_message_more_than_allowed_at_once_is_put_off(void **state)
{
    (void)state;
    struct mta first;
    struct mta second;
    mta_open(&first, program.socket);
    mta_open(&second, program.socket);
    mta_mail(&first, "<wait@x.example>", NULL);
    assert_int_equal(mta_rcpt(&first, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&first), 'c');
    mta_field(&first, "From", " s@x.example");
    mta_body(&first, "x", 1, 1);
    mta_send_end(&first);
    assert_true(stub_daemon_await_commits(program.daemon, 1));
    assert_int_equal(mta_message(&second, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'y');
    assert_non_null(strstr(second.text, "451 4.3.2 "));
    stub_daemon_release(program.daemon);
    assert_int_equal(mta_answer(&first), 'd');
    assert_int_equal(mta_message(&second, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'd');
    mta_close(&first);
    mta_close(&second);
}

static void
daemon_away_lets_the_mtas_own_mail_pass(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, program.socket);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@local.example>", "s@x.example"), 'a');
    program.daemon = stub_daemon_start(program.intake);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'd');
    mta_close(&mta);
    stub_daemon_stop(program.daemon);
    program.daemon = NULL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DAEMON(negotiation_asks_for_no_answer_where_none_is_needed),
        WITH_DAEMON(message_of_ours_is_handed_over_whole_and_discarded),
        WITH_DAEMON(each_outcome_has_its_answer_in_sessions_of_their_own),
        WITH_DAEMON(each_outcome_has_its_answer_in_one_session),
        WITH_DAEMON(authenticated_client_is_not_judged),
        WITH_DAEMON(message_over_the_size_of_its_recipients_is_too_large),
        WITH_DAEMON(large_message_arrives_byte_for_byte),
        WITH_DAEMON(aborted_transaction_drops_its_reservation_and_the_next_one_works),
        WITH_DAEMON(refusal_names_its_evidence_and_drops_its_reservation),
        WITH_DAEMON(refusal_names_its_evidence_only_where_a_daemon_keeps_it),
        WITH_DAEMON(commit_brings_its_evidence),
        WITH_DAEMON(one_message_more_than_allowed_at_once_is_put_off),
        cmocka_unit_test(daemon_away_lets_the_mtas_own_mail_pass),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
