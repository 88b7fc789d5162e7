// SPDX-License-Identifier: Apache-2.0
// The records of a domain as lines for a zone file or as CSV: the API's JSON, written by
// verifier/domain/record_format.h.
#ifndef CONTROL_CLI_RECORD_FILE_H
#define CONTROL_CLI_RECORD_FILE_H

#include <jansson.h>

#include "common/status.h"
#include "common/strbuf.h"

enum record_file { RECORD_FILE_BIND, RECORD_FILE_CSV };

/**
 * Append the records of a domain's answer.
 *
 * @out  with a cap of RECORD_FORMAT_MAX
 * @return  ST_OK; ST_INVALID a record is of a kind this program does not know, or too long
 */
MUST_CHECK enum status record_file_write(const json_t *domain, enum record_file form,
                                         struct strbuf *out, struct why *why);

#endif
