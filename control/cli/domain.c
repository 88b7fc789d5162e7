// SPDX-License-Identifier: Apache-2.0
// mailspur domain ...
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "control/cli/call.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/table.h"
#include "control/cli/url.h"

// Ask about one domain: /v1/domains/NAME and what follows.
static enum cli_exit
ask_domain(const struct cli *cli, const char *method, const char *name, const char *what,
           json_t *body, json_t **answer_out)
{
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/domains");
    url_append_segment(&url, name);
    strbuf_puts(&url, what);
    return call_api(cli, method, &url, body, answer_out);
}

static const char *
on_or_off(const json_t *domain)
{
    return json_is_true(json_object_get(domain, "inbound")) ? "on" : "off";
}

static bool
is_verified(const json_t *domain)
{
    return strcmp(call_text(domain, "status"), "verified") == 0;
}

// ---- records

static const struct column RECORD_COLUMNS[] = {
    {.title = "PURPOSE"},
    {.title = "NEEDED"},
    {.title = "TYPE", .whole = true},
    {.title = "HOST", .whole = true},
    {.title = "FULL NAME", .whole = true},
    {.title = "VALUE", .whole = true}, // to be copied
};

static void
print_records(const struct cli *cli, const json_t *domain)
{
    AUTO_TABLE *table = table_new(&cli->screen, RECORD_COLUMNS, ARRAY_LEN(RECORD_COLUMNS));
    const json_t *records = json_object_get(domain, "records");
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        const char *const cells[] = {
            call_text(record, "purpose"),
            json_is_true(json_object_get(record, "required")) ? "yes" : "advised",
            call_text(record, "type"),
            call_text(record, "host"),
            call_text(record, "name"),
            call_text(record, "value"),
        };
        table_add(table, cells);
    }
    table_print(table);
}

static void
print_headline(const struct cli *cli, const json_t *domain)
{
    screen_line(&cli->screen, "%s (tenant %s): %s, inbound %s", call_text(domain, "domain"),
                call_text(domain, "tenant"), call_text(domain, "status"), on_or_off(domain));
    if (call_text(domain, "waits")[0] != '\0') {
        screen_line(&cli->screen, "  it is %s", call_text(domain, "waits"));
    }
}

enum cli_exit
run_domain_add(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/domains");
    json_t *body = call_make_body(args);
    call_put_text(body, "domain", args->operands[0]);
    enum cli_exit code = call_api(cli, "POST", &url, body, &domain);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    print_headline(cli, domain);
    screen_line(&cli->screen, "Publish these records in its DNS:");
    screen_line(&cli->screen, "%s", "");
    print_records(cli, domain);
    screen_line(&cli->screen, "%s", "");
    screen_line(&cli->screen, "Then: mailspur domain verify %s", call_text(domain, "domain"));
    return CLI_OK;
}

enum cli_exit
run_domain_records(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    enum cli_exit code = ask_domain(cli, "GET", args->operands[0], "/records", NULL, &domain);
    if (code == CLI_OK && !cli->json) {
        print_records(cli, domain);
    }
    return code;
}

// ---- verification

struct mark {
    const char *status;
    const char *sign;  /* UTF-8 */
    const char *plain; /* of the same width in every row */
    enum screen_style style;
};
static const struct mark MARKS[] = {
    {"found", "\xe2\x9c\x93", "ok ", STYLE_GOOD},
    {"unknown", "?", "?  ", STYLE_UNSURE},
    {"unchecked", "?", "?  ", STYLE_UNSURE},
    {"propagating", "\xe2\x80\xa6", "...", STYLE_UNSURE},
};
static const struct mark CROSS = {"", "\xe2\x9c\x97", "NO ", STYLE_BAD};

static const struct mark *
mark_of(const char *status)
{
    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++) {
        if (strcmp(MARKS[i].status, status) == 0) {
            return &MARKS[i];
        }
    }
    return &CROSS;
}

static void
print_detail(const struct screen *screen, const char *label, const char *text)
{
    if (text[0] != '\0') {
        screen_line(screen, "      %-8s  %s", label, text);
    }
}

static void
print_check(const struct cli *cli, const json_t *record)
{
    const struct screen *screen = &cli->screen;
    const struct mark *mark = mark_of(call_text(record, "status"));
    bool required = json_is_true(json_object_get(record, "required"));
    (void)fprintf(screen->out, "  %s%s%s ", screen_style_on(screen, mark->style),
                  screen->utf8 ? mark->sign : mark->plain, screen_style_off(screen, mark->style));
    screen_line(screen, "%-9s  %-5s  %s  %s%s", call_text(record, "purpose"),
                call_text(record, "type"), call_text(record, "name"), call_text(record, "status"),
                required ? "" : " (advised)");
    if (mark->style == STYLE_GOOD) {
        return;
    }
    print_detail(screen, "wanted", call_text(record, "value"));
    print_detail(screen, "observed", call_text(record, "observed"));
    const json_t *findings = json_object_get(record, "findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        print_detail(screen, "problem", call_text(json_array_get(findings, i), "problem"));
        print_detail(screen, "cure", call_text(json_array_get(findings, i), "cure"));
    }
}

// Is every record that counts there, in this very check?
static bool
all_found(const json_t *domain)
{
    const json_t *records = json_object_get(domain, "records");
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (json_is_true(json_object_get(record, "required")) &&
            strcmp(call_text(record, "status"), "found") != 0) {
            return false;
        }
    }
    return true;
}

static void
print_conclusion(const struct cli *cli, const json_t *domain)
{
    const char *name = call_text(domain, "domain");
    if (!is_verified(domain)) {
        screen_line(&cli->screen, "%s is not verified yet: %s", name, call_text(domain, "status"));
    } else if (!all_found(domain)) {
        screen_line(&cli->screen, "%s was verified before, but did not pass this check", name);
    } else if (json_is_true(json_object_get(domain, "inbound"))) {
        screen_line(&cli->screen, "%s is verified and takes mail", name);
    } else {
        screen_line(&cli->screen, "%s is verified. Next: mailspur domain inbound on %s", name,
                    name);
    }
}

enum cli_exit
run_domain_verify(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    enum cli_exit code = ask_domain(cli, "POST", args->operands[0], "/verify", NULL, &domain);
    if (code != CLI_OK) {
        return code;
    }
    if (!cli->json) {
        const json_t *records = json_object_get(domain, "records");
        for (size_t i = 0; i < json_array_size(records); i++) {
            print_check(cli, json_array_get(records, i));
        }
        print_conclusion(cli, domain);
    }
    return is_verified(domain) && all_found(domain) ? CLI_OK : CLI_FAILED;
}

// ---- inbound

static bool
is_switch(const char *word)
{
    return strcmp(word, "on") == 0 || strcmp(word, "off") == 0;
}

// "on NAME" and "NAME on" mean the same.
enum cli_exit
run_domain_inbound(struct cli *cli, const struct args *args)
{
    size_t at = is_switch(args->operands[0]) ? 0 : 1;
    if (!is_switch(args->operands[at])) {
        return cli_complain(cli, CLI_USAGE, "say on or off: mailspur domain inbound on NAME");
    }
    AUTO_JSON *domain = NULL;
    json_t *body = json_pack("{s:b}", "inbound", strcmp(args->operands[at], "on") == 0);
    enum cli_exit code = ask_domain(cli, "PATCH", args->operands[1 - at], "", body, &domain);
    if (code == CLI_OK && !cli->json) {
        print_headline(cli, domain);
    }
    return code;
}

// ---- approval

// Whose entry of a name is meant: NAME@TENANT.
enum cli_exit
run_domain_approve(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    AUTO_STRBUF which = STRBUF_INIT(URL_MAX);
    const char *tenant = args_value(args, "--tenant");
    strbuf_printf(&which, "%s%s%s", args->operands[0], tenant == NULL ? "" : "@",
                  tenant == NULL ? "" : tenant);
    enum cli_exit code = ask_domain(cli, "POST", strbuf_text(&which), "/approve", NULL, &domain);
    if (code == CLI_OK && !cli->json) {
        print_headline(cli, domain);
    }
    return code;
}

// ---- looking

static const struct column LIST_COLUMNS[] = {
    {.title = "DOMAIN", .whole = true}, {.title = "TENANT"},
    {.title = "STATUS", .whole = true}, {.title = "INBOUND"},
    {.title = "ROUTES", .right = true}, {.title = "CHECKED"},
};

static void
add_domain(struct table *table, const json_t *domain)
{
    char routes[CALL_NUMBER_SIZE];
    char checked[HUMAN_SIZE];
    const char *const cells[] = {
        call_text(domain, "domain"),
        call_text(domain, "tenant"),
        call_text(domain, "status"),
        on_or_off(domain),
        call_number_text(domain, "routes", routes),
        human_time(json_string_value(json_object_get(domain, "checked_at")), clock_wall_ms(),
                   checked),
    };
    table_add(table, cells);
}

enum cli_exit
run_domain_list(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/domains");
    call_add_parameters(&url, args);
    url_append_parameter(&url, "removed", args_value(args, "--all") == NULL ? NULL : "true");
    enum cli_exit code = call_api(cli, "GET", &url, NULL, &answer);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    const json_t *domains = json_object_get(answer, "domains");
    AUTO_TABLE *table = table_new(&cli->screen, LIST_COLUMNS, ARRAY_LEN(LIST_COLUMNS));
    for (size_t i = 0; i < json_array_size(domains); i++) {
        add_domain(table, json_array_get(domains, i));
    }
    table_print(table);
    if (json_array_size(domains) == 0) {
        screen_line(&cli->screen, "no domains; add one: mailspur domain add NAME");
    }
    return CLI_OK;
}

struct moment {
    const char *label;
    const char *member;
};
static const struct moment MOMENTS[] = {
    {"added", "created_at"},
    {"verified", "verified_at"},
    {"checked", "checked_at"},
    {"removed", "removed_at"},
};

enum cli_exit
run_domain_show(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    enum cli_exit code = ask_domain(cli, "GET", args->operands[0], "", NULL, &domain);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    print_headline(cli, domain);
    screen_line(screen, "  %-9s %s", "id", call_text(domain, "id"));
    screen_line(screen, "  %-9s %s", "profile", call_text(domain, "profile"));
    screen_line(screen, "  %-9s %lld in the configuration", "routes",
                (long long)call_number(domain, "routes"));
    for (size_t i = 0; i < ARRAY_LEN(MOMENTS); i++) {
        char when[HUMAN_SIZE];
        const char *iso = call_text(domain, MOMENTS[i].member);
        if (iso[0] != '\0') {
            screen_line(screen, "  %-9s %s (%s)", MOMENTS[i].label, iso,
                        human_time(iso, clock_wall_ms(), when));
        }
    }
    return CLI_OK;
}

static const struct column HISTORY_COLUMNS[] = {
    {.title = "AT", .whole = true},
    {.title = "EVENT", .whole = true},
    {.title = "DETAIL"},
};

enum cli_exit
run_domain_history(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF query = STRBUF_INIT(URL_MAX);
    strbuf_puts(&query, "/events");
    call_add_parameters(&query, args);
    enum cli_exit code =
        ask_domain(cli, "GET", args->operands[0], strbuf_text(&query), NULL, &answer);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    const json_t *events = json_object_get(answer, "events");
    AUTO_TABLE *table = table_new(&cli->screen, HISTORY_COLUMNS, ARRAY_LEN(HISTORY_COLUMNS));
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *const cells[] = {call_text(event, "at"), call_text(event, "kind"),
                                     call_text(event, "detail")};
        table_add(table, cells);
    }
    table_print(table);
    return CLI_OK;
}

// ---- removing

static bool
ask_person(const struct cli *cli, const char *name)
{
    char answer[8] = "";
    AUTO_STRBUF clean = STRBUF_INIT(URL_MAX);
    screen_clean(&cli->screen, name, &clean);
    (void)fprintf(cli->err,
                  "Remove %s? Its mail is refused from the next recipient on; what was accepted is "
                  "still delivered. [y/N] ",
                  strbuf_text(&clean));
    (void)fflush(cli->err);
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

enum cli_exit
run_domain_remove(struct cli *cli, const struct args *args)
{
    if (args_value(args, "--yes") == NULL) {
        if (isatty(STDIN_FILENO) != 1) {
            return cli_complain(cli, CLI_USAGE, "nobody is there to ask: say --yes");
        }
        if (!ask_person(cli, args->operands[0])) {
            return cli_complain(cli, CLI_FAILED, "not removed");
        }
    }
    AUTO_JSON *domain = NULL;
    enum cli_exit code = ask_domain(cli, "DELETE", args->operands[0], "", NULL, &domain);
    if (code == CLI_OK && !cli->json) {
        screen_line(&cli->screen, "%s is removed", call_text(domain, "domain"));
    }
    return code;
}
