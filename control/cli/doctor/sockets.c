// SPDX-License-Identifier: Apache-2.0
// The four sockets: do they answer, and may those who need them get there?
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/netstring.h"
#include "common/unixsock.h"
#include "control/cli/client.h"
#include "control/cli/doctor/access.h"
#include "control/cli/doctor/postfix.h"

enum { TIMEOUT_MS = 3000, ANSWER_MAX = 4096, PATIENCE_S = 5, LINE_SIZE = 4600 };

static const char MILTER_USER[] = "mailspur-milter"; /* systemd/mailspur.sysusers */
static const char START_MAILSPURD[] = "systemctl start mailspurd";
static const char START_MILTER[] = "systemctl start mailspur-milter";

// ---- do they answer?

static void
answer_cleanup(struct client_answer *answer)
{
    strbuf_done(&answer->body);
}

static void
ask_control(const struct doctor_host *host, struct doctor *doctor)
{
    static const char CHECK[] = "control-socket";
    struct why why;
    AUTO(answer_cleanup)
    struct client_answer answer = {.body = STRBUF_INIT(CLIENT_ANSWER_MAX)};
    const struct client_request request = {.socket_path = host->config->control.path,
                                           .method = "GET",
                                           .url = "/v1/status",
                                           .patience_s = PATIENCE_S};
    enum status status = client_ask(&request, &answer, &why);
    if (status == ST_OK && answer.http_status == 200) {
        doctor_ok(doctor, CHECK, "mailspurd answers at %s", host->config->control.path);
    } else if (status == ST_OK) {
        doctor_tell(doctor, DOCTOR_WRONG, CHECK, DOCTOR_NO_CURE, "mailspurd answers with HTTP %ld",
                    answer.http_status);
    } else {
        doctor_tell(doctor, DOCTOR_WRONG, CHECK,
                    (struct doctor_cure){.file = DOCTOR_SHELL, .line = START_MAILSPURD}, "%s",
                    why.text);
    }
}

static void
ask_intake(const struct doctor_host *host, struct doctor *doctor)
{
    struct why why;
    AUTO_FD int fd = -1;
    const char *path = host->config->intake.path;
    if (unixsock_connect(path, SOCK_SEQPACKET, &fd, &why) == ST_OK) {
        doctor_ok(doctor, "intake-socket", "mailspurd listens at %s", path);
    } else {
        doctor_tell(doctor, DOCTOR_WRONG, "intake-socket",
                    (struct doctor_cure){.file = DOCTOR_SHELL, .line = START_MAILSPURD}, "%s",
                    why.text);
    }
}

// Sends all of it, and reads until `is_whole` says so.
static enum status
exchange(int fd, const char *question, size_t length, char *answer, size_t *answer_length_out,
         bool (*is_whole)(const char *answer, size_t length), struct why *why)
{
    size_t have = 0;
    unixsock_set_timeout(fd, TIMEOUT_MS);
    if (send(fd, question, length, MSG_NOSIGNAL) != (ssize_t)length) {
        return why_errno(why, ST_IO, "it cannot be asked");
    }
    while (!is_whole(answer, have)) {
        ssize_t got = have == ANSWER_MAX ? 0 : recv(fd, answer + have, ANSWER_MAX - have, 0);
        if (got <= 0) {
            return got < 0 ? why_errno(why, ST_AGAIN, "no answer")
                           : why_set(why, ST_AGAIN, "it closes without an answer");
        }
        have += (size_t)got;
    }
    *answer_length_out = have;
    return ST_OK;
}

static bool
is_whole_netstring(const char *answer, size_t length)
{
    struct netstring found;
    return netstring_next(answer, length, ANSWER_MAX, &found) != NETSTRING_PARTIAL;
}

// A name that nobody can have: the right answer is that it is none of ours.
static enum status
ask_socketmap_at(const char *path, struct why *why)
{
    static const char QUESTION[] = "access doctor@doctor.invalid";
    static const char RIGHT[] = "NOTFOUND ";
    char answer[ANSWER_MAX];
    size_t length = 0;
    AUTO_FD int fd = -1;
    AUTO_STRBUF packet = STRBUF_INIT(sizeof(QUESTION) + 16);
    netstring_append(&packet, QUESTION, strlen(QUESTION));
    enum status status = unixsock_connect(path, SOCK_STREAM, &fd, why);
    if (status == ST_OK) {
        status = exchange(fd, packet.data, packet.length, answer, &length, is_whole_netstring, why);
    }
    struct netstring found;
    if (status == ST_OK &&
        (netstring_next(answer, length, ANSWER_MAX, &found) != NETSTRING_COMPLETE ||
         found.length < strlen(RIGHT) || memcmp(found.bytes, RIGHT, strlen(RIGHT)) != 0)) {
        return why_set(why, ST_INVALID, "%.100s gives another answer than mailspurd would", path);
    }
    return status;
}

static void
ask_socketmap(const struct doctor_host *host, struct doctor *doctor)
{
    struct why why;
    const char *path = host->config->socketmap.path;
    if (ask_socketmap_at(path, &why) == ST_OK) {
        doctor_ok(doctor, "socketmap", "mailspurd answers as Postfix asks, at %s", path);
    } else {
        doctor_tell(doctor, DOCTOR_WRONG, "socketmap",
                    (struct doctor_cure){.file = DOCTOR_SHELL, .line = START_MAILSPURD}, "%s",
                    why.text);
    }
}

// A packet of the milter protocol: 4 bytes of length, then so many.
static bool
is_whole_packet(const char *answer, size_t length)
{
    uint32_t announced = 0;
    if (length < sizeof(announced)) {
        return false;
    }
    memcpy(&announced, answer, sizeof(announced));
    return length - sizeof(announced) >= ntohl(announced);
}

// Negotiates as an MTA does (SMFIC_OPTNEG, version 6, all that an MTA may offer), and leaves.
static enum status
ask_milter_at(const char *path, struct why *why)
{
    static const char NEGOTIATE[] = "\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    static const char QUIT[] = "\0\0\0\x01Q";
    char answer[ANSWER_MAX];
    size_t length = 0;
    AUTO_FD int fd = -1;
    enum status status = unixsock_connect(path, SOCK_STREAM, &fd, why);
    if (status == ST_OK) {
        status =
            exchange(fd, NEGOTIATE, sizeof(NEGOTIATE) - 1, answer, &length, is_whole_packet, why);
    }
    if (status == ST_OK && (length < 5 || answer[4] != 'O')) {
        return why_set(why, ST_INVALID, "%.100s gives another answer than mailspur-milter would",
                       path);
    }
    if (status == ST_OK) {
        (void)send(fd, QUIT, sizeof(QUIT) - 1, MSG_NOSIGNAL); // only a courtesy
    }
    return status;
}

static void
ask_milter(const struct doctor_host *host, struct doctor *doctor)
{
    struct why why;
    const char *path = postfix_unix_path(host->config->milter.socket);
    if (path == NULL) {
        doctor_tell(doctor, DOCTOR_WARNING, "milter-socket", DOCTOR_NO_CURE,
                    "%s is not asked: only Unix sockets are", host->config->milter.socket);
    } else if (ask_milter_at(path, &why) == ST_OK) {
        doctor_ok(doctor, "milter-socket", "mailspur-milter negotiates at %s", path);
    } else {
        doctor_tell(doctor, DOCTOR_WRONG, "milter-socket",
                    (struct doctor_cure){.file = DOCTOR_SHELL, .line = START_MILTER}, "%s",
                    why.text);
    }
}

// ---- who may get there?

static void
check_way(const char *user_name, const char *path, const char *cure, struct doctor *doctor)
{
    static const char CHECK[] = "socket-rights";
    struct why why;
    struct access_user user;
    if (access_user_find(user_name, &user) != ST_OK) {
        return; // another installation's user: its own affair
    }
    enum status status = access_check(&user, path, S_IWOTH, &why);
    if (status == ST_OK) {
        doctor_ok(doctor, CHECK, "%s may be used by %s", path, user_name);
    } else if (status == ST_REFUSED) {
        doctor_tell(doctor, DOCTOR_WRONG, CHECK,
                    (struct doctor_cure){.file = DOCTOR_YAML, .line = cure}, "%s", why.text);
    } else if (status == ST_IO) {
        doctor_tell(doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE, "cannot be looked at: %s",
                    why.text);
    }
}

// smtpd of a chroot sees nothing beside its queue directory.
static void
check_root(const struct doctor_host *host, const char *path, const char *key, struct doctor *doctor)
{
    if (postfix_can_enter(host->postfix, path)) {
        return;
    }
    char line[LINE_SIZE];
    const char *name = strrchr(path, '/');
    (void)snprintf(line, sizeof(line), "%s %s/mailspur%s", key,
                   postfix_setting_text(host->postfix, "queue_directory"),
                   name == NULL ? "" : name);
    doctor_tell(doctor, DOCTOR_WRONG, "chroot",
                (struct doctor_cure){.file = DOCTOR_YAML, .line = line},
                "smtpd runs in a chroot (master.cf) and cannot get at %s", path);
}

static void
check_postfix_ways(const struct doctor_host *host, struct doctor *doctor)
{
    const char *owner = postfix_setting_text(host->postfix, "mail_owner");
    const char *milter = postfix_unix_path(host->config->milter.socket);
    check_root(host, host->config->socketmap.path, "sockets: socketmap: path:", doctor);
    check_way(owner, host->config->socketmap.path, "sockets: socketmap: group: postfix", doctor);
    if (milter != NULL) {
        check_root(host, milter, "milter: socket: unix:", doctor);
        check_way(owner, milter, "milter: socket_group: postfix", doctor);
    }
}

void
doctor_check_sockets(const struct doctor_host *host, struct doctor *doctor)
{
    ask_control(host, doctor);
    ask_intake(host, doctor);
    ask_socketmap(host, doctor);
    ask_milter(host, doctor);
    check_way(MILTER_USER, host->config->intake.path, "sockets: intake: group: mailspur-milter",
              doctor);
    if (host->postfix != NULL) {
        check_postfix_ways(host, doctor);
    }
}
