// SPDX-License-Identifier: Apache-2.0
#include "control/cli/url.h"

#include <string.h>

// Append text with everything but unreserved characters encoded.
static void
url_append_encoded(struct strbuf *url, const char *text)
{
    static const char UNRESERVED[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(UNRESERVED, *text) != NULL) {
            strbuf_putc(url, *text);
        } else {
            strbuf_printf(url, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

void
url_append_segment(struct strbuf *url, const char *text)
{
    strbuf_putc(url, '/');
    url_append_encoded(url, text);
}

void
url_append_parameter(struct strbuf *url, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    strbuf_putc(url, strchr(strbuf_text(url), '?') == NULL ? '?' : '&');
    url_append_encoded(url, name);
    strbuf_putc(url, '=');
    url_append_encoded(url, value);
}
