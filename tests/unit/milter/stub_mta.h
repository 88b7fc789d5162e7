// SPDX-License-Identifier: Apache-2.0
// The MTA's side of the milter protocol (version 6), as Postfix speaks it: for driving a milter.
#ifndef TESTS_MILTER_STUB_MTA_H
#define TESTS_MILTER_STUB_MTA_H

#include <stddef.h>
#include <stdint.h>

enum { MTA_TEXT_SIZE = 8192 };

struct mta {
    int fd;
    uint32_t steps;              /* what the milter asked for */
    uint32_t actions;            /* what it may do at end of message */
    char removed[MTA_TEXT_SIZE]; /* recipients it took away, each with a blank behind it */
    char changes[MTA_TEXT_SIZE]; /* of header fields, in order: "delete 2 Name|insert 0 Name:
                                    value|" */
    char symbols[MTA_TEXT_SIZE]; /* macro lists it asked for, "stage=names;" each */
    char text[MTA_TEXT_SIZE];    /* of the last reply: "550 5.7.1 ..." */
};

/** Connect, negotiate, and say who the client is: 192.0.2.1, client.example, HELO helo.example. */
void mta_open(struct mta *mta, const char *path);
void mta_close(struct mta *mta); /* with QUIT */

/** Send one command that gets no answer under the negotiated options. */
void mta_send(struct mta *mta, char command, const void *data, size_t length);

/** Send macros of a stage: "name\0value\0..." */
void mta_macros(struct mta *mta, char stage, const char *name, const char *value);

/** Wait for the answer that ends a step: 'c', 'a', 'd', 'y', 't', 'r'. */
char mta_answer(struct mta *mta);

/** MAIL; `login` not NULL: an authenticated client. No answer is expected. */
void mta_mail(struct mta *mta, const char *sender, const char *login);

/** RCPT and DATA, with their answers; 'c' for DATA when the milter asked for giving none. */
char mta_rcpt(struct mta *mta, const char *recipient);
char mta_data(struct mta *mta);

void mta_field(struct mta *mta, const char *name, const char *value);

/** End of header and a body, split into chunks of `chunk` bytes; end of message is not sent. */
void mta_body(struct mta *mta, const char *body, size_t length, size_t chunk);

/** End of message: send it; its answer. */
void mta_send_end(struct mta *mta);
char mta_end(struct mta *mta);

/** MAIL, one RCPT per word of `recipients`, DATA, a small message from `author`, its end. Returns
 *  the answer of the first step that did not say go on. */
char mta_message(struct mta *mta, const char *sender, const char *recipients, const char *author);

#endif
