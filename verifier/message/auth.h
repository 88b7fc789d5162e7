// SPDX-License-Identifier: Apache-2.0
// Judge one message: SPF, DKIM, DMARC → verdict. The one interface of message authentication,
// whichever engines stand behind it. Today these are the reference libraries in mailspur-reference.
#ifndef VERIFIER_MESSAGE_AUTH_H
#define VERIFIER_MESSAGE_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/verdict.h"
#include "verifier/dns/dns.h"

struct auth;

struct auth_settings {
    const char *authserv_id; /* of Authentication-Results; also SPF's receiver name */
    const char *helper;      /* path of mailspur-reference */
    size_t helpers;          /* processes of it, each judges one message at a time */
    int64_t timeout_ms;      /* of one message, DNS included */
    unsigned queries;        /* DNS queries one message may cost */
};

/** A message complete in memory or in a file. */
struct auth_message {
    const char *client_address; /* IP text */
    const char *helo;
    const char *sender; /* MAIL FROM without angle brackets; "" is the null sender */
    int fd;             /* its bytes from offset 0: fields, CRLF lines, empty line, body */
    uint64_t size;
    uint64_t header_length; /* empty line included */
};

/** Start the helpers. ST_IO when the first cannot be started. */
MUST_CHECK enum status auth_open(const struct auth_settings *settings, struct dns *dns,
                                 struct auth **auth_out, struct why *why);

/** Stop the helpers. No check may be under way. NULL-safe. */
void auth_close(struct auth *auth);

/**
 * Judge. Always gives a verdict: what could not be found out is temperror, never fail. A helper
 * that dies or hangs costs this one answer and is replaced.
 *
 * @thread  any; blocks up to timeout_ms, and while all helpers are busy
 */
void auth_check(struct auth *auth, const struct auth_message *message, struct verdict *verdict_out);

/** The verdict of a message that is not judged (authenticated or trusted client). */
void auth_local(const struct auth *auth, struct verdict *verdict_out);

#endif
