// SPDX-License-Identifier: Apache-2.0
#include "control/cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "control/cli/handlers.h"

#define OPTIONS(table) .options = (table), .option_count = ARRAY_LEN(table)

static const struct option TENANT_REMOVE[] = {
    {"--domains", NULL, NULL, "its domains too"},
    {"--held", "CHOICE", "held", "their mail that is held: drain (deliver it) or discard"},
    {"--yes", NULL, NULL, "do not ask"},
};
static const struct option DOMAIN_ADD[] = {
    {"--tenant", "NAME", "tenant", "whose domain it is (default: default)"},
    {"--profile", "NAME", "profile", "its records (default: verification.default_profile)"},
    {"--region", "NAME", "region", "of providers that have regions"},
};
static const struct option DOMAIN_RECORDS[] = {
    {"--format", "FORM", NULL, "table (default), json, bind (lines of a zone file) or csv"},
};
static const struct option DOMAIN_VERIFY[] = {
    {"--watch", NULL, NULL, "ask again until it is verified; shows what changes"},
    {"--timeout", "DURATION", NULL, "of --watch: give up after 90s, 30m, 12h (default: never)"},
};
static const struct option DOMAIN_CHECK[] = {
    {"--profile", "NAME", NULL, "relay, ivymail, ses, local, inbound, or one of yours"},
    {"--region", "NAME", NULL, "of providers that have regions"},
    {"--token", "TOKEN", NULL, "the domain's own, where records hold it"},
    {"--dns-server", "ADDRESS", NULL, "resolver to ask (default: those of /etc/resolv.conf)"},
};
static const struct option DOMAIN_LIST[] = {
    {"--all", NULL, NULL, "removed ones too"},
    {"--tenant", "NAME", "tenant", "only this tenant's"},
    {"--status", "STATUS", "status", "pending, verified, at_risk, failed or removed"},
    {"--part", "TEXT", "part", "only names with this in them"},
};
static const struct option DOMAIN_REMOVE[] = {
    {"--yes", NULL, NULL, "do not ask"},
    {"--held", "CHOICE", "held",
     "mail that is held: drain (deliver it) or discard (default: stays)"},
};
static const struct option DOMAIN_APPROVE[] = {
    {"--tenant", "NAME", NULL, "whose entry, where several tenants added the name"},
};
static const struct option DOMAIN_HISTORY[] = {
    {"--limit", "N", "limit", "how many, newest first (default: 50)"},
    {"--before", "N", "before", "older than this event: the next page"},
};
static const struct option MESSAGE_LIST[] = {
    {"--domain", "NAME", "domain", "for this domain"},
    {"--tenant", "NAME", "tenant", "for this tenant"},
    {"--state", "STATE", "state", "with a delivery in this state"},
    {"--limit", "N", "limit", "how many, newest first (default: 50)"},
    {"--before", "ID", "before", "older than this one: the next page"},
};
static const struct option MESSAGE_SHOW[] = {
    {"--raw", NULL, NULL, "the message as it arrived, byte by byte"},
};
static const struct option DELIVERY_LIST[] = {
    {"--state", "STATE", "state", "queued, leased, held, blocked, unknown, done or dead"},
    {"--destination", "KEY", "destination", "to this destination"},
    {"--message", "ID", "message", "of this message"},
    {"--domain", "NAME", "domain", "for this domain"},
    {"--tenant", "NAME", "tenant", "for this tenant"},
    {"--limit", "N", "limit", "how many, newest first (default: 50)"},
    {"--before", "ID", "before", "older than this one: the next page"},
};
static const struct option DELIVERY_RETRY[] = {
    {"--message", "ID", "message", "all of this message"},
    {"--destination", "KEY", "destination", "all to this destination"},
    {"--domain", "NAME", "domain", "all for this domain"},
    {"--tenant", "NAME", "tenant", "all for this tenant"},
    {"--state", "STATE", "state", "only in this state; done: send again what was delivered"},
};
static const struct option HOLD_LIST[] = {
    {"--domain", "NAME", "domain", "for this domain"},
    {"--tenant", "NAME", "tenant", "for this tenant"},
    {"--message", "ID", "message", "of this message"},
    {"--limit", "N", "limit", "how many, newest first (default: 50)"},
    {"--before", "ID", "before", "older than this one: the next page"},
};
static const struct option HOLD_RELEASE[] = {
    {"--message", "ID", "message", "all of this message"},
    {"--domain", "NAME", "domain", "all for this domain"},
    {"--tenant", "NAME", "tenant", "all for this tenant"},
};
static const struct option HOLD_DISCARD[] = {
    {"--message", "ID", "message", "all of this message"},
    {"--domain", "NAME", "domain", "all for this domain"},
    {"--tenant", "NAME", "tenant", "all for this tenant"},
    {"--reason", "TEXT", "reason", "kept with the dead letter"},
};

static const struct option AUTH_CHECK[] = {
    {"--client-ip", "IP", NULL, "the SMTP client"},
    {"--helo", "[NAME]", NULL, "what it said in HELO"},
    {"--mail-from", "[ADDRESS]", NULL, "the envelope sender; '' is the null sender"},
    {"--engine", "NAME", NULL, "own (default), or reference: libspf2 and libopendkim"},
    {"--discovery", "NAME", NULL, "of DMARC: treewalk (default, RFC 9989), or psl"},
    {"--dns-fixture", "FILE", NULL, "records to answer from, instead of the DNS"},
    {"--dns-server", "ADDRESS", NULL, "resolver to ask (default: those of /etc/resolv.conf)"},
    {"--now", "SECONDS", NULL, "since 1970: the moment of the check (default: now)"},
    {"--authserv-id", "NAME", NULL, "our name in Authentication-Results (default: the host's)"},
    {"--helper", "FILE", NULL, "mailspur-reference, for --engine reference"},
    {"--forwarder", "NAMES", NULL, "that are registered: microsoft365, google"},
    {"--arc-sealer", "DOMAINS", NULL, "of one more forwarder: d= of its ARC seals"},
    {"--forwarder-network", "NETWORKS", NULL, "and where its mail comes from"},
    {"--batch", "FILE", NULL, "many checks: JSON lines, answered in order; -: standard input"},
};

static const struct option AUTH_EXPLAIN[] = {
    {"--recheck", NULL, NULL, "judge it again, without the DNS, and compare"},
    {"--message", "FILE", NULL, "the message, where it is not kept; -: standard input"},
};

static const struct option DOCTOR[] = {
    {"--postfix-config", "DIR", NULL, "folder of main.cf and master.cf (default: Postfix's own)"},
};

static const struct command COMMANDS[] = {
    {.group = "tenant",
     .verb = "add",
     .operands = "NAME",
     .summary = "add a tenant: somebody you run mail for",
     .operands_min = 1,
     .operands_max = 1,
     .run = run_tenant_add},
    {.group = "tenant",
     .verb = "list",
     .operands = "",
     .summary = "all tenants, and how many domains they have",
     .run = run_tenant_list},
    {.group = "tenant",
     .verb = "remove",
     .operands = "NAME",
     .summary = "remove a tenant that has no domains, or with its domains",
     OPTIONS(TENANT_REMOVE),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_tenant_remove},
    {.group = "domain",
     .verb = "add",
     .operands = "NAME",
     .summary = "add a domain; shows the DNS records it needs",
     OPTIONS(DOMAIN_ADD),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_add},
    {.group = "domain",
     .verb = "records",
     .operands = "NAME",
     .summary = "the DNS records to publish",
     OPTIONS(DOMAIN_RECORDS),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_records},
    {.group = "domain",
     .verb = "zone",
     .operands = "NAME",
     .summary = "the lines of your own zone that its DKIM CNAMEs lead to",
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_zone},
    {.group = "domain",
     .verb = "verify",
     .operands = "NAME",
     .summary = "ask the DNS for them now; says what is wrong and how to mend it",
     OPTIONS(DOMAIN_VERIFY),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_verify},
    {.group = "domain",
     .verb = "check",
     .operands = "NAME",
     .summary = "the same for any domain; needs no daemon and no configuration",
     OPTIONS(DOMAIN_CHECK),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_check},
    {.group = "domain",
     .verb = "inbound",
     .operands = "on|off NAME",
     .summary = "let a verified domain take mail, or not",
     .operands_min = 2,
     .operands_max = 2,
     .run = run_domain_inbound},
    {.group = "domain",
     .verb = "approve",
     .operands = "NAME",
     .summary = "allow a domain above or below one that another tenant holds",
     OPTIONS(DOMAIN_APPROVE),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_approve},
    {.group = "domain",
     .verb = "list",
     .operands = "",
     .summary = "all domains",
     OPTIONS(DOMAIN_LIST),
     .run = run_domain_list},
    {.group = "domain",
     .verb = "show",
     .operands = "NAME",
     .summary = "one domain: how it stands, what is coming, what the last check saw",
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_show},
    {.group = "domain",
     .verb = "history",
     .operands = "NAME",
     .summary = "what happened to it",
     OPTIONS(DOMAIN_HISTORY),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_history},
    {.group = "domain",
     .verb = "remove",
     .operands = "NAME",
     .summary = "remove a domain: its mail is refused from the next recipient on",
     OPTIONS(DOMAIN_REMOVE),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_domain_remove},
    {.group = "message",
     .verb = "list",
     .operands = "",
     .summary = "messages that arrived",
     OPTIONS(MESSAGE_LIST),
     .run = run_message_list},
    {.group = "message",
     .verb = "show",
     .operands = "ID",
     .summary = "one message: envelope, verdict, deliveries",
     OPTIONS(MESSAGE_SHOW),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_message_show},
    {.group = "delivery",
     .verb = "list",
     .operands = "",
     .summary = "deliveries and their state",
     OPTIONS(DELIVERY_LIST),
     .run = run_delivery_list},
    {.group = "delivery",
     .verb = "show",
     .operands = "ID",
     .summary = "one delivery with every attempt",
     .operands_min = 1,
     .operands_max = 1,
     .run = run_delivery_show},
    {.group = "delivery",
     .verb = "retry",
     .operands = "[ID]",
     .summary = "try again now: one delivery, or all that an option names",
     OPTIONS(DELIVERY_RETRY),
     .operands_max = 1,
     .run = run_delivery_retry},
    {.group = "hold",
     .verb = "list",
     .operands = "",
     .summary = "mail that waits for your word",
     OPTIONS(HOLD_LIST),
     .run = run_hold_list},
    {.group = "hold",
     .verb = "release",
     .operands = "[DELIVERY-ID]",
     .summary = "deliver held mail",
     OPTIONS(HOLD_RELEASE),
     .operands_max = 1,
     .run = run_hold_release},
    {.group = "hold",
     .verb = "discard",
     .operands = "[DELIVERY-ID]",
     .summary = "do not deliver held mail",
     OPTIONS(HOLD_DISCARD),
     .operands_max = 1,
     .run = run_hold_discard},
    {.group = "auth",
     .verb = "check",
     .operands = "[MESSAGE|-]",
     .summary = "judge a message as the milter would; needs no daemon and no configuration",
     OPTIONS(AUTH_CHECK),
     .operands_max = 1,
     .run = run_auth_check},
    {.group = "auth",
     .verb = "explain",
     .operands = "ID",
     .summary = "why a message was accepted, held or refused",
     OPTIONS(AUTH_EXPLAIN),
     .operands_min = 1,
     .operands_max = 1,
     .run = run_auth_explain},
    {.group = "config",
     .verb = "check",
     .operands = "[FILE]",
     .summary = "read the configuration and tell every mistake; needs no daemon",
     .operands_max = 1,
     .run = run_config_check},
    {.group = "config",
     .verb = "schema",
     .operands = "host|domain|profile",
     .summary = "JSON Schema of a kind of file, for editors; needs no daemon",
     .operands_min = 1,
     .operands_max = 1,
     .run = run_config_schema},
    {.verb = "status", .operands = "", .summary = "the daemon at a glance", .run = run_status},
    {.verb = "doctor",
     .operands = "[SUBJECT]",
     .summary = "what is wrong with this host: postfix, sockets, dns, host, files",
     OPTIONS(DOCTOR),
     .operands_max = 1,
     .run = run_doctor},
    {.verb = "backup",
     .operands = "FILE",
     .summary = "copy the store to a new file while it works",
     .operands_min = 1,
     .operands_max = 1,
     .run = run_backup},
    {.verb = "help",
     .operands = "[COMMAND]",
     .summary = "this, or a command's options",
     .operands_max = 2,
     .run = run_help},
};

static const struct option GLOBALS[] = {
    {"--json", NULL, NULL, "print the API's JSON as it is"},
    {"--socket", "PATH", NULL, "the daemon's control socket"},
    {"-c, --config", "FILE", NULL, "the configuration that names it (" CONFIG_DEFAULT_PATH ")"},
    {"-h, --help", NULL, NULL, "help for a command"},
    {"--version", NULL, NULL, "the version"},
};

static const char *const EXIT_CODES[] = {
    "0  done",
    "1  the answer is no: not verified, nothing matched, errors in the configuration",
    "2  the command line, or a value in it, is wrong",
    "3  there is no such tenant, domain, message or delivery",
    "4  its state or a limit forbids it",
    "5  mailspurd is not reachable or cannot answer now: try again",
};

const struct command *
commands_all(size_t *count_out)
{
    *count_out = ARRAY_LEN(COMMANDS);
    return COMMANDS;
}

static bool
in_group(const struct command *command, const char *group)
{
    return group == NULL ? command->group == NULL
                         : command->group != NULL && strcmp(command->group, group) == 0;
}

const struct command *
commands_find(const char *group, const char *verb)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (in_group(&COMMANDS[i], group) && strcmp(COMMANDS[i].verb, verb) == 0) {
            return &COMMANDS[i];
        }
    }
    return NULL;
}

bool
commands_is_group(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (COMMANDS[i].group != NULL && strcmp(COMMANDS[i].group, word) == 0) {
            return true;
        }
    }
    return false;
}

// ---- help

enum { HELP_COLUMN = 32 };

static void
print_pair(const struct screen *screen, const char *left, const char *right)
{
    screen_line(screen, "  %-*s%s%s", HELP_COLUMN, left, strlen(left) >= HELP_COLUMN ? "  " : "",
                right);
}

static void
print_command(const struct screen *screen, const struct command *command)
{
    char left[80];
    (void)snprintf(left, sizeof(left), "%s%s%s%s%s", command->group == NULL ? "" : command->group,
                   command->group == NULL ? "" : " ", command->verb,
                   command->operands[0] == '\0' ? "" : " ", command->operands);
    print_pair(screen, left, command->summary);
}

static void
print_options(const struct screen *screen, const struct option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[80];
        (void)snprintf(left, sizeof(left), "%s%s%s", options[i].name,
                       options[i].value == NULL ? "" : " ",
                       options[i].value == NULL ? "" : options[i].value);
        print_pair(screen, left, options[i].help);
    }
}

void
commands_print_group(const struct screen *screen, const char *group)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (in_group(&COMMANDS[i], group)) {
            print_command(screen, &COMMANDS[i]);
        }
    }
}

void
commands_print_all(const struct screen *screen)
{
    screen_line(screen, "usage: mailspur COMMAND [OPTIONS]");
    const char *group = "";
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        const char *next = COMMANDS[i].group == NULL ? "status" : COMMANDS[i].group;
        if (strcmp(group, next) != 0) {
            (void)fputc('\n', screen->out);
            group = next;
        }
        print_command(screen, &COMMANDS[i]);
    }
    (void)fputc('\n', screen->out);
    screen_line(screen, "with every command");
    print_options(screen, GLOBALS, ARRAY_LEN(GLOBALS));
    (void)fputc('\n', screen->out);
    screen_line(screen, "exit codes");
    for (size_t i = 0; i < ARRAY_LEN(EXIT_CODES); i++) {
        screen_line(screen, "  %s", EXIT_CODES[i]);
    }
}

void
commands_print_one(const struct screen *screen, const struct command *command)
{
    screen_line(screen, "usage: mailspur %s%s%s%s%s%s",
                command->group == NULL ? "" : command->group, command->group == NULL ? "" : " ",
                command->verb, command->operands[0] == '\0' ? "" : " ", command->operands,
                command->option_count == 0 ? "" : " [OPTIONS]");
    screen_line(screen, "%s", command->summary);
    if (command->option_count > 0) {
        (void)fputc('\n', screen->out);
        print_options(screen, command->options, command->option_count);
    }
}
