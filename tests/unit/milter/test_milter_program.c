// SPDX-License-Identifier: Apache-2.0
// The built mailspur-milter, with its real helper, between a real milter protocol, a daemon that
// speaks the real frames, and a resolver.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libmilter/mfdef.h>

#include "common/attrs.h"
#include "common/cleanup.h"
#include "common/unixsock.h"
#include "common/xalloc.h"
#include "stub_daemon.h"
#include "stub_dns.h"
#include "stub_mta.h"

enum { START_TIMEOUT_MS = 30000, LARGE_BODY = 3 * 1024 * 1024 };

extern char **environ;

static char folder[] = "/tmp/mailspur-milter-XXXXXX";
static char config_path[64];
static char milter_path[64];
static char intake_path[64];
static char notify_path[64];
static struct stub_dns *dns;
static uint16_t dns_port;
static int log_fd = STDERR_FILENO; // where the milter logs
static int notify_fd = -1;
static pid_t milter_pid = -1;
static struct stub_daemon *daemon_stub;

static void
write_config(const char *more)
{
    FILE *file = fopen(config_path, "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "hostname: mx.test\ninbound_mx: in.test\n"
                  "sockets:\n  control: {path: %s/c}\n  intake: {path: %s}\n"
                  "  socketmap: {path: %s/s}\n"
                  "dns: {servers: ['127.0.0.1:%u'], timeout: 1s, tries: 1}\n"
                  "milter: {socket: 'unix:%s', socket_mode: '0640', spool: %s, "
                  "messages_at_once: 1, reference_helper: %s, helpers: 1, %s}\n"
                  "destinations:\n"
                  "  psa: {kind: psa, url: 'https://a.test', secret_file: /nonexistent/secret}\n",
                  folder, intake_path, folder, dns_port, milter_path, folder, REFERENCE_HELPER,
                  more);
    assert_int_equal(fclose(file), 0);
}

static pid_t
spawn_milter(char *const *arguments)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO), 0);
    assert_int_equal(posix_spawn(&pid, MILTER_PROGRAM, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int
exit_status(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Where systemd would listen: READY=1 tells that the milter answers, without asking in a loop.
static void
open_notify_socket(void)
{
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", notify_path);
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", notify_path, 1), 0);
}

static void
await_ready(void)
{
    char text[512];
    do {
        struct pollfd item = {.fd = notify_fd, .events = POLLIN};
        assert_int_equal(poll(&item, 1, START_TIMEOUT_MS), 1);
        ssize_t length = recv(notify_fd, text, sizeof(text) - 1, 0);
        assert_true(length > 0);
        text[length] = '\0';
    } while (strstr(text, "READY=1") == NULL);
}

static void
start_milter(void)
{
    char *arguments[] = {(char[]){MILTER_PROGRAM}, (char[]){"-c"}, config_path, NULL};
    milter_pid = spawn_milter(arguments);
    await_ready();
}

static int
start_all(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(config_path, sizeof(config_path), "%s/mailspur.yaml", folder);
    (void)snprintf(milter_path, sizeof(milter_path), "%s/milter.sock", folder);
    (void)snprintf(intake_path, sizeof(intake_path), "%s/intake.sock", folder);
    (void)snprintf(notify_path, sizeof(notify_path), "%s/notify.sock", folder);
    dns = stub_dns_start(&dns_port);
    write_config("shadow: off");
    open_notify_socket();
    start_milter();
    return 0;
}

static int
stop_all(void **state)
{
    (void)state;
    int status = 0;
    if (milter_pid > 0) {
        (void)kill(milter_pid, SIGTERM);
        status = exit_status(milter_pid);
    }
    stub_dns_stop(dns);
    (void)close(notify_fd);
    (void)unlink(notify_path);
    (void)unlink(config_path);
    (void)unlink(milter_path);
    return status == 0 ? rmdir(folder) : status; // no spool file may be left
}

static int
start_daemon(void **state)
{
    (void)state;
    daemon_stub = stub_daemon_start(intake_path);
    return 0;
}

static int
stop_daemon(void **state)
{
    (void)state;
    stub_daemon_stop(daemon_stub);
    daemon_stub = NULL;
    return 0;
}

static void
negotiation_asks_for_no_answer_where_none_is_needed(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, milter_path);
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
    mta_open(&mta, milter_path);
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<Ticket+1@Ours.example>"), 'c');
    assert_int_equal(mta_rcpt(&mta, "<b@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@sender.example");
    mta_field(&mta, "Subject", "no space,\n\tfolded");
    mta_body(&mta, "one\r\ntwo\r\n", 10, 4); // a cut between CR and LF
    assert_int_equal(mta_end(&mta), 'd');
    assert_true(stub_daemon_await(daemon_stub, 1, 0));
    const struct stub_commit *commit = stub_daemon_last(daemon_stub);
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
    unsigned commits = stub_daemon_counts(daemon_stub).commits;
    char answer = mta_message(mta, row->sender, row->recipients, row->author);
    const char *reply = answer == 'y' ? mta->text : "";
    if (answer != row->answer || strncmp(reply, row->reply, strlen(row->reply)) != 0) {
        fail_msg("%s: answer %c '%s'", row->label, answer, reply);
    }
    if (strcmp(mta->removed, row->removed) != 0) {
        fail_msg("%s: removed '%s'", row->label, mta->removed);
    }
    bool committed = stub_daemon_counts(daemon_stub).commits > commits;
    if (committed != (row->hold != NULL)) {
        fail_msg("%s: commit %d", row->label, (int)committed);
    }
    if (committed && strcmp(stub_daemon_last(daemon_stub)->hold, row->hold) != 0) {
        fail_msg("%s: hold '%s'", row->label, stub_daemon_last(daemon_stub)->hold);
    }
}

static void
each_outcome_has_its_answer_in_sessions_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(DIALOGUES); i++) {
        struct mta mta;
        mta_open(&mta, milter_path);
        run_dialogue(&mta, &DIALOGUES[i]);
        mta_close(&mta);
    }
}

static void
each_outcome_has_its_answer_in_one_session(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, milter_path);
    for (size_t i = 0; i < ARRAY_LEN(DIALOGUES); i++) {
        run_dialogue(&mta, &DIALOGUES[i]);
    }
    mta_close(&mta);
    assert_int_equal(stub_daemon_counts(daemon_stub).connections, 4); // three died in a commit
}

static void
authenticated_client_is_not_judged(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, milter_path);
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
    mta_open(&mta, milter_path);
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
    mta_open(&mta, milter_path);
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@x.example");
    mta_body(&mta, body, LARGE_BODY, 65535);
    assert_int_equal(mta_end(&mta), 'd');
    const struct stub_commit *commit = stub_daemon_last(daemon_stub);
    assert_int_equal(commit->size, LARGE_BODY + 21);
    assert_memory_equal(commit->bytes + 21, body, LARGE_BODY);
    mta_close(&mta);
}

static void
aborted_transaction_drops_its_reservation_and_the_next_one_works(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, milter_path);
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<two@ours.example>"), 'c');
    mta_send(&mta, 'A', NULL, 0);
    assert_true(stub_daemon_await(daemon_stub, 0, 1));
    mta_mail(&mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@x.example");
    mta_body(&mta, "lost", 4, 4);
    mta_send(&mta, 'A', NULL, 0);
    assert_true(stub_daemon_await(daemon_stub, 0, 2));
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'd');
    assert_null(strstr(stub_daemon_last(daemon_stub)->bytes, "lost"));
    assert_true(stub_daemon_await(daemon_stub, 1, 2));
    mta_close(&mta);
}

static void
refusal_names_its_evidence_and_drops_its_reservation(void **state)
{
    (void)state;
    struct mta mta;
    mta_open(&mta, milter_path);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@reject.example"),
                     'y');
    assert_true(stub_daemon_await(daemon_stub, 0, 1)); // REFUSED comes before RESET
    const struct stub_commit *last = stub_daemon_last(daemon_stub);
    assert_int_equal(stub_daemon_counts(daemon_stub).refusals, 1);
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
    mta_open(&mta, milter_path);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mta_mail(&mta, cases[i].sender, NULL);
        assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
        if (cases[i].daemon != SAME) {
            stub_daemon_stop(daemon_stub);
            daemon_stub = cases[i].daemon == GONE ? NULL : stub_daemon_start(intake_path);
        }
        assert_int_equal(mta_data(&mta), 'c');
        mta_field(&mta, "From", " s@reject.example");
        mta_body(&mta, "hello\r\n", 7, 7);
        assert_int_equal(mta_end(&mta), 'y');
        assert_true(daemon_stub == NULL || stub_daemon_counts(daemon_stub).refusals > 0);
        const char *id = daemon_stub == NULL ? "(" : stub_daemon_last(daemon_stub)->refused_id;
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
    mta_open(&mta, milter_path);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@quarantine.example"),
                     'd');
    const struct stub_commit *last = stub_daemon_last(daemon_stub);
    assert_non_null(strstr(last->evidence, "\"action\":\"hold\",\"reason\":\"dmarc_quarantine\""));
    assert_non_null(strstr(last->evidence, "\"spf_trace\":\"mailfrom x.example"));
    assert_int_equal(stub_daemon_counts(daemon_stub).refusals, 0);
    mta_close(&mta);
}

static void
one_message_more_than_allowed_at_once_is_put_off(void **state)
{
    (void)state;
    struct mta first;
    struct mta second;
    mta_open(&first, milter_path);
    mta_open(&second, milter_path);
    mta_mail(&first, "<wait@x.example>", NULL);
    assert_int_equal(mta_rcpt(&first, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&first), 'c');
    mta_field(&first, "From", " s@x.example");
    mta_body(&first, "x", 1, 1);
    mta_send_end(&first);
    assert_true(stub_daemon_await_commits(daemon_stub, 1));
    assert_int_equal(mta_message(&second, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'y');
    assert_non_null(strstr(second.text, "451 4.3.2 "));
    stub_daemon_release(daemon_stub);
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
    mta_open(&mta, milter_path);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@local.example>", "s@x.example"), 'a');
    daemon_stub = stub_daemon_start(intake_path);
    assert_int_equal(mta_message(&mta, "<s@x.example>", "<a@ours.example>", "s@x.example"), 'd');
    mta_close(&mta);
    stub_daemon_stop(daemon_stub);
    daemon_stub = NULL;
}

static void
socket_has_the_mode_of_the_configuration(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(stat(milter_path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
}

static void
second_milter_does_not_take_the_socket_away(void **state)
{
    (void)state;
    char *arguments[] = {(char[]){MILTER_PROGRAM}, (char[]){"-c"}, config_path, NULL};
    assert_int_equal(exit_status(spawn_milter(arguments)), 1);
    struct mta mta;
    mta_open(&mta, milter_path);
    mta_close(&mta);
}

static void
options_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        char option[32];
        int wanted;
    } CASES[] = {{"--version", 0}, {"--help", 0}, {"--nonsense", 64}, {"argument", 64}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char option[32];
        memcpy(option, CASES[i].option, sizeof(option));
        char *arguments[] = {(char[]){MILTER_PROGRAM}, option, NULL};
        assert_int_equal(exit_status(spawn_milter(arguments)), CASES[i].wanted);
    }
    char *missing[] = {(char[]){MILTER_PROGRAM}, (char[]){"-c"}, (char[]){"/nonexistent"}, NULL};
    assert_int_equal(exit_status(spawn_milter(missing)), 78);
}

static void
stop_while_a_message_is_under_way(int signal_number)
{
    struct mta mta;
    mta_open(&mta, milter_path);
    mta_mail(&mta, "<wait@x.example>", NULL);
    assert_int_equal(mta_rcpt(&mta, "<a@ours.example>"), 'c');
    assert_int_equal(mta_data(&mta), 'c');
    mta_field(&mta, "From", " s@x.example");
    mta_body(&mta, "x", 1, 1);
    mta_send_end(&mta);
    assert_true(stub_daemon_await_commits(daemon_stub, 1));
    assert_int_equal(kill(milter_pid, signal_number), 0);
    enum status probe = ST_OK;
    while (probe == ST_OK) { // until it no longer listens; the file stays when it runs as root
        AUTO_FD int fd = -1;
        probe = unixsock_connect(milter_path, SOCK_STREAM, &fd, NULL);
        (void)poll(NULL, 0, 10);
    }
    stub_daemon_release(daemon_stub);
    assert_int_equal(mta_answer(&mta), 'd');
    assert_int_equal(exit_status(milter_pid), 0);
    milter_pid = -1;
    (void)close(mta.fd);
}

static void
message_under_way_is_answered_before_it_stops(void **state)
{
    (void)state;
    static const int SIGNALS[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
        if (milter_pid < 0) {
            start_milter();
        }
        daemon_stub = stub_daemon_start(intake_path);
        stop_while_a_message_is_under_way(SIGNALS[i]);
        stub_daemon_stop(daemon_stub);
        daemon_stub = NULL;
    }
}

// Stop the milter and read what it has logged.
static void
stop_and_read_log(char *out, size_t size)
{
    assert_int_equal(kill(milter_pid, SIGTERM), 0);
    assert_int_equal(exit_status(milter_pid), 0);
    milter_pid = -1;
    ssize_t length = pread(log_fd, out, size - 1, 0);
    assert_true(length > 0);
    out[length] = '\0';
}

static void
forge(struct mta *mta, const char *recipient)
{
    mta_mail(mta, "<s@sender.example>", NULL);
    assert_int_equal(mta_rcpt(mta, recipient), 'c');
    assert_int_equal(mta_data(mta), 'c');
    mta_field(mta, "Authentication-Results", " other.test; spf=pass");
    mta_field(mta, "authentication-results", " MX.test; spf=pass");
    mta_field(mta, "From", " s@reject.example");
    mta_field(mta, "Authentication-Results", "\n\tmx.test; dmarc=pass");
    mta_body(mta, "hello\r\n", 7, 7);
}

static const char MARKS[] = "delete 3 Authentication-Results|delete 2 Authentication-Results|"
                            "insert 0 Authentication-Results: mx.test;\n\tspf=";

static void
own_mail_is_judged_and_marked_under_authenticate_all(void **state)
{
    (void)state;
    struct mta mta;
    write_config("authenticate: all, own_mail: tag");
    start_milter();
    mta_open(&mta, milter_path);
    assert_int_equal(mta.actions & 0xff, 0x19); // add and change fields, delete recipients
    assert_true((mta.steps & SMFIP_NR_DATA) != 0);
    forge(&mta, "<other@local.example>");
    assert_int_equal(mta_end(&mta), 'c');
    assert_int_equal(strncmp(mta.changes, MARKS, sizeof(MARKS) - 1), 0);
    assert_non_null(strstr(mta.changes, "dmarc=fail (p=reject disposition=reject)"));
    assert_int_equal(stub_daemon_counts(daemon_stub).commits, 0);
    forge(&mta, "<trusted@ours.example>"); // all of it ours: nothing is changed
    assert_int_equal(mta_end(&mta), 'd');
    assert_string_equal(mta.changes, "");
    mta_close(&mta);
    assert_int_equal(kill(milter_pid, SIGTERM), 0);
    assert_int_equal(exit_status(milter_pid), 0);
    milter_pid = -1;
}

static void
shadow_judges_only_when_it_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *shadow;
        const char *line; /* NULL: the log says nothing of it */
    } rows[] = {
        {"shadow: on", "auth.shadow compared=1 agreed=1 spf=0 helo=0 dkim=0 dmarc=0 failed=0"},
        {"shadow: off", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static char text[64 * 1024];
        struct mta mta;
        log_fd = memfd_create("log", MFD_CLOEXEC);
        assert_true(log_fd >= 0);
        write_config(rows[i].shadow);
        start_milter();
        mta_open(&mta, milter_path);
        assert_int_equal(
            mta_message(&mta, "<s@sender.example>", "<a@ours.example>", "s@sender.example"), 'd');
        mta_close(&mta);
        stop_and_read_log(text, sizeof(text));
        const char *found = strstr(text, rows[i].line == NULL ? "auth.shadow" : rows[i].line);
        if ((found != NULL) != (rows[i].line != NULL)) {
            fail_msg("%s: %s", rows[i].shadow, text);
        }
        (void)close(log_fd);
        log_fd = STDERR_FILENO;
    }
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start_daemon, stop_daemon)
    const struct CMUnitTest tests[] = {
        CASE(negotiation_asks_for_no_answer_where_none_is_needed),
        CASE(message_of_ours_is_handed_over_whole_and_discarded),
        CASE(each_outcome_has_its_answer_in_sessions_of_their_own),
        CASE(each_outcome_has_its_answer_in_one_session),
        CASE(authenticated_client_is_not_judged),
        CASE(message_over_the_size_of_its_recipients_is_too_large),
        CASE(large_message_arrives_byte_for_byte),
        CASE(aborted_transaction_drops_its_reservation_and_the_next_one_works),
        CASE(refusal_names_its_evidence_and_drops_its_reservation),
        CASE(refusal_names_its_evidence_only_where_a_daemon_keeps_it),
        CASE(commit_brings_its_evidence),
        CASE(one_message_more_than_allowed_at_once_is_put_off),
        cmocka_unit_test(daemon_away_lets_the_mtas_own_mail_pass),
        cmocka_unit_test(socket_has_the_mode_of_the_configuration),
        cmocka_unit_test(second_milter_does_not_take_the_socket_away),
        cmocka_unit_test(options_are_told_apart),
        cmocka_unit_test(message_under_way_is_answered_before_it_stops),
        CASE(own_mail_is_judged_and_marked_under_authenticate_all), // the same
        CASE(shadow_judges_only_when_it_is_wanted), // starts milters of its own: last
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
