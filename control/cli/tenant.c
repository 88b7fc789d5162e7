// SPDX-License-Identifier: Apache-2.0
// mailspur tenant ...
#include <inttypes.h>

#include "common/clock.h"
#include "control/cli/call.h"
#include "control/cli/confirm.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/listing.h"
#include "control/cli/url.h"

enum cli_exit
run_tenant_add(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/tenants");
    json_t *body = json_object();
    call_put_text(body, "tenant", args->operands[0]);
    enum cli_exit code = call_api(cli, "POST", &url, body, &answer);
    if (code == CLI_OK && !cli->json) {
        screen_line(&cli->screen, "%s is added. Next: mailspur domain add NAME --tenant %s",
                    call_text(answer, "tenant"), call_text(answer, "tenant"));
    }
    return code;
}

static const struct column COLUMNS[] = {
    {.title = "TENANT", .whole = true},
    {.title = "DOMAINS", .right = true},
    {.title = "ADDED"},
};

static void
add_tenant(const struct screen *screen, struct table *table, const json_t *tenant)
{
    (void)screen;
    char count[CALL_NUMBER_SIZE];
    char added[HUMAN_SIZE];
    const char *const cells[] = {
        call_text(tenant, "tenant"),
        call_number_text(tenant, "domains", count),
        human_time(json_string_value(json_object_get(tenant, "created_at")), clock_wall_ms(),
                   added),
    };
    table_add(table, cells);
}

enum cli_exit
run_tenant_list(struct cli *cli, const struct args *args)
{
    static const struct listing listing = {
        .member = "tenants",
        .columns = COLUMNS,
        .column_count = ARRAY_LEN(COLUMNS),
        .add = add_tenant,
        .none = "no tenants; add one: mailspur tenant add NAME",
    };
    (void)args;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/tenants");
    return listing_print_all(cli, &url, &listing);
}

// Without --domains nothing but an empty tenant can go: no question then.
static enum cli_exit
check_sure(const struct cli *cli, const struct args *args)
{
    if (args_value(args, "--domains") != NULL) {
        return confirm(cli, args,
                       "Remove tenant %s and all its domains? Their mail is refused from the next "
                       "recipient on; what was accepted is still delivered.",
                       args->operands[0]);
    }
    if (args_value(args, "--held") != NULL) {
        return cli_complain(cli, CLI_USAGE,
                            "--held is about the mail of its domains: say "
                            "--domains too");
    }
    return CLI_OK;
}

static json_t *
make_removal(const struct args *args)
{
    if (args_value(args, "--domains") == NULL) {
        return NULL;
    }
    json_t *body = call_make_body(args);
    (void)json_object_set_new(body, "domains", json_true()); // fails without memory only
    return body;
}

enum cli_exit
run_tenant_remove(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    enum cli_exit code = check_sure(cli, args);
    if (code != CLI_OK) {
        return code;
    }
    strbuf_puts(&url, "/v1/tenants");
    url_append_segment(&url, args->operands[0]);
    code = call_api(cli, "DELETE", &url, make_removal(args), &answer);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    screen_line(&cli->screen, "%s is removed", call_text(answer, "tenant"));
    if (args_value(args, "--domains") != NULL) {
        int64_t count = call_number(answer, "domains");
        screen_line(&cli->screen, "%" PRId64 " of its domains %s removed with it", count,
                    count == 1 ? "is" : "are");
        listing_print_held(cli, args_value(args, "--held"), answer);
    }
    return code;
}
