// SPDX-License-Identifier: Apache-2.0
// Paths of the API: percent-decoding (RFC 3986, 2.1) and patterns such as "/v1/domains/{id}".
#ifndef CONTROL_API_PATH_H
#define CONTROL_API_PATH_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Decode `length` bytes into `out` (`size` bytes, with NUL). False when a %XX is broken, a control
 * byte comes out of it or stands there, or it does not fit.
 */
bool percent_decode(const char *text, size_t length, char *out, size_t size);

/**
 * Does the path fit the pattern, segment by segment? "{id}" takes one segment, not empty, decoded
 * into `id_out` (`size` bytes); a pattern holds at most one. The path is not yet decoded, so an
 * encoded slash stays inside its segment.
 */
bool path_match(const char *pattern, const char *path, char *id_out, size_t size);

#endif
