// SPDX-License-Identifier: Apache-2.0
#include "control/cli/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum cli_exit
confirm(const struct cli *cli, const struct args *args, const char *question, ...)
{
    if (args_value(args, "--yes") != NULL) {
        return CLI_OK;
    }
    if (isatty(STDIN_FILENO) != 1) {
        return cli_complain(cli, CLI_USAGE, "nobody is there to ask: say --yes");
    }
    char *text = NULL;
    va_list values;
    va_start(values, question);
    int length = vasprintf(&text, question, values);
    va_end(values);
    if (length < 0) {
        return CLI_FAILED;
    }
    AUTO_STRBUF clean = STRBUF_INIT(SCREEN_LINE_MAX);
    screen_clean(&cli->screen, text, &clean);
    free(text);
    char answer[8] = "";
    (void)fprintf(cli->err, "%s [y/N] ", strbuf_text(&clean));
    (void)fflush(cli->err);
    bool is_sure =
        fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
    return is_sure ? CLI_OK : cli_complain(cli, CLI_FAILED, "not removed");
}
