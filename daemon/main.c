// SPDX-License-Identifier: Apache-2.0
// mailspurd: keeps the domains, takes messages from the milter, stores and delivers them.
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "common/daemon.h"
#include "common/log.h"
#include "daemon/app.h"
#include "daemon/maintenance.h"
#include "daemon/reload.h"

enum { EXIT_OTHER = 1 };

static const char USAGE[] =
    "Usage: mailspurd [-c FILE]\n"
    "Keeps the domains, takes messages from mailspur-milter, stores and delivers them.\n"
    "\n"
    "  -c, --config FILE  configuration (default: " CONFIG_DEFAULT_PATH ")\n"
    "  -v, --verbose      log debug events too\n"
    "      --version      show the version\n"
    "      --help         show this\n"
    "\n"
    "SIGHUP reloads the configuration, SIGTERM stops.\n"
    "Exit: 0 stopped, 64 usage, 75 try again later, 78 configuration, 1 otherwise.\n";

struct options {
    const char *path;
    bool ends; /* there is nothing left to do but to exit */
    int exit_code;
};

static struct options
read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, 'c'},
        {"verbose", no_argument, NULL, 'v'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.path = CONFIG_DEFAULT_PATH};
    int option;
    while ((option = getopt_long(argc, argv, "c:v", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.path = optarg;
            break;
        case 'v':
            log_set_level(LOG_LEVEL_DEBUG);
            break;
        case 'V':
            (void)puts("mailspurd " MAILSPUR_VERSION);
            return (struct options){.ends = true};
        case 'h':
            (void)fputs(USAGE, stdout);
            return (struct options){.ends = true};
        default:
            (void)fputs(USAGE, stderr);
            return (struct options){.ends = true, .exit_code = EX_USAGE};
        }
    }
    if (optind < argc) {
        (void)fputs(USAGE, stderr);
        return (struct options){.ends = true, .exit_code = EX_USAGE};
    }
    return options;
}

static void
reload(struct app *app, const char *path)
{
    daemon_notify_reloading();
    status_ignore(reload_apply(app, path)); // it said why; the old configuration works on
    daemon_notify_ready();
}

static void
run(struct app *app, const char *path, int signal_fd)
{
    struct maintenance maintenance;
    maintenance_init(&maintenance, &app->clock);
    for (;;) {
        int wait_ms;
        {
            AUTO_CONFIG *config = config_holder_get(app->holder);
            wait_ms = maintenance_step(&maintenance, app->store, &config->store);
        }
        switch (daemon_wait(signal_fd, daemon_wait_interval_ms(wait_ms))) {
        case DAEMON_NOTHING:
            break;
        case DAEMON_RELOAD:
            reload(app, path);
            break;
        case DAEMON_STOP:
            return;
        }
    }
}

// A conflict is another daemon on the same store or socket: it may be gone in a moment. What a part
// calls invalid (a group that does not exist, a path too long) came from the configuration.
static int
exit_code(enum status status)
{
    if (status == ST_OK) {
        return 0;
    }
    if (status == ST_INVALID) {
        return EX_CONFIG;
    }
    return status_is_temporary(status) || status == ST_CONFLICT ? EX_TEMPFAIL : EXIT_OTHER;
}

static int
serve(const char *path, int signal_fd)
{
    struct config *config = NULL;
    if (reload_read(path, &config) != ST_OK) {
        log_err("start.failed", LOG_STR("part", "config"), LOG_STR("path", path));
        return EX_CONFIG;
    }
    struct app app = {.holder = NULL};
    enum status status = app_open(&app, config);
    if (status == ST_OK) {
        reload_compare_registry(app.started_with, app.registry);
        log_notice("start.done", LOG_STR("version", MAILSPUR_VERSION), LOG_STR("config", path),
                   LOG_INT("domains", app.started_with->domain_count));
        daemon_notify_ready();
        run(&app, path, signal_fd);
        log_notice("stop.begun", LOG_INT("grace_ms", APP_GRACE_MS));
        daemon_notify_stopping();
    }
    app_close(&app);
    return exit_code(status);
}

int
main(int argc, char **argv)
{
    const struct options options = read_options(argc, argv);
    if (options.ends) {
        return options.exit_code;
    }
    struct why why;
    AUTO_FD int signal_fd = -1;
    if (daemon_signals_open(&signal_fd, &why) != ST_OK) {
        log_err("start.failed", LOG_STR("part", "signals"), LOG_STR("why", why.text));
        return EXIT_OTHER;
    }
    int code = serve(options.path, signal_fd);
    log_notice("stop.done", LOG_INT("exit", code));
    return code;
}
