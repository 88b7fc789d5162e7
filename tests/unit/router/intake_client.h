// SPDX-License-Identifier: Apache-2.0
// The milter's side of intake.sock, for tests. Fails the running test on any trouble.
#ifndef TESTS_UNIT_ROUTER_INTAKE_CLIENT_H
#define TESTS_UNIT_ROUTER_INTAKE_CLIENT_H

#include "common/intake_protocol.h"

struct client_answer {
    uint64_t decision; /* of RCPT */
    uint64_t outcome;  /* of COMMIT */
    uint64_t code;
    char enhanced[16];
    char text[256];
    char tenant[64];
    char domain[64];
    bool trusted;
    uint64_t max_message;
    char message_id[64];
};

struct client_message {
    const char *recipients; /* one a line */
    const char *text;       /* header and body; NULL: a small message with Message-ID and Date */
    const char *hold;
    const char *sender; /* NULL: a@sender.example */
    size_t length;      /* of text; 0: its strlen */
    const char *evidence;
};

int client_open(const char *path);
struct client_answer client_rcpt(int fd, const char *recipient, uint64_t size);
struct client_answer client_rcpt_from(int fd, const char *recipient, const char *client_address,
                                      bool authenticated);
void client_send_commit(int fd, const struct client_message *message);
struct client_answer client_read_commit_answer(int fd);
struct client_answer client_commit(int fd, const struct client_message *message);
void client_send_refused(int fd, const char *id, const char *evidence);
bool client_read_kept(int fd);                                       /* the answer to it */
void client_send_nothing(int fd, const struct frame_layout *layout); /* ACK, RESET */

/** True when the server closed the connection (waits for it). */
bool client_is_closed(int fd);

#endif
