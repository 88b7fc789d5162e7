// SPDX-License-Identifier: Apache-2.0
#include "control/cli/screen.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { WIDTH_FALLBACK = 80 };

struct screen
screen_open(FILE *out)
{
    int fd = fileno(out);
    (void)setlocale(LC_CTYPE, ""); // to learn the user's character set
    const char *codeset = nl_langinfo(CODESET);
    struct screen screen = {.out = out, .tty = fd >= 0 && isatty(fd) == 1};
    screen.utf8 = !screen.tty || strcmp(codeset, "UTF-8") == 0;
    (void)setlocale(LC_CTYPE, "C.UTF-8"); // for wcwidth, whatever the user has
    if (screen.tty) {
        const char *term = getenv("TERM"); // one thread
        bool is_smart = term != NULL && strcmp(term, "dumb") != 0;
        struct winsize size = {.ws_row = 0};
        (void)ioctl(fd, TIOCGWINSZ, &size); // else: not known
        screen.colour = is_smart && getenv("NO_COLOR") == NULL;
        screen.width = size.ws_col > 0 ? size.ws_col : WIDTH_FALLBACK;
        screen.height = is_smart ? size.ws_row : 0;
    }
    return screen;
}

// ---- characters

struct range {
    wchar_t first, last;
};

// Characters that steer a terminal or the direction of text instead of showing something.
static const struct range UNSAFE[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x061c, 0x061c},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xe0000, 0xe007f},
};

static bool
is_unsafe(wchar_t point)
{
    for (size_t i = 0; i < ARRAY_LEN(UNSAFE); i++) {
        if (point >= UNSAFE[i].first && point <= UNSAFE[i].last) {
            return true;
        }
    }
    return wcwidth(point) < 0; // unassigned, surrogate, private control
}

// One character; a byte that begins none counts as an unsafe character of length 1.
static size_t
next_character(const char *text, wchar_t *point_out)
{
    mbstate_t state = {0};
    size_t length = mbrtowc(point_out, text, strlen(text), &state);
    if (length == 0 || length > MB_LEN_MAX) {
        *point_out = 0;
        return 1;
    }
    return length;
}

void
screen_clean(const struct screen *screen, const char *text, struct strbuf *out)
{
    while (*text != '\0') {
        wchar_t point;
        size_t length = next_character(text, &point);
        if (point == L'\n' || point == L'\t') {
            strbuf_putc(out, ' ');
        } else if (is_unsafe(point)) {
            strbuf_puts(out, screen->utf8 ? "\xef\xbf\xbd" : "?");
        } else if (point > 0x7f && !screen->utf8) {
            strbuf_putc(out, '?');
        } else {
            strbuf_append(out, text, length);
        }
        text += length;
    }
}

size_t
screen_text_width(const char *text)
{
    size_t width = 0;
    while (*text != '\0') {
        wchar_t point;
        text += next_character(text, &point);
        int columns = wcwidth(point);
        width += columns > 0 ? (size_t)columns : 0;
    }
    return width;
}

size_t
screen_fit(const char *text, size_t columns)
{
    size_t width = 0;
    size_t length = 0;
    while (text[length] != '\0') {
        wchar_t point;
        size_t step = next_character(text + length, &point);
        int more = wcwidth(point);
        width += more > 0 ? (size_t)more : 0;
        if (width > columns) {
            break;
        }
        length += step;
    }
    return length;
}

// What stands before the next line end, without the codes of styles.
static void
take_line(const char **text, struct strbuf *out)
{
    const char *at = *text;
    while (*at != '\0' && *at != '\n') {
        if (*at == '\033') {
            at += strcspn(at, "m\n");
            at += *at == 'm' ? 1 : 0;
        } else {
            strbuf_putc(out, *at++);
        }
    }
    *text = *at == '\n' ? at + 1 : at;
}

size_t
screen_text_lines(const char *text, size_t width)
{
    size_t lines = 0;
    while (*text != '\0') {
        AUTO_STRBUF line = STRBUF_INIT(SCREEN_LINE_MAX);
        take_line(&text, &line);
        size_t columns = screen_text_width(strbuf_text(&line));
        lines += width == 0 || columns == 0 ? 1 : (columns + width - 1) / width;
    }
    return lines;
}

// ---- printing

void
screen_line(const struct screen *screen, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        return;
    }
    AUTO_STRBUF clean = STRBUF_INIT(SCREEN_LINE_MAX);
    screen_clean(screen, text, &clean);
    free(text);
    (void)fprintf(screen->out, "%s\n", strbuf_text(&clean)); // a broken pipe shows at exit
}

static const char *const STYLE_CODES[] = {
    [STYLE_PLAIN] = "",          [STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[31m",
    [STYLE_UNSURE] = "\033[33m", [STYLE_HEAD] = "\033[1m",
};

const char *
screen_style_on(const struct screen *screen, enum screen_style style)
{
    return screen->colour ? STYLE_CODES[style] : "";
}

const char *
screen_style_off(const struct screen *screen, enum screen_style style)
{
    return screen->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

void
screen_write_visible(const struct screen *screen, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)data[i];
        if (byte == '\n' || byte == '\t' || (byte >= 0x20 && byte < 0x7f)) {
            (void)fputc(byte, screen->out);
        } else if (byte != '\r') {
            (void)fprintf(screen->out, "\\x%02x", byte);
        }
    }
}
