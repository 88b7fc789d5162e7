// SPDX-License-Identifier: Apache-2.0
// A DNS of a few lines, for the tests of this folder and of those inside.
#ifndef TESTS_UNIT_MESSAGE_ZONE_H
#define TESTS_UNIT_MESSAGE_ZONE_H

#include "verifier/dns/dns.h"

/** A zone of these lines, from a temporary file that is gone on return. */
struct dns *support_zone(const char *lines);

#endif
