// SPDX-License-Identifier: Apache-2.0
// mailspur domain verify: one check, or checks until the domain is verified.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/parse.h"
#include "control/cli/domain_ask.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/record_show.h"

// Pauses between two checks: doubled until something changes.
enum { PAUSE_FIRST_MS = 2000, PAUSE_MOST_MS = 60000 };

struct watch {
    struct cli *cli;
    const char *name;
    int64_t deadline_mono_ms; /* INT64_MAX: none */
    int64_t pause_ms;
    json_t *last; /* the answer before; NULL: none yet */
    size_t drawn; /* lines that the next drawing replaces */
};

static void
watch_done(struct watch *watch)
{
    json_decref(watch->last);
}

// ---- as lines: one for each change

// Whoever is not there yet has an empty line.
static void
put_line(const struct screen *screen, const json_t *domain, size_t index, struct strbuf *out)
{
    const json_t *record = json_array_get(json_object_get(domain, "records"), index);
    if (record != NULL) {
        record_show_line(screen, record, out);
    }
}

static void
print_changed(const struct screen *screen, const char *text)
{
    char now[CLOCK_ISO_SIZE];
    // The text is clean, and may hold codes of a style.
    (void)fprintf(screen->out, "%s  %s\n", clock_format_iso(clock_wall_ms(), now), text);
}

// Returns whether there were any.
static bool
print_changes(const struct watch *watch, const json_t *domain, bool silently)
{
    const struct screen *screen = &watch->cli->screen;
    size_t count = json_array_size(json_object_get(domain, "records"));
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        AUTO_STRBUF before = STRBUF_INIT(SCREEN_LINE_MAX);
        AUTO_STRBUF after = STRBUF_INIT(SCREEN_LINE_MAX);
        put_line(screen, watch->last, i, &before);
        put_line(screen, domain, i, &after);
        if (strcmp(strbuf_text(&before), strbuf_text(&after)) != 0) {
            changed = true;
            if (!silently) {
                print_changed(screen, strbuf_text(&after));
            }
        }
    }
    return changed;
}

// ---- on a terminal: drawn again over what is there

static void
print_report(const struct screen *screen, const json_t *domain)
{
    record_show_report(screen, json_object_get(domain, "records"));
    domain_print_conclusion(screen, domain);
}

static void
erase(struct watch *watch)
{
    if (watch->drawn > 0) {
        (void)fprintf(watch->cli->screen.out, "\033[%zuA\033[J", watch->drawn);
        watch->drawn = 0;
    }
}

// While it waits: without the details where `brief`.
static void
print_page(const struct watch *watch, const struct screen *screen, const json_t *domain, bool brief)
{
    char pause[HUMAN_SIZE];
    if (brief) {
        record_show_brief(screen, json_object_get(domain, "records"));
        domain_print_conclusion(screen, domain);
        screen_line(screen, "what is wrong, and what to do: mailspur domain show %s", watch->name);
    } else {
        print_report(screen, domain);
    }
    screen_line(screen, "asking again in %s; Ctrl-C ends it",
                human_duration(watch->pause_ms, pause));
}

// What the page looks like, owned; NULL without memory.
static char *
compose(const struct watch *watch, const json_t *domain, bool brief)
{
    char *text = NULL;
    size_t length = 0;
    struct screen page = watch->cli->screen;
    page.out = open_memstream(&text, &length);
    if (page.out == NULL) {
        return NULL;
    }
    print_page(watch, &page, domain, brief);
    if (fclose(page.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

// In place of what was drawn before. What scrolls off a terminal cannot be drawn over.
static void
draw(struct watch *watch, const json_t *domain)
{
    const struct screen *screen = &watch->cli->screen;
    AUTO_FREE char *whole = compose(watch, domain, false);
    bool fits = whole != NULL && screen_text_lines(whole, screen->width) < screen->height;
    AUTO_FREE char *brief = fits ? NULL : compose(watch, domain, true);
    const char *text = fits ? whole : brief;
    if (text != NULL) {
        erase(watch);
        (void)fputs(text, screen->out);
        size_t lines = screen_text_lines(text, screen->width);
        watch->drawn = lines < screen->height ? lines : 0;
    }
}

// ---- watching

static bool
draws_over(const struct watch *watch)
{
    return watch->cli->screen.height > 0;
}

static void
show(struct watch *watch, json_t *domain)
{
    bool is_drawn = draws_over(watch);
    bool is_silent = is_drawn || watch->cli->json; // the answer itself was printed then
    bool changed = print_changes(watch, domain, is_silent);
    watch->pause_ms = changed ? PAUSE_FIRST_MS : watch->pause_ms * 2;
    watch->pause_ms = watch->pause_ms < PAUSE_MOST_MS ? watch->pause_ms : PAUSE_MOST_MS;
    if (is_drawn && !watch->cli->json && (changed || watch->drawn > 0)) {
        draw(watch, domain);
    }
    json_decref(watch->last);
    watch->last = json_incref(domain);
}

// False: the time is up.
static bool
pause_before_next(const struct watch *watch)
{
    (void)fflush(watch->cli->screen.out);
    int64_t left = watch->deadline_mono_ms - clock_mono_ms();
    if (left <= 0) {
        return false;
    }
    int64_t ms = left < watch->pause_ms ? left : watch->pause_ms;
    struct timespec span = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &span, &span) == EINTR) {
    }
    return true;
}

static enum cli_exit
finish(struct watch *watch, const json_t *domain)
{
    if (!watch->cli->json) {
        erase(watch);
        print_report(&watch->cli->screen, domain);
    }
    return domain_passes(domain) ? CLI_OK : CLI_FAILED;
}

// A daemon that restarts, or a row that changed meanwhile, ends nothing that has begun.
static enum cli_exit
watch_domain(struct watch *watch)
{
    for (;;) {
        AUTO_JSON *domain = NULL;
        enum cli_exit code = domain_ask(watch->cli, "POST", watch->name, "/verify", NULL, &domain);
        if (code == CLI_OK) {
            show(watch, domain);
        } else if (code != CLI_UNREACHABLE || watch->last == NULL) {
            return code;
        } else {
            watch->drawn = 0; // the complaint stands below it
        }
        if ((domain != NULL && domain_passes(domain)) || !pause_before_next(watch)) {
            return finish(watch, watch->last);
        }
    }
}

static enum cli_exit
run_watch(struct cli *cli, const struct args *args)
{
    AUTO(watch_done)
    struct watch watch = {.cli = cli,
                          .name = args->operands[0],
                          .pause_ms = PAUSE_FIRST_MS,
                          .deadline_mono_ms = INT64_MAX};
    const char *timeout = args_value(args, "--timeout");
    struct why why;
    int64_t span_ms;
    if (timeout != NULL) {
        if (parse_duration_ms(timeout, &span_ms, &why) != ST_OK) {
            return cli_complain(cli, CLI_USAGE, "--timeout: %s", why.text);
        }
        watch.deadline_mono_ms = clock_mono_ms() + span_ms;
    }
    return watch_domain(&watch);
}

// What stands above is not of now.
static void
print_kept(const struct screen *screen, const json_t *domain)
{
    if (strcmp(call_text(domain, "check"), "kept") == 0) {
        screen_line(screen,
                    "That is what was seen before: checks were asked for too often. The next one "
                    "is made in a few seconds, when it is asked for.");
    }
}

enum cli_exit
run_domain_verify(struct cli *cli, const struct args *args)
{
    if (args_value(args, "--watch") != NULL) {
        return run_watch(cli, args);
    }
    if (args_value(args, "--timeout") != NULL) {
        return cli_complain(cli, CLI_USAGE, "--timeout ends --watch: say --watch too");
    }
    AUTO_JSON *domain = NULL;
    enum cli_exit code = domain_ask(cli, "POST", args->operands[0], "/verify", NULL, &domain);
    if (code != CLI_OK) {
        return code;
    }
    if (!cli->json) {
        print_report(&cli->screen, domain);
        print_kept(&cli->screen, domain);
    }
    return domain_passes(domain) ? CLI_OK : CLI_FAILED;
}
