// SPDX-License-Identifier: Apache-2.0
// Requests about one domain, and what several commands say of it.
#ifndef CONTROL_CLI_DOMAIN_ASK_H
#define CONTROL_CLI_DOMAIN_ASK_H

#include <stdbool.h>

#include "control/cli/call.h"

/**
 * Ask about one domain: /v1/domains/NAME and what follows. As call_api.
 *
 * @name  as a person types it, or an id
 * @what  "", "/records", "/verify", with a query or without
 */
MUST_CHECK enum cli_exit domain_ask(const struct cli *cli, const char *method, const char *name,
                                    const char *what, json_t *body, json_t **answer_out);

bool domain_is_verified(const json_t *domain);

/** Verified, and every record that counts was found by the check whose answer this is. */
bool domain_passes(const json_t *domain);

/** "on" or "off". */
const char *domain_inbound(const json_t *domain);

/** Its name, and behind it in brackets the letters that a person reads in place of A-labels, where
 *  there are any and the screen has them. */
void domain_put_name(const struct screen *screen, const json_t *domain, struct strbuf *out);

/** Room for what domain_put_name puts. */
enum { DOMAIN_SHOWN_SIZE = 2048 };

/** One line: name, tenant, status, inbound; and another, if it waits for somebody. */
void domain_print_headline(const struct screen *screen, const json_t *domain);

/** Why SES does not go along, if it is so. */
void domain_print_ses_problem(const struct screen *screen, const json_t *domain);

/** One sentence: what a verification came to, and the next step; and for whom it waits. */
void domain_print_conclusion(const struct screen *screen, const json_t *domain);

#endif
