// SPDX-License-Identifier: Apache-2.0
// mailspur config check: works without the daemon.
#include "config/config.h"

#include <stdlib.h>

#include "control/cli/call.h"
#include "control/cli/handlers.h"

static void
diagnostics_cleanup(struct diagnostics *diagnostics)
{
    diagnostics_done(diagnostics);
}

static void
print_json(const struct cli *cli, const struct diagnostics *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->count; i++) {
        const struct diagnostic *item = &found->items[i];
        json_t *row = json_pack("{s:s, s:s?, s:i, s:i, s:s?}", "level",
                                item->is_error ? "error" : "warning", "file", item->file, "line",
                                (int)item->line, "column", (int)item->column, "text", item->text);
        // A file's text may be no UTF-8; the row is then left to the count.
        (void)json_array_append_new(list, row == NULL ? json_null() : row);
    }
    AUTO_JSON *root = json_pack("{s:b, s:i, s:o}", "ok", found->errors == 0, "errors",
                                (int)found->errors, "diagnostics", list);
    (void)json_dumpf(root, cli->screen.out, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)fputc('\n', cli->screen.out);
}

static void
print_text(const struct cli *cli, const char *path, const struct diagnostics *found,
           const struct config *config)
{
    for (size_t i = 0; i < found->count; i++) {
        AUTO_FREE char *text = diagnostic_format(&found->items[i]);
        screen_line(&cli->screen, "%s", text);
    }
    if (config == NULL) {
        screen_line(&cli->screen, "%s: %zu error%s", path, found->errors,
                    found->errors == 1 ? "" : "s");
        return;
    }
    screen_line(&cli->screen,
                "%s: good; domains with routes: %zu, destinations: %zu, warnings: %zu", path,
                config->domain_count, config->destination_count, found->count);
}

enum cli_exit
run_config_check(struct cli *cli, const struct args *args)
{
    const char *path = args->operand_count > 0    ? args->operands[0]
                       : cli->config_path != NULL ? cli->config_path
                                                  : CONFIG_DEFAULT_PATH;
    AUTO(diagnostics_cleanup) struct diagnostics found = {.items = NULL};
    AUTO_CONFIG *config = NULL;
    enum status status = config_load(path, &found, &config);
    if (cli->json) {
        print_json(cli, &found);
    } else {
        print_text(cli, path, &found, config);
    }
    return status == ST_OK ? CLI_OK : CLI_FAILED;
}
