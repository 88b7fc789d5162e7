// SPDX-License-Identifier: Apache-2.0
#include "control/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>

#include "control/cli/commands.h"
#include "control/cli/handlers.h"

enum { COMPLAINT_MAX = 16 * 1024 };

enum cli_exit
cli_complain(const struct cli *cli, enum cli_exit code, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        return code;
    }
    AUTO_STRBUF clean = STRBUF_INIT(COMPLAINT_MAX);
    screen_clean(&cli->screen, text, &clean);
    free(text);
    (void)fprintf(cli->err, "mailspur: %s\n", strbuf_text(&clean));
    return code;
}

enum cli_exit
run_help(struct cli *cli, const struct args *args)
{
    const char *first = args->operand_count > 0 ? args->operands[0] : NULL;
    const char *second = args->operand_count > 1 ? args->operands[1] : NULL;
    const struct command *command = second == NULL ? commands_find(NULL, first == NULL ? "" : first)
                                                   : commands_find(first, second);
    if (first == NULL) {
        commands_print_all(&cli->screen);
    } else if (command != NULL) {
        commands_print_one(&cli->screen, command);
    } else if (second == NULL && commands_is_group(first)) {
        commands_print_group(&cli->screen, first);
    } else {
        return cli_complain(cli, CLI_USAGE, "there is no command '%s%s%s' (mailspur help)", first,
                            second == NULL ? "" : " ", second == NULL ? "" : second);
    }
    return CLI_OK;
}

static enum cli_exit
run(struct cli *cli, const struct args *args)
{
    if (args->version) {
        screen_line(&cli->screen, "mailspur %s", MAILSPUR_VERSION);
        return CLI_OK;
    }
    if (args->help && args->command != NULL) {
        commands_print_one(&cli->screen, args->command);
        return CLI_OK;
    }
    if (args->help && args->group != NULL) {
        commands_print_group(&cli->screen, args->group);
        return CLI_OK;
    }
    if (args->command == NULL) {
        commands_print_all(&cli->screen);
        return args->help ? CLI_OK : CLI_USAGE;
    }
    return args->command->run(cli, args);
}

int
cli_main(int argc, char *const argv[], FILE *out, FILE *err)
{
    struct cli cli = {.screen = screen_open(out), .err = err};
    struct args args;
    enum cli_exit code = args_parse(&cli, argc - 1, argv + 1, &args);
    if (code == CLI_OK) {
        code = run(&cli, &args);
    }
    // A full disk or a closed pipe must not look like success.
    if ((fflush(out) != 0 || ferror(out) != 0) && code == CLI_OK) {
        code = cli_complain(&cli, CLI_FAILED, "the output cannot be written");
    }
    return (int)code;
}
