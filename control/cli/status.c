// SPDX-License-Identifier: Apache-2.0
// mailspur status
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/listing.h"
#include "control/cli/table.h"
#include "control/cli/url.h"

// "3 pending, 5 verified": the members that are not 0.
static void
print_counts(const struct cli *cli, const char *label, json_t *counts, const char *none)
{
    AUTO_STRBUF text = STRBUF_INIT(1024);
    const char *name;
    json_t *count;
    json_object_foreach(counts, name, count)
    {
        if (json_integer_value(count) != 0) {
            strbuf_printf(&text, "%s%" JSON_INTEGER_FORMAT " %s", text.length == 0 ? "" : ", ",
                          json_integer_value(count), name);
        }
    }
    listing_print_pair(cli, label, text.length == 0 ? none : strbuf_text(&text));
}

static void
print_store(const struct cli *cli, const json_t *store, const json_t *limits)
{
    char kept[HUMAN_SIZE];
    char limit[HUMAN_SIZE];
    char disk[HUMAN_SIZE];
    char log[HUMAN_SIZE];
    char left[HUMAN_SIZE];
    screen_line(&cli->screen, "  %-12s %" PRId64 " messages, %s; limit %" PRId64 ", %s", "store",
                call_number(store, "messages"),
                human_bytes((uint64_t)call_number(store, "bytes"), kept),
                call_number(limits, "store_messages"),
                human_bytes((uint64_t)call_number(limits, "store_bytes"), limit));
    screen_line(&cli->screen, "  %-12s database %s, log %s, free %s", "disk",
                human_bytes((uint64_t)call_number(store, "database_bytes"), disk),
                human_bytes((uint64_t)call_number(store, "wal_bytes"), log),
                human_bytes((uint64_t)call_number(store, "free_disk_bytes"), left));
    screen_line(&cli->screen, "  %-12s %" PRId64 " messages in %" PRId64 " commits since the start",
                "accepted", call_number(store, "submitted"), call_number(store, "commits"));
}

static const struct column TENANT_COLUMNS[] = {
    {.title = "TENANT"},
    {.title = "MESSAGES", .right = true},
    {.title = "OF", .right = true},
    {.title = "SIZE", .right = true},
    {.title = "OF", .right = true},
    {.title = "A MINUTE", .right = true},
    {.title = "OF", .right = true},
    {.title = "RECIPIENTS A MINUTE", .right = true},
    {.title = "OF", .right = true},
    {.title = "NO ROOM", .right = true},
    {.title = "TOO FAST", .right = true},
};

// A limit that is not set is "-".
static const char *
limit_text(const json_t *limits, const char *name, char out[CALL_NUMBER_SIZE])
{
    return json_is_integer(json_object_get(limits, name)) ? call_number_text(limits, name, out)
                                                          : "-";
}

static void
add_tenant(struct table *table, const char *name, const json_t *tenant)
{
    const json_t *limits = json_object_get(tenant, "limits");
    const json_t *refused = json_object_get(tenant, "refused");
    char numbers[8][CALL_NUMBER_SIZE];
    char sizes[2][HUMAN_SIZE];
    const char *const cells[] = {
        name,
        call_number_text(tenant, "messages", numbers[0]),
        call_number_text(limits, "messages", numbers[1]),
        human_bytes((uint64_t)call_number(tenant, "bytes"), sizes[0]),
        human_bytes((uint64_t)call_number(limits, "bytes"), sizes[1]),
        call_number_text(tenant, "messages_in_last_minute", numbers[2]),
        limit_text(limits, "messages_per_minute", numbers[3]),
        call_number_text(tenant, "recipients_in_last_minute", numbers[4]),
        limit_text(limits, "recipients_per_minute", numbers[5]),
        call_number_text(refused, "room", numbers[6]),
        call_number_text(refused, "rate", numbers[7]),
    };
    table_add(table, cells);
}

static void
print_tenants(const struct cli *cli, json_t *tenants)
{
    AUTO_TABLE *table = table_new(&cli->screen, TENANT_COLUMNS, ARRAY_LEN(TENANT_COLUMNS));
    const char *name;
    json_t *tenant;
    json_object_foreach(tenants, name, tenant)
    {
        add_tenant(table, name, tenant);
    }
    if (json_object_size(tenants) > 0) {
        (void)fputc('\n', cli->screen.out);
        table_print(table);
    }
}

static const struct column DESTINATION_COLUMNS[] = {
    {.title = "DESTINATION"},
    {.title = "NOW", .right = true},
    {.title = "DONE", .right = true},
    {.title = "RETRIED", .right = true},
    {.title = "UNKNOWN", .right = true},
    {.title = "DEAD", .right = true},
    {.title = "PAUSED UNTIL"},
};

static void
print_destinations(const struct cli *cli, const json_t *destinations)
{
    AUTO_TABLE *table =
        table_new(&cli->screen, DESTINATION_COLUMNS, ARRAY_LEN(DESTINATION_COLUMNS));
    for (size_t i = 0; i < json_array_size(destinations); i++) {
        const json_t *destination = json_array_get(destinations, i);
        char numbers[5][CALL_NUMBER_SIZE];
        char paused[HUMAN_SIZE];
        const char *const cells[] = {
            call_text(destination, "destination"),
            call_number_text(destination, "in_flight", numbers[0]),
            call_number_text(destination, "done", numbers[1]),
            call_number_text(destination, "failed", numbers[2]),
            call_number_text(destination, "unknown", numbers[3]),
            call_number_text(destination, "dead", numbers[4]),
            human_time(json_string_value(json_object_get(destination, "paused_until")),
                       clock_wall_ms(), paused),
        };
        table_add(table, cells);
    }
    if (json_array_size(destinations) > 0) {
        (void)fputc('\n', cli->screen.out);
        table_print(table);
    }
}

enum cli_exit
run_status(struct cli *cli, const struct args *args)
{
    AUTO_JSON *status = NULL;
    enum cli_exit code = listing_ask(cli, args, "/v1/status", &status);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    char text[HUMAN_SIZE];
    screen_line(&cli->screen, "mailspurd %s on %s, up %s, configuration %" PRId64,
                call_text(status, "version"), call_text(status, "hostname"),
                human_duration(call_number(status, "uptime_ms"), text),
                call_number(status, "generation"));
    print_counts(cli, "domains", json_object_get(status, "domains"), "none");
    print_counts(cli, "deliveries", json_object_get(status, "deliveries"), "none");
    if (call_number(status, "oldest_queued_ms") > 0) {
        listing_print_pair(cli, "oldest due",
                           human_duration(call_number(status, "oldest_queued_ms"), text));
    }
    const json_t *store = json_object_get(status, "store");
    print_store(cli, store, json_object_get(status, "limits"));
    print_tenants(cli, json_object_get(store, "tenants"));
    print_destinations(cli, json_object_get(status, "destinations"));
    return CLI_OK;
}
