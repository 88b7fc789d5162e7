// SPDX-License-Identifier: Apache-2.0
// A command's request to the API and what its answer means for the exit code.
#ifndef CONTROL_CLI_CALL_H
#define CONTROL_CLI_CALL_H

#include <stdint.h>

#include <jansson.h>

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "control/cli/args.h"

static inline void
json_cleanup(json_t **json)
{
    json_decref(*json);
}
#define AUTO_JSON AUTO(json_cleanup) json_t

/**
 * Ask the API. With --json the answer's body is printed, whatever it says; else an error goes to
 * stderr as a sentence.
 *
 * @url         path and query, as url.h makes them; an overflown one is refused
 * @body        taken; NULL: none
 * @answer_out  new reference, an object; only with CLI_OK
 */
MUST_CHECK enum cli_exit call_api(const struct cli *cli, const char *method,
                                  const struct strbuf *url, json_t *body, json_t **answer_out);

/** As call_api with GET, but with --json only an error is printed. */
MUST_CHECK enum cli_exit call_look(const struct cli *cli, const struct strbuf *url,
                                   json_t **answer_out);

/**
 * Fetch the raw body at `url` into memory (at most CLIENT_ANSWER_MAX).
 *
 * @body  a strbuf of that cap; only with CLI_OK
 * @return  CLI_NOT_FOUND without a complaint; anything else after one
 */
MUST_CHECK enum cli_exit call_fetch(const struct cli *cli, const struct strbuf *url,
                                    struct strbuf *body);

/** Write the raw body at `url` to stdout: as it is, or made visible on a terminal. */
MUST_CHECK enum cli_exit call_download(const struct cli *cli, const struct strbuf *url);

/** The options that have a member, as query parameters. */
void call_add_parameters(struct strbuf *url, const struct args *args);

/** The options that have a member, as an object of texts. New reference. */
json_t *call_make_body(const struct args *args);

/** Add a text to a body. One that is no UTF-8 becomes null, which the API refuses by its name: left
 *  out, it would select more than was asked for. */
void call_put_text(json_t *body, const char *member, const char *text);

/** Members of an answer: "" and 0 when they are not there. Borrowed. */
const char *call_text(const json_t *object, const char *member);
int64_t call_number(const json_t *object, const char *member);

/** A number as text, "" for null: for the cells of a table. Returns `out`. */
enum { CALL_NUMBER_SIZE = 24 };
const char *call_number_text(const json_t *object, const char *member, char out[CALL_NUMBER_SIZE]);

#endif
