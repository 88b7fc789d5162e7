// SPDX-License-Identifier: Apache-2.0
#include "milter/answer.h"

#include <stdarg.h>
#include <stdio.h>

static void
make_printable(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
}

void
answer_reply(struct answer *out, unsigned code, const char *enhanced, const char *format, ...)
{
    *out = (struct answer){.kind = ANSWER_REPLY, .code = code};
    (void)snprintf(out->enhanced, sizeof(out->enhanced), "%s", enhanced);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out->text, sizeof(out->text), format, args);
    va_end(args);
    make_printable(out->text);
}

void
answer_relay(struct answer *out, const struct smtp_reply *reply)
{
    if (reply->code < 400 || reply->code > 599) {
        answer_reply(out, 451, "4.3.0", "internal error, try again later");
        return;
    }
    answer_reply(out, (unsigned)reply->code, reply->enhanced, "%s", reply->text);
}

void
answer_failure(struct answer *out, enum status status)
{
    if (status == ST_TOO_LARGE) {
        answer_reply(out, 552, "5.3.4", "message is too large");
    } else if (status == ST_NO_SPACE) {
        answer_reply(out, 452, "4.3.1", "no room for the message, try again later");
    } else {
        answer_reply(out, 451, "4.3.0", "internal error, try again later");
    }
}
