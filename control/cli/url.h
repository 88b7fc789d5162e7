// SPDX-License-Identifier: Apache-2.0
// Paths and queries of requests, percent-encoded (RFC 3986, 2.1).
#ifndef CONTROL_CLI_URL_H
#define CONTROL_CLI_URL_H

#include "common/strbuf.h"

enum { URL_MAX = 8192 };

/** Append "/" and the text as one segment. */
void url_append_segment(struct strbuf *url, const char *text);

/** Append "?name=value" or "&name=value"; nothing when `value` is NULL. */
void url_append_parameter(struct strbuf *url, const char *name, const char *value);

#endif
