// SPDX-License-Identifier: Apache-2.0
// A house with an intake open on its socket, for the tests of the intake: real socket, store,
// registry and configuration.
#ifndef TESTS_UNIT_ROUTER_INTAKE_HOUSE_H
#define TESTS_UNIT_ROUTER_INTAKE_HOUSE_H

#include "house.h"
#include "intake_client.h"
#include "router/intake.h"

extern struct house house;
extern struct intake *intake; /* a test that closes it sets it to NULL */

/** cmocka's setup and teardown of each test. */
int intake_house_setup(void **state);
int intake_house_teardown(void **state);

/** Open `intake` again in the same house, after a test closed it. */
void intake_house_reopen(void);

void expect_reply(const struct client_answer *answer, uint64_t code, const char *enhanced);

/** Commit on a connection of its own: refused with this reply, nothing stored. */
void expect_refused(const struct client_message *message, uint64_t code, const char *enhanced);

#define CASE(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, intake_house_setup, intake_house_teardown)

#endif
