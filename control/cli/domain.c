// SPDX-License-Identifier: Apache-2.0
// mailspur domain ...
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "control/cli/confirm.h"
#include "control/cli/domain_ask.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/listing.h"
#include "control/cli/record_file.h"
#include "control/cli/record_show.h"
#include "control/cli/table.h"
#include "control/cli/url.h"
#include "verifier/domain/record_format.h"

// ---- adding

// The CNAMEs of our own keys lead into the operator's zone.
static bool
has_own_keys(const json_t *domain)
{
    const json_t *records = json_object_get(domain, "records");
    bool has_dkim = false;
    for (size_t i = 0; i < json_array_size(records); i++) {
        has_dkim |= strcmp(call_text(json_array_get(records, i), "purpose"), "dkim") == 0;
    }
    return has_dkim && strcmp(call_text(domain, "profile"), "local") == 0;
}

static void
print_next(const struct screen *screen, const json_t *domain, const char *before, const char *verb,
           const char *behind)
{
    bool is_claim = json_is_true(json_object_get(domain, "claims"));
    screen_line(screen, "%s mailspur domain %s %s%s%s%s", before, verb, call_text(domain, "domain"),
                is_claim ? "@" : "", is_claim ? call_text(domain, "tenant") : "", behind);
}

static void
print_first_steps(const struct cli *cli, const json_t *domain)
{
    const struct screen *screen = &cli->screen;
    domain_print_headline(screen, domain);
    if (domain_passes(domain)) {
        domain_print_conclusion(screen, domain);
        return;
    }
    screen_line(screen, "Publish these records in its DNS:");
    screen_line(screen, "%s", "");
    record_show_wanted(screen, json_object_get(domain, "records"));
    screen_line(screen, "%s", "");
    domain_print_ses_problem(screen, domain);
    if (has_own_keys(domain)) {
        print_next(screen, domain, "In your own zone publish what this prints:", "zone", "");
    }
    print_next(screen, domain, "Then:", "verify", " --watch");
}

// The records are shown as the first check leaves them: an SPF record that is there already is
// merged, never to be had twice.
enum cli_exit
run_domain_add(struct cli *cli, const struct args *args)
{
    AUTO_JSON *added = NULL;
    AUTO_JSON *checked = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/domains");
    json_t *body = call_make_body(args);
    call_put_text(body, "domain", args->operands[0]);
    enum cli_exit code = call_api(cli, "POST", &url, body, &added);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    // Whatever comes of it, the domain is added.
    code = domain_ask(cli, "POST", call_text(added, "id"), "/verify", NULL, &checked);
    print_first_steps(cli, code == CLI_OK ? checked : added);
    return CLI_OK;
}

// ---- records

enum records_form { FORM_TABLE, FORM_JSON, FORM_BIND, FORM_CSV };
static const char *const FORMS[] = {
    [FORM_TABLE] = "table", [FORM_JSON] = "json", [FORM_BIND] = "bind", [FORM_CSV] = "csv"};

static enum cli_exit
read_form(const struct cli *cli, const struct args *args, enum records_form *out)
{
    const char *word = args_value(args, "--format");
    for (size_t i = 0; word != NULL && i < ARRAY_LEN(FORMS); i++) {
        if (strcmp(word, FORMS[i]) == 0) {
            *out = (enum records_form)i;
            return CLI_OK;
        }
    }
    return word == NULL ? CLI_OK
                        : cli_complain(cli, CLI_USAGE,
                                       "--format is table, json, bind or csv, "
                                       "not '%s'",
                                       word);
}

// The bytes as they are: for a file, or another program.
static enum cli_exit
write_file(const struct cli *cli, const json_t *domain, enum record_file form)
{
    struct why why;
    AUTO_STRBUF text = STRBUF_INIT(RECORD_FORMAT_MAX);
    if (record_file_write(domain, form, &text, &why) != ST_OK) {
        return cli_complain(cli, CLI_FAILED, "%s", why.text);
    }
    (void)fputs(strbuf_text(&text), cli->screen.out);
    return CLI_OK;
}

// The records hold nothing but A-labels.
static void
print_letters(const struct screen *screen, const json_t *domain)
{
    if (call_text(domain, "domain_unicode")[0] != '\0') {
        AUTO_STRBUF name = STRBUF_INIT(DOMAIN_SHOWN_SIZE);
        domain_put_name(screen, domain, &name);
        screen_line(screen, "%s", strbuf_text(&name));
        screen_line(screen, "%s", "");
    }
}

enum cli_exit
run_domain_records(struct cli *cli, const struct args *args)
{
    enum records_form form = FORM_TABLE;
    AUTO_JSON *domain = NULL;
    enum cli_exit code = read_form(cli, args, &form);
    if (code != CLI_OK) {
        return code;
    }
    cli->json |= form == FORM_JSON;
    code = domain_ask(cli, "GET", args->operands[0], "/records", NULL, &domain);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    switch (form) {
    case FORM_BIND:
        return write_file(cli, domain, RECORD_FILE_BIND);
    case FORM_CSV:
        return write_file(cli, domain, RECORD_FILE_CSV);
    case FORM_TABLE:
    case FORM_JSON:
        break;
    }
    print_letters(&cli->screen, domain);
    record_show_wanted(&cli->screen, json_object_get(domain, "records"));
    return CLI_OK;
}

enum cli_exit
run_domain_zone(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    enum cli_exit code = domain_ask(cli, "GET", args->operands[0], "/zone", NULL, &answer);
    if (code == CLI_OK && !cli->json) {
        (void)fputs(call_text(answer, "lines"), cli->screen.out); // made by mailspurd: ASCII
    }
    return code;
}

// ---- inbound

static bool
is_switch(const char *word)
{
    return strcmp(word, "on") == 0 || strcmp(word, "off") == 0;
}

static void
print_inbound(const struct screen *screen, const json_t *domain)
{
    domain_print_headline(screen, domain);
    if (json_is_true(json_object_get(domain, "changed"))) {
        return;
    }
    screen_line(screen, "Its inbound was %s already.", domain_inbound(domain));
    if (json_is_true(json_object_get(domain, "inbound")) && !domain_is_verified(domain)) {
        screen_line(screen, "But it is %s. What is missing: mailspur domain show %s",
                    call_text(domain, "status"), call_text(domain, "domain"));
    }
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
    enum cli_exit code = domain_ask(cli, "PATCH", args->operands[1 - at], "", body, &domain);
    if (code == CLI_OK && !cli->json) {
        print_inbound(&cli->screen, domain);
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
    enum cli_exit code = domain_ask(cli, "POST", strbuf_text(&which), "/approve", NULL, &domain);
    if (code == CLI_OK && !cli->json) {
        domain_print_headline(&cli->screen, domain);
    }
    return code;
}

// ---- looking

static const struct column LIST_COLUMNS[] = {
    {.title = "DOMAIN", .whole = true},
    {.title = "TENANT"},
    {.title = "STATUS", .whole = true},
    {.title = "INBOUND"},
    {.title = "MAIL"},
    {.title = "ROUTES", .right = true},
    {.title = "PROBLEMS", .right = true},
    {.title = "CHECKED"},
    {.title = "NEXT CHECK"},
};

static void
add_domain(const struct screen *screen, struct table *table, const json_t *domain)
{
    AUTO_STRBUF name = STRBUF_INIT(DOMAIN_SHOWN_SIZE);
    domain_put_name(screen, domain, &name);
    char routes[CALL_NUMBER_SIZE];
    char problems[CALL_NUMBER_SIZE];
    char checked[HUMAN_SIZE];
    char next[HUMAN_SIZE];
    int64_t now = clock_wall_ms();
    const char *const cells[] = {
        strbuf_text(&name),
        call_text(domain, "tenant"),
        call_text(domain, "status"),
        domain_inbound(domain),
        json_is_true(json_object_get(domain, "inbound")) ? call_text(domain, "mail") : "",
        call_number_text(domain, "routes", routes),
        call_number_text(domain, "problems", problems),
        human_time(json_string_value(json_object_get(domain, "checked_at")), now, checked),
        human_time(json_string_value(json_object_get(domain, "next_check_at")), now, next),
    };
    table_add(table, cells);
}

enum cli_exit
run_domain_list(struct cli *cli, const struct args *args)
{
    static const struct listing listing = {
        .member = "domains",
        .columns = LIST_COLUMNS,
        .column_count = ARRAY_LEN(LIST_COLUMNS),
        .add = add_domain,
        .none = "no domains; add one: mailspur domain add NAME",
    };
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/domains");
    call_add_parameters(&url, args);
    url_append_parameter(&url, "removed", args_value(args, "--all") == NULL ? NULL : "true");
    url_append_parameter(&url, "problems", "true");
    return listing_print_all(cli, &url, &listing);
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
        domain_ask(cli, "GET", args->operands[0], strbuf_text(&query), NULL, &answer);
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
    listing_print_next(cli, answer);
    return CLI_OK;
}

// ---- removing

enum cli_exit
run_domain_remove(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    enum cli_exit code = confirm(cli, args,
                                 "Remove %s? Its mail is refused from the next recipient on; what "
                                 "was accepted is still delivered.",
                                 args->operands[0]);
    if (code != CLI_OK) {
        return code;
    }
    json_t *body = args_value(args, "--held") == NULL ? NULL : call_make_body(args);
    code = domain_ask(cli, "DELETE", args->operands[0], "", body, &domain);
    if (code == CLI_OK && !cli->json) {
        screen_line(&cli->screen, "%s is removed", call_text(domain, "domain"));
        listing_print_held(cli, args_value(args, "--held"), domain);
    }
    return code;
}
