// SPDX-License-Identifier: Apache-2.0
// The records of a domain for people: what to publish, and what a check saw of it. Takes the API's
// JSON (docs/api.md).
#ifndef CONTROL_CLI_RECORD_SHOW_H
#define CONTROL_CLI_RECORD_SHOW_H

#include <stddef.h>

#include <jansson.h>

#include "control/cli/screen.h"

/** The records to publish: a table, or, where a terminal is too narrow for it, one block each, so
 *  that nothing that is to be copied is cut or broken up. */
void record_show_wanted(const struct screen *screen, const json_t *records);

/** Append the line of a record's check: mark, purpose, type, name, status; without line end. */
void record_show_line(const struct screen *screen, const json_t *record, struct strbuf *out);

/** The line of each record; below it, unless all is well, what was observed, and of each finding
 * the problem, the cure and the text to paste, which stands on a line of its own. */
void record_show_report(const struct screen *screen, const json_t *records);

/** The lines alone. */
void record_show_brief(const struct screen *screen, const json_t *records);

#endif
