// SPDX-License-Identifier: Apache-2.0
#include "common/record_kind.h"

#include <stddef.h>

const char *const RECORD_FOR_WORDS[] = {
    [RECORD_FOR_OWNERSHIP] = "ownership",
    [RECORD_FOR_SENDING] = "sending",
    [RECORD_FOR_INBOUND] = "inbound",
    NULL,
};

const char *const RECORD_TYPE_WORDS[] = {
    [RECORD_TYPE_TXT] = "TXT",
    [RECORD_TYPE_CNAME] = "CNAME",
    [RECORD_TYPE_MX] = "MX",
    NULL,
};

const char *const RECORD_PURPOSE_WORDS[] = {
    [PURPOSE_OWNERSHIP] = "ownership",
    [PURPOSE_SPF] = "spf",
    [PURPOSE_DKIM] = "dkim",
    [PURPOSE_DMARC] = "dmarc",
    [PURPOSE_MAIL_FROM_MX] = "mail_from_mx",
    [PURPOSE_MAIL_FROM_SPF] = "mail_from_spf",
    [PURPOSE_INBOUND_MX] = "mx",
    NULL,
};

static const struct kind {
    enum record_type type;
    enum record_for needed_for;
} KINDS[] = {
    [PURPOSE_OWNERSHIP] = {RECORD_TYPE_TXT, RECORD_FOR_OWNERSHIP},
    [PURPOSE_SPF] = {RECORD_TYPE_TXT, RECORD_FOR_SENDING},
    [PURPOSE_DKIM] = {RECORD_TYPE_CNAME, RECORD_FOR_SENDING},
    [PURPOSE_DMARC] = {RECORD_TYPE_TXT, RECORD_FOR_SENDING},
    [PURPOSE_MAIL_FROM_MX] = {RECORD_TYPE_MX, RECORD_FOR_SENDING},
    [PURPOSE_MAIL_FROM_SPF] = {RECORD_TYPE_TXT, RECORD_FOR_SENDING},
    [PURPOSE_INBOUND_MX] = {RECORD_TYPE_MX, RECORD_FOR_INBOUND},
};

enum record_type
record_purpose_type(enum record_purpose purpose)
{
    return KINDS[purpose].type;
}

enum record_for
record_purpose_for(enum record_purpose purpose)
{
    return KINDS[purpose].needed_for;
}
