// SPDX-License-Identifier: Apache-2.0
// An SMTP reply with its enhanced status code (RFC 5321, 4.2; RFC 3463).
#ifndef COMMON_SMTP_REPLY_H
#define COMMON_SMTP_REPLY_H

#include <stdint.h>

struct smtp_reply {
    uint64_t code;        /* 250, 451, 550 ...; 0 means none */
    const char *enhanced; /* "5.1.1" */
    const char *text;     /* one line of printable ASCII */
};

#endif
