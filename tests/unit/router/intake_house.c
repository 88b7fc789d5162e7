// SPDX-License-Identifier: Apache-2.0
#include "intake_house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct house house;
struct intake *intake;

static int
open_intake(void)
{
    struct why why;
    const struct intake_context context = {.store = house.store,
                                           .registry = house.registry,
                                           .holder = house.holder,
                                           .dispatcher = house.dispatcher,
                                           .limits = house.limits};
    if (intake_open(&context, &house.socket, &intake, &why) != ST_OK) {
        print_error("%s\n", why.text);
        return -1;
    }
    return 0;
}

int
intake_house_setup(void **state)
{
    (void)state;
    house_open(&house);
    house_open_dispatcher(&house);
    return open_intake();
}

void
intake_house_reopen(void)
{
    assert_null(intake);
    assert_int_equal(open_intake(), 0);
}

int
intake_house_teardown(void **state)
{
    (void)state;
    intake_close(intake);
    intake = NULL;
    house_close(&house);
    return 0;
}

void
expect_reply(const struct client_answer *answer, uint64_t code, const char *enhanced)
{
    if (answer->code != code || strcmp(answer->enhanced, enhanced) != 0) {
        fail_msg("%llu %s %s instead of %llu %s", (unsigned long long)answer->code,
                 answer->enhanced, answer->text, (unsigned long long)code, enhanced);
    }
}

void
expect_refused(const struct client_message *message, uint64_t code, const char *enhanced)
{
    uint64_t before = house_messages(&house);
    AUTO_FD int fd = client_open(house.socket_path);
    const struct client_answer answer = client_commit(fd, message);
    assert_int_equal(answer.outcome, INTAKE_NOT_STORED);
    expect_reply(&answer, code, enhanced);
    assert_string_equal(answer.message_id, "");
    assert_int_equal(house_messages(&house), before);
}
