// SPDX-License-Identifier: Apache-2.0
// One message judged in the words of the command line, without configuration and without daemon.
#ifndef CONTROL_CLI_AUTH_CHECK_H
#define CONTROL_CLI_AUTH_CHECK_H

#include <stddef.h>

#include "common/status.h"
#include "common/verdict.h"

enum { CHECK_MESSAGE_MAX = 256 * 1024 * 1024 }; /* bytes of a message */

/** What is to be checked; texts as given, NULL: the default. All are borrowed. */
struct check_request {
    const char *client_ip;
    const char *helo;
    const char *mail_from;   /* with or without angle brackets; "" or "<>": the null sender */
    const char *engine;      /* own, reference */
    const char *discovery;   /* treewalk, psl */
    const char *dns_fixture; /* file of records instead of the DNS */
    const char *dns_server;  /* default: those of /etc/resolv.conf */
    const char *now;         /* seconds since 1970 */
    const char *authserv_id; /* default: the host's name */
    const char *helper;      /* mailspur-reference; default: beside this program, or installed */
    const char *forwarder;   /* presets that are registered, with commas between */
    const char *arc_sealer;  /* of one more, likewise: d= of its seals */
    const char *forwarder_network; /* and where its mail comes from */
    const char *message;           /* path; "-": standard input; NULL: SPF only, unless `bytes` */
    const char *bytes;             /* the message itself; NULL: see `message` */
    size_t length;
};

/** What stays open from one check to the next while engine and DNS stay the same. */
struct checker;

struct checker *checker_new(void);
void checker_free(struct checker *checker);

/**
 * Judge. A message without any CRLF has its line ends converted.
 *
 * @return ST_OK; ST_INVALID: a value is wrong, `why` says which; ST_IO, ST_TOO_LARGE: a file
 */
MUST_CHECK enum status checker_run(struct checker *checker, const struct check_request *request,
                                   struct verdict *verdict_out, struct why *why);

#endif
