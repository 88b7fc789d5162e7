// SPDX-License-Identifier: Apache-2.0
// mailspur domain check: the records of any domain, and what is wrong with them, without daemon.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/xalloc.h"
#include "config/config.h"
#include "config/text.h"
#include "control/cli/call.h"
#include "control/cli/domain_ask.h"
#include "control/cli/handlers.h"
#include "control/cli/record_show.h"
#include "control/cli/resolver.h"
#include "verifier/domain/check.h"
#include "verifier/domain/name.h"
#include "verifier/domain/profile.h"
#include "verifier/domain/record_json.h"

/* Settings where there is no configuration file. PLACEHOLDER stands for what only a file tells;
   records that need it are left out. */
#define PLACEHOLDER "not-configured.invalid"
static const char NO_FILE[] = "hostname: " PLACEHOLDER "\ninbound_mx: " PLACEHOLDER "\n";
static const char NO_TOKEN[] = "TOKEN"; /* shown where the domain's own is not known */
enum { PURPOSE_END = PURPOSE_INBOUND_MX + 1 };

/* One check and what it needs. */
struct checkup {
    struct config *config;
    bool has_file;
    const struct config_profile *profile;
    char domain[DOMAIN_NAME_SIZE];
    const char *token; /* NULL: not known */
    const char *region;
    struct dns *dns;
    struct authority *authority;
    struct domain_records records;
    struct check_summary summary;
    bool is_left_out[PURPOSE_END]; /* required records whose values are not known here */
};

static void
checkup_done(struct checkup *checkup)
{
    authority_close(checkup->authority);
    dns_close(checkup->dns);
    config_unref(checkup->config);
    domain_records_done(&checkup->records);
}

// ---- settings

static enum cli_exit
load_file(struct cli *cli, const char *path, struct checkup *checkup)
{
    struct diagnostics found = {.items = NULL};
    enum status status = config_load_host(path, &found, &checkup->config);
    for (size_t i = 0; status != ST_OK && i < found.count; i++) {
        AUTO_FREE char *text = diagnostic_format(&found.items[i]);
        (void)cli_complain(cli, CLI_FAILED, "%s", text);
    }
    diagnostics_done(&found);
    return status == ST_OK ? CLI_OK : CLI_FAILED;
}

static enum cli_exit
load_without_file(struct cli *cli, struct checkup *checkup)
{
    char path[64];
    AUTO_FD int fd = memfd_create("mailspur.yaml", MFD_CLOEXEC);
    ssize_t length = (ssize_t)(sizeof(NO_FILE) - 1);
    if (fd < 0 || write(fd, NO_FILE, sizeof(NO_FILE) - 1) != length) {
        return cli_complain(cli, CLI_FAILED, "no memory for a file");
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return load_file(cli, path, checkup);
}

static enum cli_exit
load_config(struct cli *cli, struct checkup *checkup)
{
    const char *path = cli->config_path != NULL ? cli->config_path : CONFIG_DEFAULT_PATH;
    checkup->has_file = cli->config_path != NULL || access(path, R_OK) == 0;
    return checkup->has_file ? load_file(cli, path, checkup) : load_without_file(cli, checkup);
}

static enum cli_exit
find_profile(struct cli *cli, const char *name, struct checkup *checkup)
{
    const struct config *config = checkup->config;
    if (name == NULL) {
        name = config->verification.default_profile;
    }
    struct why why;
    return config_get_profile(config, name, &checkup->profile, &why) == ST_OK
               ? CLI_OK
               : cli_complain(cli, CLI_USAGE, "%s", why.text);
}

static enum cli_exit
open_network(struct cli *cli, const char *dns_server, struct checkup *checkup)
{
    static const struct network anywhere[] = {{.address.length = 4}, {.address.length = 16}};
    const struct config_verification *settings = &checkup->config->verification;
    struct why why;
    if (resolver_open(dns_server, &checkup->dns, &why) != ST_OK) {
        return cli_complain(cli, CLI_USAGE, "%s", why.text);
    }
    // The person who asks may look where the daemon, told by tenants, may not.
    struct authority_settings authority = {.dns = checkup->dns,
                                           .allow_private = anywhere,
                                           .allow_private_count = ARRAY_LEN(anywhere),
                                           .timeout_ms = RESOLVER_TRY_MS,
                                           .tries = RESOLVER_TRIES};
    if (checkup->has_file) {
        authority.allow_private = settings->allow_private.items;
        authority.allow_private_count = settings->allow_private.count;
    }
    if (authority_open(&authority, &checkup->authority, &why) != ST_OK) {
        return cli_complain(cli, CLI_FAILED, "%s", why.text);
    }
    return CLI_OK;
}

// ---- records

static bool
is_placeholder(const struct domain_record *record)
{
    return strstr(record->value, PLACEHOLDER) != NULL;
}

static void
drop_placeholders(struct domain_records *records)
{
    for (size_t i = records->count; i > 0; i--) {
        if (is_placeholder(&records->items[i - 1])) {
            domain_records_drop(records, i - 1);
        }
    }
}

static enum status
make_records(const struct checkup *checkup, const char *token, struct domain_records *out,
             struct why *why)
{
    struct profile_inputs inputs = {
        .domain = checkup->domain, .token = token, .region = checkup->region};
    enum status status = profile_records_make(checkup->config, checkup->profile, &inputs, out, why);
    if (status == ST_OK && !checkup->has_file) {
        drop_placeholders(out);
    }
    return status;
}

static const struct domain_record *
find_ownership(const struct domain_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        if (records->items[i].purpose == PURPOSE_OWNERSHIP) {
            return &records->items[i];
        }
    }
    return NULL;
}

// Without the domain's token its ownership cannot be checked; what stands there is shown.
static void
show_ownership(struct checkup *checkup)
{
    AUTO_RECORDS whole = {.count = 0};
    if (!config_profile_has(checkup->profile, PURPOSE_OWNERSHIP) ||
        make_records(checkup, NO_TOKEN, &whole, NULL) != ST_OK) {
        return;
    }
    const struct domain_record *ownership = find_ownership(&whole);
    struct domain_record *shown =
        ownership == NULL ? NULL : domain_records_insert(&checkup->records, 0);
    if (shown == NULL) {
        return;
    }
    *shown = *ownership; // nothing was seen of it, so it owns nothing
    AUTO_ANSWER *answer = dns_get(checkup->dns, NULL, ownership->name, DNS_TXT);
    for (size_t i = 0; answer->status == DNS_OK && i < answer->count && i < 1; i++) {
        const struct dns_record *seen = &answer->records[i];
        check_text_format(seen->data, seen->length, shown->observed, sizeof(shown->observed));
    }
}

static void
count_asked(const struct domain_records *records, size_t counts[PURPOSE_END])
{
    for (size_t i = 0; i < records->count; i++) {
        const struct domain_record *record = &records->items[i];
        counts[record->purpose] += record->required && record->status != RECORD_UNCHECKED;
    }
}

// What the domain's own entry would be asked for besides.
static void
find_left_out(struct checkup *checkup)
{
    AUTO_RECORDS whole = {.count = 0};
    size_t asked[PURPOSE_END] = {0};
    size_t wanted[PURPOSE_END] = {0};
    struct profile_inputs inputs = {.domain = checkup->domain,
                                    .token = NO_TOKEN,
                                    .region = checkup->region,
                                    .ses_tokens = {NO_TOKEN, NO_TOKEN, NO_TOKEN},
                                    .ses_zone = PLACEHOLDER};
    if (profile_records_make(checkup->config, checkup->profile, &inputs, &whole, NULL) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < whole.count; i++) {
        whole.items[i].status = RECORD_MISSING; // as if it had been asked for
    }
    count_asked(&whole, wanted);
    count_asked(&checkup->records, asked);
    for (int i = 0; i < PURPOSE_END; i++) {
        checkup->is_left_out[i] =
            config_profile_has(checkup->profile, (enum record_purpose)i) && asked[i] < wanted[i];
    }
}

static enum cli_exit
run_check(struct cli *cli, struct checkup *checkup)
{
    struct why why;
    struct check_context context = {.dns = checkup->dns, .authority = checkup->authority};
    struct check_subject subject = {.domain = checkup->domain};
    if (make_records(checkup, checkup->token, &checkup->records, &why) != ST_OK) {
        return cli_complain(cli, CLI_USAGE, "%s", why.text);
    }
    domain_check(&context, &subject, &checkup->records, &checkup->summary);
    if (checkup->token == NULL) {
        show_ownership(checkup);
    }
    find_left_out(checkup);
    return CLI_OK;
}

// ---- output

static json_t *
left_out_to_json(const struct checkup *checkup)
{
    json_t *purposes = json_array();
    for (int i = 0; i < PURPOSE_END; i++) {
        if (checkup->is_left_out[i]) {
            (void)json_array_append_new(purposes,
                                        json_string(record_purpose_name((enum record_purpose)i)));
        }
    }
    return purposes;
}

// The word of a domain's status, as far as one check can tell.
static const char *
status_word(const struct checkup *checkup)
{
    switch (checkup->summary.required) {
    case CHECK_PASS:
        for (int i = 0; i < PURPOSE_END; i++) {
            if (checkup->is_left_out[i]) {
                return "incomplete";
            }
        }
        return "verified";
    case CHECK_UNKNOWN:
        return "unknown";
    case CHECK_MISS:
    case CHECK_PARTIAL:
        break;
    }
    return "pending";
}

// As the API has it: of one form is all that is told of records.
static json_t *
report_to_json(const struct checkup *checkup)
{
    AUTO_FREE char *text = record_json(&checkup->records, checkup->domain, &checkup->summary);
    AUTO_JSON *seen = json_loads(text, 0, NULL);
    json_t *root = json_pack("{s:s, s:s, s:s, s:o}", "domain", checkup->domain, "profile",
                             checkup->profile->name, "status", status_word(checkup), "not_asked",
                             left_out_to_json(checkup));
    (void)json_object_update(root, seen); // fails without memory only
    char letters[DOMAIN_UNICODE_SIZE];
    if (domain_name_unicode(checkup->domain, letters)) {
        (void)json_object_set_new(root, "domain_unicode", json_string(letters));
    }
    return root;
}

static void
print_left_out(const struct screen *screen, const json_t *purposes)
{
    AUTO_STRBUF names = STRBUF_INIT(256);
    for (size_t i = 0; i < json_array_size(purposes); i++) {
        strbuf_printf(&names, "%s%s", i == 0 ? "" : ", ",
                      json_string_value(json_array_get(purposes, i)));
    }
    if (json_array_size(purposes) > 0) {
        screen_line(
            screen,
            "Not asked, because the domain's own values are not known here: %s. For a domain "
            "that was added, 'domain verify' asks for all; see also --token.",
            strbuf_text(&names));
    }
}

static void
print_report(const struct cli *cli, const struct checkup *checkup)
{
    AUTO_JSON *root = report_to_json(checkup);
    if (cli->json) {
        (void)json_dumpf(root, cli->screen.out, JSON_COMPACT | JSON_ENSURE_ASCII);
        (void)fputc('\n', cli->screen.out);
        return;
    }
    record_show_report(&cli->screen, json_object_get(root, "records"));
    print_left_out(&cli->screen, json_object_get(root, "not_asked"));
    AUTO_STRBUF name = STRBUF_INIT(DOMAIN_SHOWN_SIZE);
    domain_put_name(&cli->screen, root, &name);
    screen_line(&cli->screen, "%s, profile %s: %s", strbuf_text(&name), checkup->profile->name,
                status_word(checkup));
}

static enum cli_exit
exit_of(const struct check_summary *summary)
{
    if (summary->required == CHECK_PASS) {
        return CLI_OK;
    }
    return summary->required == CHECK_UNKNOWN ? CLI_UNREACHABLE : CLI_FAILED;
}

enum cli_exit
run_domain_check(struct cli *cli, const struct args *args)
{
    struct why why;
    AUTO(checkup_done)
    struct checkup checkup = {.token = args_value(args, "--token"),
                              .region = args_value(args, "--region")};
    if (domain_name_check(args->operands[0], NULL, checkup.domain, &why) != ST_OK) {
        return cli_complain(cli, CLI_USAGE, "%s", why.text);
    }
    if (checkup.region != NULL && text_check_region(checkup.region, &why) != ST_OK) {
        return cli_complain(cli, CLI_USAGE, "%s", why.text);
    }
    enum cli_exit code = load_config(cli, &checkup);
    if (code == CLI_OK) {
        code = find_profile(cli, args_value(args, "--profile"), &checkup);
    }
    if (code == CLI_OK) {
        code = open_network(cli, args_value(args, "--dns-server"), &checkup);
    }
    if (code == CLI_OK) {
        code = run_check(cli, &checkup);
    }
    if (code != CLI_OK) {
        return code;
    }
    print_report(cli, &checkup);
    return exit_of(&checkup.summary);
}
