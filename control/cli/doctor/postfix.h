// SPDX-License-Identifier: Apache-2.0
// What Postfix's settings mean for mailspur: pure functions from settings to findings.
#ifndef CONTROL_CLI_DOCTOR_POSTFIX_H
#define CONTROL_CLI_DOCTOR_POSTFIX_H

#include <stdbool.h>

#include "common/strbuf.h"
#include "control/cli/doctor/doctor.h"
#include "control/cli/doctor/settings.h"

struct postfix_view {
    const struct config *config;
    const struct postfix_settings *settings;
};

/** smtpd_relay_restrictions, and smtpd_recipient_restrictions behind them. */
void postfix_judge_restrictions(const struct postfix_view *view, struct doctor *doctor);

/** smtpd_milters and what belongs to them, in main.cf and of each service. */
void postfix_judge_milters(const struct postfix_view *view, struct doctor *doctor);

/** Second lock, copies, rewriting, sizes. */
void postfix_judge_mail(const struct postfix_view *view, struct doctor *doctor);

/**
 * Ask a lookup table, such as "hash:/etc/postfix/virtual", for many keys at once.
 *
 * @found_out  for each key whether it is there
 * @return     ST_OK; anything else: it could not be asked
 */
typedef enum status postfix_ask_fn(void *context, const char *table,
                                   const struct doctor_names *keys, bool *found_out,
                                   struct why *why);

/** Whether a domain of ours stands in one of Postfix's domain classes, or has a transport. */
void postfix_judge_classes(const struct postfix_view *view, const struct doctor_names *domains,
                           postfix_ask_fn *ask, void *context, struct doctor *doctor);

// ---- sockets, as Postfix names them

/** Where Postfix would look for `path`: under its queue directory when it is relative, or when
 * smtpd runs there as in its root. */
void postfix_real_path(const struct postfix_settings *settings, const char *path,
                       struct strbuf *out);

/** `path` as main.cf should name it: relative to the queue directory where it lies below. */
const char *postfix_own_path(const struct postfix_settings *settings, const char *path);

/** False if smtpd cannot get there from its root. */
bool postfix_can_enter(const struct postfix_settings *settings, const char *path);

/** True if both are the same file, by name or by what lies there. */
bool postfix_is_same_file(const char *a, const char *b);

/** The path of a Unix socket as mailspur.yaml has it ("unix:/path", "local:/path"); NULL for
 *  others. Borrowed. */
const char *postfix_unix_path(const char *socket);

#endif
