// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a zone from text or files, messages from fixtures.
#ifndef TESTS_UNIT_MESSAGE_SUPPORT_H
#define TESTS_UNIT_MESSAGE_SUPPORT_H

// cmocka.h needs these first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verifier/dns/dns.h"
#include "verifier/message/auth.h"

/** A zone of these lines, from a temporary file that is gone on return. */
struct dns *support_zone(const char *lines);

/** The zone of names.zone and keys.zone. */
struct dns *support_fixture_zone(void);

/** A message from the fixtures as an unlinked file; close message->fd. */
void support_message(const char *fixture, struct auth_message *message_out);

/** The same from memory. */
void support_message_text(const char *text, size_t length, struct auth_message *message_out);

#endif
