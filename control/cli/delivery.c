// SPDX-License-Identifier: Apache-2.0
// mailspur delivery ... and mailspur hold ...
#include <stdio.h>

#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/listing.h"
#include "control/cli/table.h"
#include "control/cli/url.h"

static enum cli_exit
list_deliveries(const struct cli *cli, const struct args *args, const char *path, bool with_tries,
                const char *none)
{
    AUTO_JSON *answer = NULL;
    enum cli_exit code = listing_ask(cli, args, path, &answer);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    const json_t *deliveries = json_object_get(answer, "deliveries");
    listing_print_deliveries(cli, deliveries, with_tries);
    if (json_array_size(deliveries) == 0) {
        screen_line(&cli->screen, "%s", none);
    }
    listing_print_next(cli, answer);
    return CLI_OK;
}

enum cli_exit
run_delivery_list(struct cli *cli, const struct args *args)
{
    return list_deliveries(cli, args, "/v1/deliveries", true, "no deliveries");
}

static const struct column ATTEMPT_COLUMNS[] = {
    {.title = "TRY", .right = true},  {.title = "AT", .whole = true},   {.title = "OUTCOME"},
    {.title = "HTTP", .right = true}, {.title = "TOOK", .right = true}, {.title = "DETAIL"},
};

static void
print_attempts(const struct cli *cli, const json_t *attempts)
{
    AUTO_TABLE *table = table_new(&cli->screen, ATTEMPT_COLUMNS, ARRAY_LEN(ATTEMPT_COLUMNS));
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        const json_t *attempt = json_array_get(attempts, i);
        char number[CALL_NUMBER_SIZE];
        char http[CALL_NUMBER_SIZE];
        char took[HUMAN_SIZE];
        const char *const cells[] = {
            call_number_text(attempt, "number", number),
            call_text(attempt, "at"),
            call_text(attempt, "outcome"),
            call_number_text(attempt, "http_status", http),
            human_duration(call_number(attempt, "duration_ms"), took),
            call_text(attempt, "detail"),
        };
        table_add(table, cells);
    }
    table_print(table);
}

struct line {
    const char *label;
    const char *member;
};
static const struct line LINES[] = {
    {"message", "message"}, {"recipient", "recipient"}, {"destination", "destination"},
    {"route", "route"},     {"action", "action"},       {"tenant", "tenant"},
    {"state", "state"},     {"reason", "reason"},
};

static void
print_captures(const struct cli *cli, json_t *captures)
{
    const char *name;
    json_t *value;
    json_object_foreach(captures, name, value)
    {
        screen_line(&cli->screen, "  %-12s %s = %s", "capture", name, json_string_value(value));
    }
}

enum cli_exit
run_delivery_show(struct cli *cli, const struct args *args)
{
    AUTO_JSON *delivery = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/deliveries");
    url_append_segment(&url, args->operands[0]);
    enum cli_exit code = call_api(cli, "GET", &url, NULL, &delivery);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    screen_line(&cli->screen, "delivery %s", call_text(delivery, "id"));
    for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
        listing_print_pair(cli, LINES[i].label, call_text(delivery, LINES[i].member));
    }
    print_captures(cli, json_object_get(delivery, "captures"));
    listing_print_moment(cli, "created", call_text(delivery, "created_at"));
    listing_print_moment(cli, "next try", call_text(delivery, "due_at"));
    if (json_array_size(json_object_get(delivery, "attempts")) > 0) {
        (void)fputc('\n', cli->screen.out);
        print_attempts(cli, json_object_get(delivery, "attempts"));
    }
    return CLI_OK;
}

// Is anything selected? Else everything would be meant, and nobody means that.
static bool
selects(const struct args *args)
{
    bool any = args->operand_count > 0;
    for (size_t i = 0; i < args->command->option_count; i++) {
        any = any || args->values[i] != NULL;
    }
    return any;
}

static enum cli_exit
post_selection(const struct cli *cli, const struct args *args, const char *path, const char *done)
{
    if (!selects(args)) {
        return cli_complain(cli, CLI_USAGE,
                            "which ones? Give an id or an option (mailspur help "
                            "%s %s)",
                            args->command->group, args->command->verb);
    }
    return listing_post(cli, args, path, done);
}

enum cli_exit
run_delivery_retry(struct cli *cli, const struct args *args)
{
    return post_selection(cli, args, "/v1/deliveries/retry", "queued again");
}

enum cli_exit
run_hold_list(struct cli *cli, const struct args *args)
{
    return list_deliveries(cli, args, "/v1/holds", false, "nothing is held");
}

enum cli_exit
run_hold_release(struct cli *cli, const struct args *args)
{
    return post_selection(cli, args, "/v1/holds/release", "released");
}

enum cli_exit
run_hold_discard(struct cli *cli, const struct args *args)
{
    return post_selection(cli, args, "/v1/holds/discard", "discarded");
}
