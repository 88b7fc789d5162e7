// SPDX-License-Identifier: Apache-2.0
// Judge one message: SPF, DKIM, ARC, DMARC → verdict. The one interface of message authentication,
// whichever engines stand behind it: our own, or the reference libraries in mailspur-reference.
#ifndef VERIFIER_MESSAGE_AUTH_H
#define VERIFIER_MESSAGE_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/dmarc_discovery.h"

enum { AUTH_HEADER_MAX = 4 * 1024 * 1024 }; /* header block that is read; more is permerror */

struct auth;
struct spf_trace;

enum auth_engine { AUTH_ENGINE_OWN, AUTH_ENGINE_REFERENCE };

/** What the two are compared in. */
enum auth_method { AUTH_METHOD_SPF, AUTH_METHOD_HELO, AUTH_METHOD_DKIM, AUTH_METHOD_DMARC };

enum { AUTH_METHODS = AUTH_METHOD_DMARC + 1 };

const char *auth_method_name(enum auth_method method);

/** The reference came to another result than our own engines, which decided. */
struct auth_disagreement {
    const char *label; /* of the message */
    enum auth_method method;
    const char *own; /* result, as a word */
    const char *reference;
    const char *domain; /* that it is about; "" when not known */
    const char *reason; /* why ours is no pass; "" when nothing is told */
};

struct auth_settings {
    const char *authserv_id;        /* of Authentication-Results; also SPF's receiver name */
    enum auth_engine engine;        /* which decides */
    enum dmarc_discovery discovery; /* how DMARC finds policy and organizational domain */
    bool received_spf;              /* write verdict.received_spf */
    bool shadow;                    /* with our own engines: the reference judges too, and is only
                                       compared with */
    const char *helper;             /* path of mailspur-reference; unless only our own are used */
    size_t helpers;                 /* processes of it, each judges one message at a time */
    int64_t timeout_ms;             /* of one message, DNS included */
    unsigned queries;               /* DNS queries one message may cost */
    /* With `shadow`: called in the thread of auth_check for each disagreement. May be NULL. */
    void (*disagreed)(const struct auth_disagreement *disagreement);
};

/** A message complete in memory or in a file; neither: there is none, SPF only. */
struct auth_message {
    const char *label;          /* for disagreements: the queue id; may be NULL */
    const char *client_address; /* IP text */
    const char *helo;
    const char *sender; /* MAIL FROM without angle brackets; "" is the null sender */
    const char *data;   /* its bytes: fields, CRLF lines, empty line, body; NULL: see fd */
    int fd;             /* the same from offset 0; -1: see data */
    uint64_t size;
    uint64_t header_length;              /* empty line included */
    const struct forwarders *forwarders; /* that the recipients' domain has registered, or NULL */
    int64_t now_s; /* seconds since 1970 that signatures are compared with (the reference
                      has its own clock); 0: the clock */
    struct dns_recorder *recorder; /* takes note of the answers that decided; NULL: none */
    struct spf_trace *trace;       /* of our own SPF; NULL: none */
};

/** Start. ST_IO: the first helper cannot be started. ST_INVALID: `helpers` is out of range. */
MUST_CHECK enum status auth_open(const struct auth_settings *settings, struct dns *dns,
                                 struct auth **auth_out, struct why *why);

/** True if a helper takes part, which is given the message as a descriptor: data is not enough. */
bool auth_needs_file(const struct auth *auth);

/** Stop the helpers. No check may be under way. NULL-safe. */
void auth_close(struct auth *auth);

/**
 * Judge. Always gives a verdict: what could not be found out is temperror, never fail. A helper
 * that dies or hangs costs this one answer and is replaced; as a shadow it costs nothing.
 *
 * @thread  any; blocks up to timeout_ms, and while all helpers are busy
 */
void auth_check(struct auth *auth, const struct auth_message *message, struct verdict *verdict_out);

/** The verdict of a message that is not judged (authenticated or trusted client). */
void auth_local(const struct auth *auth, struct verdict *verdict_out);

/** What the shadow came to so far. */
struct auth_shadow_counts {
    uint64_t compared;                    /* messages */
    uint64_t agreed;                      /* of these: without any difference */
    uint64_t disagreements[AUTH_METHODS]; /* results; each signature is one */
    uint64_t failed;                      /* messages it had no answer for */
};

/** @thread any */
void auth_shadow_counts(struct auth *auth, struct auth_shadow_counts *out);

#endif
