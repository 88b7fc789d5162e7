// SPDX-License-Identifier: Apache-2.0
// Postfix's settings read with postconf(1), its tables asked with postmap(1), and all of it judged.
#include "control/cli/doctor/postfix.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "control/cli/doctor/program.h"
#include "control/cli/doctor/read.h"

enum { KEYS_BYTES_MAX = 4 * 1024 * 1024 };

static const char *const NAMES[] = {
    "always_add_missing_headers",
    "always_bcc",
    "best_mx_transport",
    "compatibility_level",
    "local_header_rewrite_clients",
    "mail_owner",
    "mail_version",
    "message_size_limit",
    "milter_command_timeout",
    "milter_connect_macros",
    "milter_content_timeout",
    "milter_default_action",
    "milter_protocol",
    "milter_rcpt_macros",
    "mydestination",
    "non_smtpd_milters",
    "parent_domain_matches_subdomains",
    "proxy_interfaces",
    "queue_directory",
    "receive_override_options",
    "recipient_bcc_maps",
    "relay_domains",
    "sender_bcc_maps",
    "smtpd_milter_maps",
    "smtpd_milters",
    "smtpd_recipient_restrictions",
    "smtpd_relay_restrictions",
    "transport_maps",
    "virtual_alias_domains",
    "virtual_mailbox_domains",
};

// ---- reading

// Run "PROGRAM [-c DIR] arguments...".
static enum status
run(const char *name, const char *config, const char *const *arguments, size_t count,
    const char *input, struct program_result *result, struct why *why)
{
    const char *argv[PROGRAM_ARGUMENTS_MAX + 1] = {name};
    size_t used = 1;
    if (config != NULL) {
        argv[used++] = "-c";
        argv[used++] = config;
    }
    for (size_t i = 0; i < count; i++) {
        argv[used++] = arguments[i];
    }
    argv[used] = NULL;
    const struct program program = {.argv = argv, .input = input, .timeout_ms = PROGRAM_TIMEOUT_MS};
    return program_run(&program, result, why);
}

static enum status
run_postconf(const char *config, const char *const *arguments, size_t count,
             struct program_result *result, struct why *why)
{
    enum status status = run("postconf", config, arguments, count, NULL, result, why);
    if (status == ST_OK && result->exit_status != 0) {
        return why_set(why, ST_IO, "postconf: %.250s", strbuf_text(&result->errors));
    }
    return status;
}

static enum status
read_main(const char *config, struct postfix_settings *settings, struct why *why)
{
    const char *arguments[1 + ARRAY_LEN(NAMES)] = {"-x"};
    memcpy(arguments + 1, NAMES, sizeof(NAMES));
    AUTO_PROGRAM_RESULT result = PROGRAM_RESULT_INIT;
    enum status status = run_postconf(config, arguments, ARRAY_LEN(arguments), &result, why);
    if (status == ST_OK) {
        postfix_settings_read(settings, strbuf_text(&result.output));
    }
    return status;
}

static enum status
read_services(const char *config, struct postfix_settings *settings, struct why *why)
{
    static const char *const SERVICES[] = {"-M"};
    static const char *const OVERRIDES[] = {"-P", "-x"};
    AUTO_PROGRAM_RESULT services = PROGRAM_RESULT_INIT;
    AUTO_PROGRAM_RESULT overrides = PROGRAM_RESULT_INIT;
    enum status status = run_postconf(config, SERVICES, ARRAY_LEN(SERVICES), &services, why);
    if (status == ST_OK) {
        status = run_postconf(config, OVERRIDES, ARRAY_LEN(OVERRIDES), &overrides, why);
    }
    if (status == ST_OK) {
        postfix_settings_read_services(settings, strbuf_text(&services.output));
        postfix_settings_read(settings, strbuf_text(&overrides.output));
    }
    return status;
}

enum status
doctor_read_postfix(const char *config, struct postfix_settings **settings_out, struct why *why)
{
    AUTO_POSTFIX_SETTINGS *settings = postfix_settings_new();
    enum status status = read_main(config, settings, why);
    if (status == ST_OK) {
        status = read_services(config, settings, why);
    }
    if (status == ST_OK) {
        *settings_out = STEAL(settings);
    }
    return status;
}

// ---- tables

// Marks the keys that stand at the beginning of a line "key<TAB>value".
static void
mark(const char *output, const struct doctor_names *keys, bool *found_out)
{
    for (const char *line = output; *line != '\0'; line += line[0] == '\n' ? 1 : 0) {
        size_t length = strcspn(line, "\t\n ");
        for (size_t i = 0; i < keys->count; i++) {
            if (strlen(keys->items[i]) == length && memcmp(keys->items[i], line, length) == 0) {
                found_out[i] = true;
            }
        }
        line += strcspn(line, "\n");
    }
}

static enum status
ask_table(void *context, const char *table, const struct doctor_names *keys, bool *found_out,
          struct why *why)
{
    const char *const arguments[] = {"-q", "-", table};
    AUTO_STRBUF input = STRBUF_INIT(KEYS_BYTES_MAX);
    for (size_t i = 0; i < keys->count; i++) {
        strbuf_printf(&input, "%s\n", keys->items[i]);
    }
    if (input.overflow) {
        return why_set(why, ST_TOO_LARGE, "more than %d bytes of names", KEYS_BYTES_MAX);
    }
    AUTO_PROGRAM_RESULT result = PROGRAM_RESULT_INIT;
    enum status status =
        run("postmap", context, arguments, ARRAY_LEN(arguments), strbuf_text(&input), &result, why);
    // It ends with 1 when nothing was found, too.
    if (status == ST_OK && strstr(strbuf_text(&result.errors), "fatal:") != NULL) {
        return why_set(why, ST_IO, "%.250s", strbuf_text(&result.errors));
    }
    if (status == ST_OK) {
        mark(strbuf_text(&result.output), keys, found_out);
    }
    return status;
}

void
doctor_check_postfix(const struct doctor_host *host, struct doctor *doctor)
{
    if (host->postfix == NULL) {
        return; // told already
    }
    const struct postfix_view view = {.config = host->config, .settings = host->postfix};
    AUTO_FREE char *config = xstrdup(host->postfix_config);
    postfix_judge_restrictions(&view, doctor);
    postfix_judge_classes(&view, host->domains, ask_table, config, doctor);
    postfix_judge_milters(&view, doctor);
    postfix_judge_mail(&view, doctor);
}
