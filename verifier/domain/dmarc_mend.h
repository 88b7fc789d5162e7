// SPDX-License-Identifier: Apache-2.0
// The DMARC record to have in the end: the domain's own, with what is wrong in it put right.
#ifndef VERIFIER_DOMAIN_DMARC_MEND_H
#define VERIFIER_DOMAIN_DMARC_MEND_H

#include <stdbool.h>
#include <stddef.h>

#include "verifier/domain/record.h"

/**
 * Mend a record that was meant to be one of DMARC: v=DMARC1 comes first, semicolons stand between
 * the tags that are known, each stands once, and p= is at least as strict as wanted. The other tags
 * stay, so that reports go where they went; those it has not got come from the wanted record.
 *
 * @text    stranger's bytes
 * @wanted  the record of the profile; its p= is the least
 * @return  false: no tag of DMARC in it, other bytes than a record has, or it does not fit
 * @thread  any
 */
bool dmarc_mend(const char *text, size_t length, const char *wanted, char out[RECORD_VALUE_SIZE]);

#endif
