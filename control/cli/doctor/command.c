// SPDX-License-Identifier: Apache-2.0
// mailspur doctor: reads this host, lets each subject look at it, and tells what was found.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "control/cli/call.h"
#include "control/cli/client.h"
#include "control/cli/doctor/doctor.h"
#include "control/cli/doctor/read.h"
#include "control/cli/handlers.h"
#include "control/cli/listing.h"
#include "control/cli/url.h"

enum { PATIENCE_S = 5 };

struct subject {
    const char *name;
    doctor_check *check;
};
static const struct subject SUBJECTS[] = {
    {"postfix", doctor_check_postfix}, {"sockets", doctor_check_sockets}, {"dns", doctor_check_dns},
    {"host", doctor_check_host},       {"files", doctor_check_files},
};

/* What is read, and owned, for the checks. */
struct patient {
    char config_path[PATH_MAX];
    struct config *config;
    struct postfix_settings *postfix;
    struct doctor_names domains;
    struct doctor doctor;
};

static void
patient_done(struct patient *patient)
{
    for (size_t i = 0; i < patient->domains.count; i++) {
        free(patient->domains.items[i]);
    }
    free(patient->domains.items);
    postfix_settings_free(patient->postfix);
    config_unref(patient->config);
    doctor_done(&patient->doctor);
}

// ---- reading

static void
diagnostics_cleanup(struct diagnostics *diagnostics)
{
    diagnostics_done(diagnostics);
}

// False: without a configuration there is nothing to compare with.
static bool
read_config(const struct cli *cli, struct patient *patient)
{
    static const char CHECK[] = "configuration";
    const char *path = cli->config_path != NULL ? cli->config_path : CONFIG_DEFAULT_PATH;
    AUTO(diagnostics_cleanup) struct diagnostics found = {.items = NULL};
    if (realpath(path, patient->config_path) == NULL) {
        (void)snprintf(patient->config_path, sizeof(patient->config_path), "%s", path);
    }
    // Its file names are told as the person wrote them.
    enum status status = config_load(path, &found, &patient->config);
    for (size_t i = 0; i < found.count; i++) {
        AUTO_FREE char *text = diagnostic_format(&found.items[i]);
        doctor_tell(&patient->doctor, found.items[i].is_error ? DOCTOR_WRONG : DOCTOR_WARNING,
                    CHECK, DOCTOR_NO_CURE, "%s", text);
    }
    if (found.count == 0) {
        doctor_ok(&patient->doctor, CHECK, "%s is good", path);
    }
    return status == ST_OK;
}

static void
read_postfix(const char *config, struct patient *patient)
{
    struct why why;
    enum status status = doctor_read_postfix(config, &patient->postfix, &why);
    if (status == ST_OK) {
        doctor_ok(&patient->doctor, "postfix", "Postfix %s",
                  postfix_setting_text(patient->postfix, "mail_version"));
    } else if (status == ST_NOT_FOUND) {
        doctor_tell(&patient->doctor, DOCTOR_WARNING, "postfix", DOCTOR_NO_CURE,
                    "there is no Postfix on this host (%s): its settings are not looked at",
                    why.text);
    } else {
        doctor_tell(&patient->doctor, DOCTOR_WRONG, "postfix", DOCTOR_NO_CURE, "%s", why.text);
    }
}

static void
add_domain(struct patient *patient, const char *name)
{
    struct doctor_names *domains = &patient->domains;
    domains->items = xreallocarray(domains->items, domains->count + 1, sizeof(char *));
    domains->items[domains->count++] = xstrdup(name);
}

static void
answer_cleanup(struct client_answer *answer)
{
    strbuf_done(&answer->body);
}

// One page; NULL: the daemon is down.
static json_t *
ask_domains(const char *socket_path, const char *before)
{
    AUTO(answer_cleanup)
    struct client_answer answer = {.body = STRBUF_INIT(CLIENT_ANSWER_MAX)};
    char limit[CALL_NUMBER_SIZE];
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    (void)snprintf(limit, sizeof(limit), "%d", LISTING_PAGE);
    strbuf_puts(&url, "/v1/domains");
    url_append_parameter(&url, "limit", limit);
    url_append_parameter(&url, "before", before);
    const struct client_request request = {.socket_path = socket_path,
                                           .method = "GET",
                                           .url = strbuf_text(&url),
                                           .patience_s = PATIENCE_S};
    bool is_there = client_ask(&request, &answer, NULL) == ST_OK && answer.http_status == 200;
    return is_there ? json_loadb(strbuf_text(&answer.body), answer.body.length, 0, NULL) : NULL;
}

// From the daemon; while it is down, those that have routes.
static void
read_domains(const struct cli *cli, struct patient *patient)
{
    const char *path = cli->socket_path != NULL ? cli->socket_path : patient->config->control.path;
    AUTO_JSON *page = ask_domains(path, NULL);
    for (size_t i = 0; page == NULL && i < patient->config->domain_count; i++) {
        add_domain(patient, patient->config->domains[i]->name);
    }
    while (page != NULL) {
        const json_t *list = json_object_get(page, "domains");
        for (size_t i = 0; i < json_array_size(list); i++) {
            add_domain(patient, call_text(json_array_get(list, i), "domain"));
        }
        const char *next = call_text(page, "next");
        json_t *following = next[0] == '\0' ? NULL : ask_domains(path, next);
        json_decref(page);
        page = following;
    }
}

// ---- telling

static void
print_json(const struct cli *cli, const struct doctor *doctor)
{
    json_t *list = json_array();
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_finding *item = &doctor->items[i];
        json_t *row = json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "check", item->check, "level",
                                doctor_level_name(item->level), "text", item->text, "file",
                                item->file, "line", item->line);
        // A text may be no UTF-8 where a file is none.
        (void)json_array_append_new(list, row == NULL ? json_null() : row);
    }
    AUTO_JSON *root =
        json_pack("{s:b, s:i, s:i, s:o}", "ok", doctor_count(doctor, DOCTOR_WRONG) == 0, "wrong",
                  (int)doctor_count(doctor, DOCTOR_WRONG), "warnings",
                  (int)doctor_count(doctor, DOCTOR_WARNING), "checks", list);
    (void)json_dumpf(root, cli->screen.out, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)fputc('\n', cli->screen.out);
}

static void
print_text(const struct cli *cli, const struct doctor *doctor)
{
    static const enum screen_style STYLES[] = {
        [DOCTOR_OK] = STYLE_GOOD, [DOCTOR_WARNING] = STYLE_UNSURE, [DOCTOR_WRONG] = STYLE_BAD};
    const struct screen *screen = &cli->screen;
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_finding *item = &doctor->items[i];
        enum screen_style style = STYLES[item->level];
        (void)fprintf(screen->out, "%s%-7s%s  ", screen_style_on(screen, style),
                      doctor_level_name(item->level), screen_style_off(screen, style));
        screen_line(screen, "%-22s  %s", item->check, item->text);
        if (item->line != NULL) {
            screen_line(screen, "%33s%s: %s", "", item->file, item->line);
        }
    }
    screen_line(screen, "%zu ok, %zu warnings, %zu wrong", doctor_count(doctor, DOCTOR_OK),
                doctor_count(doctor, DOCTOR_WARNING), doctor_count(doctor, DOCTOR_WRONG));
}

// ---- the command

static void
examine(const struct args *args, struct patient *patient)
{
    const struct doctor_host host = {.config = patient->config,
                                     .config_path = patient->config_path,
                                     .postfix_config = args_value(args, "--postfix-config"),
                                     .postfix = patient->postfix,
                                     .domains = &patient->domains};
    for (size_t i = 0; i < ARRAY_LEN(SUBJECTS); i++) {
        if (args->operand_count == 0 || strcmp(args->operands[0], SUBJECTS[i].name) == 0) {
            SUBJECTS[i].check(&host, &patient->doctor);
        }
    }
}

static bool
is_subject(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(SUBJECTS); i++) {
        if (strcmp(SUBJECTS[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

enum cli_exit
run_doctor(struct cli *cli, const struct args *args)
{
    if (args->operand_count > 0 && !is_subject(args->operands[0])) {
        return cli_complain(
            cli, CLI_USAGE,
            "there is no subject '%s'; there are: postfix, sockets, dns, host, files",
            args->operands[0]);
    }
    AUTO(patient_done) struct patient patient = {.config = NULL};
    if (read_config(cli, &patient)) {
        read_postfix(args_value(args, "--postfix-config"), &patient);
        read_domains(cli, &patient);
        examine(args, &patient);
    }
    if (cli->json) {
        print_json(cli, &patient.doctor);
    } else {
        print_text(cli, &patient.doctor);
    }
    return doctor_count(&patient.doctor, DOCTOR_WRONG) == 0 ? CLI_OK : CLI_FAILED;
}
