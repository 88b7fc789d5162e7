// SPDX-License-Identifier: Apache-2.0
// Lists that several commands show.
#ifndef CONTROL_CLI_LISTING_H
#define CONTROL_CLI_LISTING_H

#include "control/cli/call.h"
#include "control/cli/table.h"

enum { LISTING_PAGE = 500 }; /* rows that are asked for at once */

/** A table of deliveries; nothing when there are none. `with_tries`: attempts and next try too. */
void listing_print_deliveries(const struct cli *cli, const json_t *deliveries, bool with_tries);

/** Ask for a list at `path` with the command's options. As call_api. */
MUST_CHECK enum cli_exit listing_ask(const struct cli *cli, const struct args *args,
                                     const char *path, json_t **answer_out);

/** A whole list, page by page. */
struct listing {
    const char *member; /* of the answers: the rows */
    const struct column *columns;
    size_t column_count;
    void (*add)(const struct screen *screen, struct table *table, const json_t *row);
    const char *none; /* said when there are no rows */
};

/**
 * Ask for all pages of the list at `url`, and print each as it comes: a table, or with --json one
 * object that has all rows in `member`.
 */
MUST_CHECK enum cli_exit listing_print_all(const struct cli *cli, const struct strbuf *url,
                                           const struct listing *listing);

/** When the answer has another page, tell on stderr how to see it. */
void listing_print_next(const struct cli *cli, const json_t *answer);

/**
 * POST the command's options, and the operand (if there is one) as "delivery"; print the count as
 * "3 deliveries <done>". CLI_FAILED when nothing matched.
 */
MUST_CHECK enum cli_exit listing_post(const struct cli *cli, const struct args *args,
                                      const char *path, const char *done);

/** After a removal: what became of held mail, by the choice of --held (NULL: nothing was asked). */
void listing_print_held(const struct cli *cli, const char *choice, const json_t *answer);

/** One line "  label      value", unless the value is empty. */
void listing_print_pair(const struct cli *cli, const char *label, const char *value);

/** A time as such a line: "2026-11-22T10:15:30.123Z (5 min ago)". */
void listing_print_moment(const struct cli *cli, const char *label, const char *iso);

#endif
