// SPDX-License-Identifier: Apache-2.0
// The domain's identity in Amazon SES (API v2): made, looked at, and deleted again when it is ours.
//
//   ses_state_init → store its text → ses_ensure, as often as one likes → store its text
//   ses_state_request_release → store its text → ses_release until ST_OK → store its text
//
// An identity is ours when it carries the tag with this installation's id. One that was there
// before us is adopted: used, and never deleted. Before each deletion the tag is looked at again.
#ifndef VERIFIER_DOMAIN_SES_SES_H
#define VERIFIER_DOMAIN_SES_SES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/status.h"

/* ---- what is kept between calls -------------------------------------------------------------- */

enum {
    SES_TOKENS = 3,
    SES_TOKEN_SIZE = 64,  /* one DNS label */
    SES_REGION_SIZE = 33, /* "eu-central-1" */
    SES_STATE_TEXT_SIZE = 1024
};

enum ses_holding {
    SES_HOLDING_UNKNOWN, /* not asked yet; or a creation was sent and its answer lost */
    SES_HOLDING_OURS,    /* it carries our tag */
    SES_HOLDING_ADOPTED, /* somebody else's: never deleted */
    SES_HOLDING_GONE     /* released: deleted, or left to the others who use it */
};

/** What the caller stores with the domain, as text. */
struct ses_state {
    char region[SES_REGION_SIZE];
    enum ses_holding holding;                /* as last seen */
    bool release_pending;                    /* ses_release is to be called until ST_OK */
    char tokens[SES_TOKENS][SES_TOKEN_SIZE]; /* of the DKIM keys; "" not known yet */
    char zone[DOMAIN_NAME_SIZE];             /* SigningHostedZone; "" not known yet */
    char mail_from[DOMAIN_NAME_SIZE];        /* as set in SES; "" not yet */
};

/** A domain that will have an identity in this region; store it before the first ses_ensure. */
void ses_state_init(struct ses_state *state, const char *region);

/** The domain is removed: from now on the identity is to be released. */
void ses_state_request_release(struct ses_state *state);

/** True once tokens and zone are known, so that the DKIM records can be shown. */
bool ses_state_has_dkim(const struct ses_state *state);

/** The state as one line of JSON, always shorter than SES_STATE_TEXT_SIZE. */
void ses_state_format(const struct ses_state *state, char out[SES_STATE_TEXT_SIZE]);

/** The reverse, strictly. ST_INVALID says what is wrong; ST_TOO_LARGE. */
MUST_CHECK enum status ses_state_parse(const char *text, struct ses_state *out, struct why *why);

/* ---- one account in one region --------------------------------------------------------------- */

struct ses;

enum {
    SES_TIMEOUT_MS = 10000,    /* one call, unless set otherwise */
    SES_INSTALLATION_MAX = 128 /* characters */
};

/** All texts are copied. */
struct ses_settings {
    const char *region;
    const char *endpoint; /* NULL: https://email.<region>.amazonaws.com. "https://host[:port]", for
                             private endpoints; "http://..." is taken too, for tests */
    const char *access_key_id_file; /* one line each; read again for every call, so that keys can
                                       be changed while we run */
    const char *secret_key_file;
    const char *session_token_file; /* NULL: none */
    const char *ca_file;            /* PEM; NULL: the system's */
    const char *installation;       /* our tag: letters, digits, "-", "_", "." */
    int64_t timeout_ms;             /* one call */
    int64_t interval_ms;            /* least time between the starts of two calls: SES takes one a
                                       second for an account; 0: none */
};

/** Check the settings, and that the files can be read. Sends nothing.
 *  ST_INVALID: a setting or a file's content; ST_IO: a file cannot be read. */
MUST_CHECK enum status ses_open(const struct ses_settings *settings, struct ses **ses_out,
                                struct why *why);

/** No call may be under way: ses_cancel() first, and join. NULL-safe. */
void ses_close(struct ses *ses);

/** Calls under way and to come end with ST_AGAIN, within about a second: for shutdown. */
void ses_cancel(struct ses *ses);

/** Milliseconds until SES takes the next call (its own rate, or it asked us to wait); 0: now.
 *  Worth asking after ST_AGAIN. */
int64_t ses_wait_ms(struct ses *ses);

/* ---- operations ------------------------------------------------------------------------------ */

enum ses_progress {
    SES_PROGRESS_NONE, /* NOT_STARTED, or nothing was said */
    SES_PROGRESS_PENDING,
    SES_PROGRESS_SUCCESS,
    SES_PROGRESS_FAILED,
    SES_PROGRESS_TEMPORARY_FAILURE,
    SES_PROGRESS_OTHER /* a word this version does not know */
};

enum { SES_ERROR_SIZE = 64 };

/** What SES says of the domain. */
struct ses_report {
    bool verified;                  /* VerifiedForSendingStatus: SES sends for it */
    enum ses_progress verification; /* VerificationStatus */
    enum ses_progress dkim;         /* DkimAttributes.Status */
    enum ses_progress mail_from;    /* MailFromAttributes.MailFromDomainStatus */
    char error[SES_ERROR_SIZE];     /* VerificationInfo.ErrorType, such as HOST_NOT_FOUND; "" */
};

/** "pending", "success", ... */
const char *ses_progress_name(enum ses_progress progress);

/** A sentence for a report's error; "" for "". */
const char *ses_error_sentence(const char *error);

/**
 * See to it that the identity exists and has its MAIL FROM domain, and ask how it stands.
 *
 * May be repeated at any time: each attempt first asks what is there, so that a lost answer never
 * makes a second identity. Within the deadline it repeats what fails for the moment. An adopted
 * identity keeps the MAIL FROM domain it has: `state->mail_from` tells which.
 *
 * @domain     A-labels, as address_normalize_domain() gives them
 * @mail_from  a subdomain of it
 * @deadline   clock_mono_ms() at which to give up
 * @state      moves on, also on failure: store it afterwards
 * @return     ST_OK; ST_AGAIN network, throttled, an answer that is not understood; ST_IO the clock
 *             of this host is off, or a key file cannot be read; ST_NO_SPACE the account's limit is
 *             reached; ST_REFUSED keys or rights, or the identity has DKIM keys of its own;
 *             ST_INVALID SES does not take the name; ST_CONFLICT its release is pending
 * @thread     any; blocks to the deadline. Not while another call works on the same name.
 */
MUST_CHECK enum status ses_ensure(struct ses *ses, const char *domain, const char *mail_from,
                                  int64_t deadline, struct ses_state *state,
                                  struct ses_report *report_out, struct why *why);

/**
 * Delete the identity if it is ours. That it is not there is success.
 *
 * @others_left  another entry of the same name and region still uses it: nothing is sent
 * @state        its release was requested. After ST_OK it is SES_HOLDING_GONE, and no release is
 *               pending; store it afterwards
 * @return       ST_OK; else as ses_ensure, and to be repeated, whichever it is: ST_REFUSED lasts
 *               until the operator has mended the keys
 * @thread       any; blocks to the deadline. Not while another call works on the same name.
 */
MUST_CHECK enum status ses_release(struct ses *ses, const char *domain, bool others_left,
                                   int64_t deadline, struct ses_state *state, struct why *why);

#endif
