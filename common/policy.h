// SPDX-License-Identifier: Apache-2.0
// What a domain's owner wants done with a verdict. Read from configuration by the daemon, sent to
// the milter with the answer to RCPT.
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <stdint.h>

enum dmarc_mode {
    DMARC_MODE_ENFORCE, /* p=reject refuses, p=quarantine holds */
    DMARC_MODE_TAG,     /* deliver, with the verdict */
    DMARC_MODE_OFF      /* do not let DMARC decide anything */
};

enum temperror_mode {
    TEMPERROR_TAG,  /* deliver, with the verdict */
    TEMPERROR_DEFER /* 451, for at most defer_for_ms per sender domain */
};

struct policy {
    enum dmarc_mode dmarc;
    enum temperror_mode on_temperror;
    int64_t defer_for_ms;
};

#endif
