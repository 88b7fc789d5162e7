// SPDX-License-Identifier: Apache-2.0
#include "control/cli/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "control/cli/human.h"
#include "control/cli/table.h"
#include "control/cli/url.h"

static const struct column DELIVERY_COLUMNS[] = {
    {.title = "DELIVERY", .whole = true},
    {.title = "STATE", .whole = true},
    {.title = "RECIPIENT"},
    {.title = "DESTINATION"},
    {.title = "REASON"},
    {.title = "TRIES", .right = true},
    {.title = "HTTP", .right = true},
    {.title = "NEXT"},
};
enum { COLUMNS_WITHOUT_TRIES = 5 };

void
listing_print_deliveries(const struct cli *cli, const json_t *deliveries, bool with_tries)
{
    AUTO_TABLE *table =
        table_new(&cli->screen, DELIVERY_COLUMNS,
                  with_tries ? ARRAY_LEN(DELIVERY_COLUMNS) : (size_t)COLUMNS_WITHOUT_TRIES);
    for (size_t i = 0; i < json_array_size(deliveries); i++) {
        const json_t *delivery = json_array_get(deliveries, i);
        char tries[CALL_NUMBER_SIZE];
        char http[CALL_NUMBER_SIZE];
        char next[HUMAN_SIZE];
        const char *const cells[] = {
            call_text(delivery, "id"),
            call_text(delivery, "state"),
            call_text(delivery, "recipient"),
            call_text(delivery, "destination"),
            call_text(delivery, "reason"),
            call_number_text(delivery, "attempt_count", tries),
            call_number_text(delivery, "last_http_status", http),
            human_time(json_string_value(json_object_get(delivery, "due_at")), clock_wall_ms(),
                       next),
        };
        table_add(table, cells);
    }
    table_print(table);
}

enum cli_exit
listing_ask(const struct cli *cli, const struct args *args, const char *path, json_t **answer_out)
{
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, path);
    call_add_parameters(&url, args);
    return call_api(cli, "GET", &url, NULL, answer_out);
}

void
listing_print_next(const struct cli *cli, const json_t *answer)
{
    const char *next = call_text(answer, "next");
    if (next[0] != '\0') {
        (void)fprintf(cli->err, "more: the same with --before %s\n", next);
    }
}

enum cli_exit
listing_post(const struct cli *cli, const struct args *args, const char *path, const char *done)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, path);
    json_t *body = call_make_body(args);
    if (args->operand_count > 0) {
        call_put_text(body, "delivery", args->operands[0]);
    }
    enum cli_exit code = call_api(cli, "POST", &url, body, &answer);
    if (code != CLI_OK) {
        return code;
    }
    int64_t count = call_number(answer, "count");
    if (!cli->json) {
        screen_line(&cli->screen, "%" PRId64 " %s %s", count,
                    count == 1 ? "delivery" : "deliveries", done);
    }
    return count == 0 ? CLI_FAILED : CLI_OK;
}

void
listing_print_held(const struct cli *cli, const char *choice, const json_t *answer)
{
    int64_t count = call_number(answer, "held");
    if (choice != NULL) {
        screen_line(&cli->screen, "%" PRId64 " held %s %s", count,
                    count == 1 ? "delivery" : "deliveries",
                    strcmp(choice, "drain") == 0 ? "queued" : "discarded");
    }
}

void
listing_print_pair(const struct cli *cli, const char *label, const char *value)
{
    if (value[0] != '\0') {
        screen_line(&cli->screen, "  %-12s %s", label, value);
    }
}

void
listing_print_moment(const struct cli *cli, const char *label, const char *iso)
{
    char when[HUMAN_SIZE];
    if (iso[0] != '\0') {
        screen_line(&cli->screen, "  %-12s %s (%s)", label, iso,
                    human_time(iso, clock_wall_ms(), when));
    }
}
