// SPDX-License-Identifier: Apache-2.0
// All parts together, in this process: start, reload, stop.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/app.h"
#include "daemon/reload.h"
#include "house.h"
#include "intake_client.h"

static struct house house; /* only its folder: the app opens everything itself */
static struct app app;
static char intake_path[FOLDER_PATH_SIZE];

static int
setup(void **state)
{
    (void)state;
    house_open(&house);
    dispatcher_stop(house.dispatcher, 0);
    dispatcher_close(house.dispatcher);
    registry_close(house.registry);
    dns_close(house.dns);
    store_close(house.store);
    (void)folder_path(&house.folder, "intake.sock", intake_path);
    app = (struct app){.holder = NULL};
    return app_open(&app, house_load(&house)) == ST_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    app_close(&app);
    // What house_close takes for granted.
    struct why why;
    const struct store_settings store = {.path = house.database};
    assert_int_equal(store_open(&store, &house.store, &why), ST_OK);
    house_open_registry(&house);
    house_close(&house);
    return 0;
}

static void
started_daemon_takes_a_message_and_keeps_it_over_a_restart(void **state)
{
    (void)state;
    {
        AUTO_FD int fd = client_open(intake_path);
        assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
        const struct client_message message = {.recipients = "both@ours.example", .hold = "test"};
        assert_int_equal(client_commit(fd, &message).outcome, INTAKE_STORED);
    }
    app_close(&app);
    assert_int_equal(access(intake_path, F_OK), -1);
    assert_int_equal(app_open(&app, house_load(&house)), ST_OK);
    struct store_usage usage;
    store_usage(app.store, "acme", &usage);
    assert_int_equal(usage.messages, 1);
}

static void
second_daemon_on_the_same_store_does_not_start(void **state)
{
    (void)state;
    struct app second = {.holder = NULL};
    assert_int_equal(app_open(&second, house_load(&house)), ST_CONFLICT);
    app_close(&second);
    AUTO_FD int fd = client_open(intake_path); // the first one is unharmed
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
}

static void
good_configuration_is_in_force_with_the_next_rcpt(void **state)
{
    (void)state;
    AUTO_FD int fd = client_open(intake_path);
    assert_int_equal(client_rcpt(fd, "fresh@ours.example", 0).decision, GATE_REFUSE);
    house_write(&house, "domains.d/ours.example.yaml",
                "domain: ours.example\n"
                "routes:\n  - {name: fresh, recipient: fresh, destinations: [psa]}\n");
    assert_int_equal(reload_apply(&app, house.config_path), ST_OK);
    assert_int_equal(client_rcpt(fd, "fresh@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_REFUSE);
}

static void
bad_configuration_leaves_the_old_one_in_force(void **state)
{
    (void)state;
    AUTO_CONFIG *before = config_holder_get(app.holder);
    house_write(&house, "domains.d/ours.example.yaml",
                "domain: ours.example\n"
                "routes:\n  - {name: fresh, recipient: fresh, destinations: [nowhere]}\n");
    assert_int_equal(reload_apply(&app, house.config_path), ST_INVALID);
    AUTO_CONFIG *after = config_holder_get(app.holder);
    assert_ptr_equal(before, after);
    AUTO_FD int fd = client_open(intake_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(client_rcpt(fd, "fresh@ours.example", 0).decision, GATE_REFUSE);
}

static void
domains_folder_that_is_gone_leaves_the_old_configuration_in_force(void **state)
{
    (void)state;
    char path[FOLDER_PATH_SIZE];
    char aside[FOLDER_PATH_SIZE];
    (void)folder_path(&house.folder, "domains.d", path);
    (void)folder_path(&house.folder, "aside.d", aside);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(reload_apply(&app, house.config_path), ST_INVALID);
    AUTO_FD int fd = client_open(intake_path);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(reload_apply(&app, house.config_path), ST_OK);
    assert_int_equal(client_rcpt(fd, "both@ours.example", 0).decision, GATE_ACCEPT);
}

static void
configuration_taken_away_defers_its_domain(void **state)
{
    (void)state;
    char path[FOLDER_PATH_SIZE];
    (void)folder_path(&house.folder, "domains.d/ours.example.yaml", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(reload_apply(&app, house.config_path), ST_OK);
    AUTO_FD int fd = client_open(intake_path);
    const struct client_answer answer = client_rcpt(fd, "both@ours.example", 0);
    assert_int_equal(answer.decision, GATE_DEFER);
    assert_int_equal(answer.code, 450);
    assert_int_equal(client_rcpt(fd, "both@other.example", 0).decision, GATE_ACCEPT);
}

static void
part_that_cannot_open_stops_the_start(void **state)
{
    (void)state;
    app_close(&app);
    struct config *config = house_load(&house);
    free(config->socketmap.path);
    config->socketmap.path = strdup("/nonexistent/folder/socketmap.sock");
    assert_int_equal(app_open(&app, config), ST_IO);
    assert_null(app.api);
    app_close(&app);
    assert_int_equal(access(intake_path, F_OK), -1); // what was open already is closed
    assert_int_equal(app_open(&app, house_load(&house)), ST_OK);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(started_daemon_takes_a_message_and_keeps_it_over_a_restart),
        CASE(second_daemon_on_the_same_store_does_not_start),
        CASE(good_configuration_is_in_force_with_the_next_rcpt),
        CASE(bad_configuration_leaves_the_old_one_in_force),
        CASE(domains_folder_that_is_gone_leaves_the_old_configuration_in_force),
        CASE(configuration_taken_away_defers_its_domain),
        CASE(part_that_cannot_open_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
