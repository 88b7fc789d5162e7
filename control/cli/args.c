// SPDX-License-Identifier: Apache-2.0
#include "control/cli/args.h"

#include <assert.h>
#include <string.h>

#include "config/suggest.h"
#include "control/cli/commands.h"

// The arguments under way.
struct reader {
    struct cli *cli;
    char *const *argv;
    int argc;
    int next;
    bool only_operands; /* behind "--" */
    struct args args;
};

// ---- options

// Does the argument have this name, alone or as name=value? The value in it, or NULL.
static bool
has_name(const char *argument, const char *name, const char **value_out)
{
    size_t length = strlen(name);
    if (strncmp(argument, name, length) != 0 ||
        (argument[length] != '\0' && argument[length] != '=')) {
        return false;
    }
    *value_out = argument[length] == '=' ? argument + length + 1 : NULL;
    return true;
}

// The option's value: behind "=", or the next argument.
static enum cli_exit
take_value(struct reader *reader, const char *name, const char *inside, bool may_be_empty,
           const char **value_out)
{
    const char *value = inside;
    if (value == NULL && reader->next < reader->argc) {
        value = reader->argv[reader->next++];
    }
    if (value == NULL || (value[0] == '\0' && !may_be_empty)) {
        return cli_complain(reader->cli, CLI_USAGE, "%s needs a value", name);
    }
    *value_out = value;
    return CLI_OK;
}

static enum cli_exit
read_flag(const struct reader *reader, const char *name, const char *inside)
{
    if (inside != NULL) {
        return cli_complain(reader->cli, CLI_USAGE, "%s takes no value", name);
    }
    return CLI_OK;
}

// Options of every command. *known_out tells whether it was one.
static enum cli_exit
read_global_option(struct reader *reader, const char *argument, bool *known_out)
{
    const char *inside;
    const struct {
        const char *name;
        const char **value;
    } valued[] = {
        {"-c", &reader->cli->config_path},
        {"--config", &reader->cli->config_path},
        {"--socket", &reader->cli->socket_path},
    };
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--json", &reader->cli->json},
        {"--help", &reader->args.help},
        {"-h", &reader->args.help},
        {"--version", &reader->args.version},
    };
    *known_out = true;
    for (size_t i = 0; i < ARRAY_LEN(valued); i++) {
        if (has_name(argument, valued[i].name, &inside)) {
            return take_value(reader, valued[i].name, inside, false, valued[i].value);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (has_name(argument, flags[i].name, &inside)) {
            *flags[i].flag = true;
            return read_flag(reader, flags[i].name, inside);
        }
    }
    *known_out = false;
    return CLI_OK;
}

static enum cli_exit
unknown_option(const struct reader *reader, const char *argument)
{
    const struct command *command = reader->args.command;
    struct suggestion suggestion = {.typed = argument};
    char hint[SUGGEST_TEXT_SIZE];
    for (size_t i = 0; i < command->option_count; i++) {
        suggest_offer(&suggestion, command->options[i].name);
    }
    return cli_complain(reader->cli, CLI_USAGE, "unknown option %s%s", argument,
                        suggest_format(&suggestion, hint));
}

static enum cli_exit
read_option(struct reader *reader, const char *argument)
{
    bool known;
    enum cli_exit code = read_global_option(reader, argument, &known);
    if (code != CLI_OK || known) {
        return code;
    }
    const struct command *command = reader->args.command;
    if (command == NULL) {
        return cli_complain(reader->cli, CLI_USAGE, "%s: a command's options stand behind it",
                            argument);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        const char *inside;
        if (!has_name(argument, option->name, &inside)) {
            continue;
        }
        if (option->value != NULL) {
            return take_value(reader, option->name, inside, option->value[0] == '[',
                              &reader->args.values[i]);
        }
        reader->args.values[i] = "";
        return read_flag(reader, option->name, inside);
    }
    return unknown_option(reader, argument);
}

// ---- words

static enum cli_exit
unknown_word(const struct reader *reader, const char *word)
{
    struct suggestion suggestion = {.typed = word};
    char hint[SUGGEST_TEXT_SIZE];
    size_t count;
    const struct command *commands = commands_all(&count);
    for (size_t i = 0; i < count; i++) {
        const char *group = commands[i].group;
        if (reader->args.group == NULL) {
            suggest_offer(&suggestion, group == NULL ? commands[i].verb : group);
        } else if (group != NULL && strcmp(group, reader->args.group) == 0) {
            suggest_offer(&suggestion, commands[i].verb);
        }
    }
    return cli_complain(reader->cli, CLI_USAGE, "there is no command '%s%s%s'%s (mailspur help)",
                        reader->args.group == NULL ? "" : reader->args.group,
                        reader->args.group == NULL ? "" : " ", word,
                        suggest_format(&suggestion, hint));
}

static enum cli_exit
read_word(struct reader *reader, const char *word)
{
    reader->args.command = commands_find(reader->args.group, word);
    if (reader->args.command != NULL) {
        return CLI_OK;
    }
    if (reader->args.group == NULL && commands_is_group(word)) {
        reader->args.group = word;
        return CLI_OK;
    }
    return unknown_word(reader, word);
}

static enum cli_exit
read_operand(struct reader *reader, const char *argument)
{
    struct args *args = &reader->args;
    if (args->operand_count == args->command->operands_max) {
        return cli_complain(reader->cli, CLI_USAGE, "'%s' is one word too many (mailspur help)",
                            argument);
    }
    args->operands[args->operand_count++] = argument;
    return CLI_OK;
}

static enum cli_exit
read_argument(struct reader *reader)
{
    const char *argument = reader->argv[reader->next++];
    if (!reader->only_operands && strcmp(argument, "--") == 0) {
        reader->only_operands = true;
        return CLI_OK;
    }
    if (!reader->only_operands && argument[0] == '-' && argument[1] != '\0') {
        return read_option(reader, argument);
    }
    return reader->args.command == NULL ? read_word(reader, argument)
                                        : read_operand(reader, argument);
}

static enum cli_exit
check_complete(struct reader *reader)
{
    const struct command *command = reader->args.command;
    if (reader->args.help || reader->args.version) {
        return CLI_OK;
    }
    if (command == NULL && reader->args.group != NULL) {
        return cli_complain(reader->cli, CLI_USAGE, "%s what? (mailspur help %s)",
                            reader->args.group, reader->args.group);
    }
    if (command != NULL && reader->args.operand_count < command->operands_min) {
        return cli_complain(reader->cli, CLI_USAGE, "%s%s%s needs %s",
                            command->group == NULL ? "" : command->group,
                            command->group == NULL ? "" : " ", command->verb, command->operands);
    }
    return CLI_OK;
}

enum cli_exit
args_parse(struct cli *cli, int argc, char *const argv[], struct args *out)
{
    struct reader reader = {.cli = cli, .argv = argv, .argc = argc};
    while (reader.next < argc) {
        enum cli_exit code = read_argument(&reader);
        if (code != CLI_OK) {
            return code;
        }
    }
    enum cli_exit code = check_complete(&reader);
    if (code == CLI_OK) {
        *out = reader.args;
    }
    return code;
}

const char *
args_value(const struct args *args, const char *name)
{
    for (size_t i = 0; i < args->command->option_count; i++) {
        if (strcmp(args->command->options[i].name, name) == 0) {
            return args->values[i];
        }
    }
    assert(false && "an option that the command's table does not have");
    return NULL;
}
