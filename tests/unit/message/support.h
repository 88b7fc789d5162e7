// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a zone from files, messages from fixtures.
#ifndef TESTS_UNIT_MESSAGE_SUPPORT_H
#define TESTS_UNIT_MESSAGE_SUPPORT_H

// cmocka.h needs these first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/message/zone.h"
#include "verifier/dns/dns.h"
#include "verifier/message/auth.h"

/** The zone of names.zone and keys.zone. */
struct dns *support_fixture_zone(void);

/** A message from the fixtures as an unlinked file; close message->fd. */
void support_message(const char *fixture, struct auth_message *message_out);

/** The same from memory. */
void support_message_text(const char *text, size_t length, struct auth_message *message_out);

#endif
