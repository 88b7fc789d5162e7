// SPDX-License-Identifier: Apache-2.0
// A message from a file, made what SMTP would have brought.
#ifndef CONTROL_CLI_MAIL_FILE_H
#define CONTROL_CLI_MAIL_FILE_H

#include <stdint.h>

#include "common/status.h"
#include "common/strbuf.h"

/** In an unlinked file, as verifier/message wants it. */
struct mail_file {
    int fd; /* the caller's to close */
    uint64_t size;
    uint64_t header_length;
};

/** Append all of the file ("-": standard input) to `out`. ST_IO; ST_TOO_LARGE: over its cap. */
MUST_CHECK enum status mail_file_read(const char *path, struct strbuf *out, struct why *why);

/**
 * Make the file. Bytes without any CRLF come from a file of this system: each LF becomes CRLF.
 *
 * @return ST_OK; ST_IO
 */
MUST_CHECK enum status mail_file_store(const char *bytes, size_t length, struct mail_file *out,
                                       struct why *why);

#endif
