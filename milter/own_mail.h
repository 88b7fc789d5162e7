// SPDX-License-Identifier: Apache-2.0
// Mail of the MTA's own recipients under `milter.authenticate: all`: whose is judged, what a
// verdict does to it, and how its header is marked (Authentication-Results, RFC 8601).
#ifndef MILTER_OWN_MAIL_H
#define MILTER_OWN_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/network.h"
#include "common/policy.h"

enum {
    /* The MTA's own limit (message_size_limit) is the one that counts; this is a cap for the disk.
     */
    OWN_MAIL_BYTES_MAX = 1024 * 1024 * 1024,
    /* Forged fields of one message; no honest one has any, and each costs the MTA a search. */
    OWN_MAIL_FORGED_MAX = 100
};

/** The operator's rules. */
struct own_mail {
    bool judged;                   /* authenticate: all */
    struct policy policy;          /* own_mail: tag is a policy that refuses and defers nothing */
    const struct network *trusted; /* clients that are left alone */
    size_t trusted_count;
    const char *authserv_id;
};

/** The policy of `own_mail: enforce` (that of the host) or tag. */
struct policy own_mail_policy(bool enforce, const struct policy *of_host);

/** True if mail of this client is left alone. An address that cannot be read is not trusted. */
bool own_mail_trusts(const struct own_mail *own, const char *client_address);

/**
 * True if one answer could not be right for both: the MTA's own mail might be refused or put off
 * where ours would be taken.
 *
 * @excused  ours is not judged (trusted client), or by forwarders that are registered for it
 */
bool own_mail_clashes(const struct own_mail *own, const struct policy *ours, bool excused);

/** Which Authentication-Results fields of a message bear our name. Zero is an empty list. */
struct forged_list {
    uint32_t fields;  /* of that name, so far */
    uint32_t *places; /* of the forged ones, counted from 1, rising */
    size_t count;
    bool overflow; /* there are more than OWN_MAIL_FORGED_MAX */
};

/** Look at the next field of the header. */
void forged_list_see(struct forged_list *list, const char *authserv_id, const char *name,
                     const char *value);
void forged_list_done(struct forged_list *list);

/** A verdict's one-line field value as a header field's: with leading blank, folded with bare LF as
 *  the milter protocol wants it. Returns owned (free). */
char *own_mail_fold(const char *results);

#endif
