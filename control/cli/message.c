// SPDX-License-Identifier: Apache-2.0
// mailspur message ...
#include <string.h>

#include "common/clock.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/listing.h"
#include "control/cli/table.h"
#include "control/cli/url.h"

static const struct column LIST_COLUMNS[] = {
    {.title = "MESSAGE", .whole = true},
    {.title = "RECEIVED"},
    {.title = "FROM"},
    {.title = "TO"},
    {.title = "SUBJECT"},
    {.title = "SIZE", .right = true},
    {.title = "DMARC"},
};

// The null sender is no gap.
static const char *
sender_of(const json_t *message)
{
    const char *sender = call_text(message, "sender");
    return sender[0] == '\0' ? "<>" : sender;
}

static void
add_message(struct table *table, const json_t *message)
{
    char when[HUMAN_SIZE];
    char size[HUMAN_SIZE];
    const json_t *recipients = json_object_get(message, "recipients");
    const char *first = json_string_value(json_array_get(recipients, 0));
    AUTO_STRBUF to = STRBUF_INIT(1024);
    strbuf_puts(&to, first == NULL ? "" : first);
    if (json_array_size(recipients) > 1) {
        strbuf_printf(&to, " +%zu", json_array_size(recipients) - 1);
    }
    const char *const cells[] = {
        call_text(message, "id"),
        human_time(call_text(message, "received_at"), clock_wall_ms(), when),
        sender_of(message),
        strbuf_text(&to),
        call_text(message, "subject"),
        human_bytes((uint64_t)call_number(message, "size"), size),
        call_text(json_object_get(message, "results"), "dmarc"),
    };
    table_add(table, cells);
}

enum cli_exit
run_message_list(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    enum cli_exit code = listing_ask(cli, args, "/v1/messages", &answer);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    const json_t *messages = json_object_get(answer, "messages");
    AUTO_TABLE *table = table_new(&cli->screen, LIST_COLUMNS, ARRAY_LEN(LIST_COLUMNS));
    for (size_t i = 0; i < json_array_size(messages); i++) {
        add_message(table, json_array_get(messages, i));
    }
    table_print(table);
    if (json_array_size(messages) == 0) {
        screen_line(&cli->screen, "no messages");
    }
    listing_print_next(cli, answer);
    return CLI_OK;
}

// ---- one message

static void
print_recipients(const struct cli *cli, const json_t *recipients)
{
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        listing_print_pair(cli, i == 0 ? "to" : "",
                           json_string_value(json_array_get(recipients, i)));
    }
}

static void
print_client(const struct cli *cli, const json_t *client)
{
    screen_line(&cli->screen, "  %-12s %s [%s], HELO %s", "client", call_text(client, "name"),
                call_text(client, "address"), call_text(client, "helo"));
}

// One line of the verdict: result, domain, and what explains it.
static void
print_result(const struct cli *cli, const char *label, const json_t *result)
{
    const char *reason = call_text(result, "reason");
    const char *domain = call_text(result, "domain");
    screen_line(&cli->screen, "  %-12s %s%s%s%s%s%s", label, call_text(result, "result"),
                domain[0] == '\0' ? "" : "  ", domain, reason[0] == '\0' ? "" : " (", reason,
                reason[0] == '\0' ? "" : ")");
}

static void
print_verdict(const struct cli *cli, const json_t *verdict)
{
    if (json_is_true(json_object_get(verdict, "local"))) {
        listing_print_pair(cli, "verdict", "not judged: authenticated or trusted client");
        return;
    }
    print_result(cli, "spf", json_object_get(verdict, "spf"));
    const json_t *signatures = json_object_get(verdict, "dkim");
    for (size_t i = 0; i < json_array_size(signatures); i++) {
        print_result(cli, "dkim", json_array_get(signatures, i));
    }
    if (json_array_size(signatures) == 0) {
        listing_print_pair(cli, "dkim", "none");
    }
    print_result(cli, "dmarc", json_object_get(verdict, "dmarc"));
}

static void
print_message(const struct cli *cli, const json_t *message)
{
    char size[HUMAN_SIZE];
    screen_line(&cli->screen, "message %s", call_text(message, "id"));
    listing_print_moment(cli, "received", call_text(message, "received_at"));
    listing_print_pair(cli, "queue id", call_text(message, "queue_id"));
    listing_print_pair(cli, "tenant", call_text(message, "tenant"));
    listing_print_pair(cli, "from", sender_of(message));
    print_recipients(cli, json_object_get(message, "recipients"));
    listing_print_pair(cli, "subject", call_text(message, "subject"));
    listing_print_pair(cli, "message-id", call_text(message, "message_id"));
    listing_print_pair(cli, "size", human_bytes((uint64_t)call_number(message, "size"), size));
    print_client(cli, json_object_get(message, "client"));
    print_verdict(cli, json_object_get(message, "verdict"));
    (void)fputc('\n', cli->screen.out);
    listing_print_deliveries(cli, json_object_get(message, "deliveries"), true);
}

enum cli_exit
run_message_show(struct cli *cli, const struct args *args)
{
    AUTO_JSON *message = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/messages");
    url_append_segment(&url, args->operands[0]);
    if (args_value(args, "--raw") != NULL) {
        strbuf_puts(&url, "/raw");
        return call_download(cli, &url);
    }
    enum cli_exit code = call_api(cli, "GET", &url, NULL, &message);
    if (code == CLI_OK && !cli->json) {
        print_message(cli, message);
    }
    return code;
}
