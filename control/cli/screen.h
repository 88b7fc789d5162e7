// SPDX-License-Identifier: Apache-2.0
// Where human-readable output goes, and how text gets there safely: senders and subjects are
// written by strangers, so no control byte and no direction mark of theirs reaches a terminal.
#ifndef CONTROL_CLI_SCREEN_H
#define CONTROL_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/attrs.h"
#include "common/strbuf.h"

struct screen {
    FILE *out;
    bool tty;
    bool utf8;     /* else other characters than ASCII become '?' */
    bool colour;   /* a terminal that shows them, and NO_COLOR is not set */
    size_t width;  /* columns; 0: no limit, since nobody looks */
    size_t height; /* lines of a terminal that can draw again over what it shows; 0: it cannot */
};

enum { SCREEN_LINE_MAX = 64 * 1024 /* bytes; what is longer is cut */ };

/** Find out what `out` is. Call once, at the start: it sets the locale. */
struct screen screen_open(FILE *out);

/** Append `text` without control characters, direction marks and broken UTF-8 ('\n' → space). */
void screen_clean(const struct screen *screen, const char *text, struct strbuf *out);

/** Print one formatted line, cleaned; the format's own bytes too. */
void screen_line(const struct screen *screen, const char *format, ...) PRINTF_LIKE(2, 3);

/** Columns that cleaned text takes. */
size_t screen_text_width(const char *text);

/** The longest part of cleaned text that takes at most `columns`: its length in bytes. */
size_t screen_fit(const char *text, size_t columns);

/** Lines that cleaned text takes with its line ends and styles, in a terminal of `width` columns.
 */
size_t screen_text_lines(const char *text, size_t width);

enum screen_style { STYLE_PLAIN, STYLE_GOOD, STYLE_BAD, STYLE_UNSURE, STYLE_HEAD };

/** The codes that begin and end a style; "" without colours. */
const char *screen_style_on(const struct screen *screen, enum screen_style style);
const char *screen_style_off(const struct screen *screen, enum screen_style style);

/** For raw mail on a terminal: line ends and printable ASCII pass, other bytes become \xNN. */
void screen_write_visible(const struct screen *screen, const char *data, size_t length);

#endif
