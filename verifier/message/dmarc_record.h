// SPDX-License-Identifier: Apache-2.0
// DMARC records (RFC 9989, 4.7 and 4.8): text → value.
#ifndef VERIFIER_MESSAGE_DMARC_RECORD_H
#define VERIFIER_MESSAGE_DMARC_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"
#include "common/verdict.h"

enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

struct dmarc_record {
    bool has_policy; /* p=, sp=, np= are good, or there is a rua= and all of them are none */
    enum dmarc_action policy;             /* p= */
    enum dmarc_action subdomain_policy;   /* sp=, else p= */
    enum dmarc_action nonexistent_policy; /* np=, else sp=, else p= */
    bool strict_dkim;                     /* adkim=s */
    bool strict_spf;                      /* aspf=s */
    bool testing;                         /* t=y */
    enum dmarc_psd psd;
};

/**
 * Read a TXT record. Unknown tags and bad values of optional ones are passed over, except of p=,
 * sp= and np= (RFC 9989, 4.10.1).
 *
 * @return ST_OK; ST_INVALID: this is no DMARC record (v=DMARC1 is not first, a tag stands twice)
 */
MUST_CHECK enum status dmarc_record_parse(const char *text, size_t length,
                                          struct dmarc_record *out);

#endif
