// SPDX-License-Identifier: Apache-2.0
// Texts with placeholders in braces, such as "{dkim1}._domainkey.{domain}". There are no other
// braces in them.
#ifndef CONFIG_TEMPLATE_H
#define CONFIG_TEMPLATE_H

#include <stdbool.h>

#include "common/status.h"
#include "common/strbuf.h"

enum { TEMPLATE_MAX = 512 }; /* bytes of the text */

enum placeholder {
    PLACE_DOMAIN,       /* {domain}: the tenant's */
    PLACE_TOKEN,        /* {token}: of its ownership record */
    PLACE_REGION,       /* {region} */
    PLACE_MAIL_FROM,    /* {mail_from}: the label */
    PLACE_DKIM1,        /* {dkim1}: of SES, or the names of our own keys */
    PLACE_DKIM2,        /* {dkim2} */
    PLACE_DKIM3,        /* {dkim3} */
    PLACE_DKIM_ZONE,    /* {dkim_zone}: where those keys are */
    PLACE_SPF_INCLUDE,  /* {spf_include} */
    PLACE_DMARC_REPORT, /* {dmarc_report}: address */
    PLACE_INBOUND_MX,   /* {inbound_mx} */
    PLACE_COUNT
};

/** The values of placeholders; NULL: there is none. */
struct template_values {
    const char *text[PLACE_COUNT];
};

/** Printable ASCII with known placeholders. ST_INVALID says which is not, and which was meant. */
MUST_CHECK enum status template_check(const char *text, struct why *why);

/** True if the placeholder stands in a text that has passed template_check. */
bool template_has(const char *text, enum placeholder place);

/**
 * Append the text with its values to `out`.
 *
 * @text    has passed template_check
 * @return  ST_OK; ST_NOT_FOUND a placeholder has no value (named by `why`); ST_TOO_LARGE. On
 *          failure `out` holds a part of it.
 */
MUST_CHECK enum status template_expand(const char *text, const struct template_values *values,
                                       struct strbuf *out, struct why *why);

#endif
