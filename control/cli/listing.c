// SPDX-License-Identifier: Apache-2.0
#include "control/cli/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "control/cli/human.h"
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

// ---- all pages

static enum cli_exit
ask_page(const struct cli *cli, const struct strbuf *url, const char *before, json_t **answer_out)
{
    char limit[CALL_NUMBER_SIZE];
    AUTO_STRBUF whole = STRBUF_INIT(URL_MAX);
    (void)snprintf(limit, sizeof(limit), "%d", LISTING_PAGE);
    strbuf_puts(&whole, strbuf_text(url));
    url_append_parameter(&whole, "limit", limit);
    url_append_parameter(&whole, "before", before);
    return call_look(cli, &whole, answer_out);
}

static void
print_rows(const struct cli *cli, const json_t *rows, bool is_first, const struct listing *listing,
           struct table *table)
{
    FILE *out = cli->screen.out;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (cli->json) {
            (void)fputs(is_first && i == 0 ? "" : ",", out);
            (void)json_dumpf(json_array_get(rows, i), out, JSON_COMPACT | JSON_ENSURE_ASCII);
        } else {
            listing->add(&cli->screen, table, json_array_get(rows, i));
        }
    }
    table_print(table);
    if (!cli->json && is_first && json_array_size(rows) == 0) {
        screen_line(&cli->screen, "%s", listing->none);
    }
}

enum cli_exit
listing_print_all(const struct cli *cli, const struct strbuf *url, const struct listing *listing)
{
    AUTO_TABLE *table = table_new(&cli->screen, listing->columns, listing->column_count);
    AUTO_JSON *answer = NULL;
    enum cli_exit code = ask_page(cli, url, NULL, &answer);
    if (code != CLI_OK) {
        return code;
    }
    struct cli later = *cli;
    later.json = false; // what goes wrong in the middle goes to stderr
    if (cli->json) {
        (void)fprintf(cli->screen.out, "{\"%s\":[", listing->member);
    }
    print_rows(cli, json_object_get(answer, listing->member), true, listing, table);
    for (const char *next = call_text(answer, "next"); next[0] != '\0';
         next = call_text(answer, "next")) {
        json_t *following = NULL;
        code = ask_page(&later, url, next, &following);
        if (code != CLI_OK) {
            return code;
        }
        json_decref(answer);
        answer = following;
        print_rows(cli, json_object_get(answer, listing->member), false, listing, table);
    }
    if (cli->json) {
        (void)fputs("]}\n", cli->screen.out);
    }
    return CLI_OK;
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
