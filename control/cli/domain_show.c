// SPDX-License-Identifier: Apache-2.0
// mailspur domain show: how a domain stands, what is coming, and what the last check saw.
#include <string.h>

#include "control/cli/domain_ask.h"
#include "control/cli/handlers.h"
#include "control/cli/listing.h"
#include "control/cli/record_show.h"

struct moment {
    const char *label;
    const char *member;
};
static const struct moment MOMENTS[] = {
    {"added", "created_at"},      {"owned", "owned_at"}, // its proof was last seen
    {"verified", "verified_at"},  {"checked", "checked_at"}, {"next check", "next_check_at"},
    {"missing", "missing_since"}, {"fails", "fails_at"}, // unless its records are found before
    {"failed", "failed_at"},      {"removed", "removed_at"},
};

// What happens to its mail, by the word of `mail`, and what comes next.
struct mail_row {
    const char *mail;
    const char *sentence;
    const char *next;
};
static const struct mail_row MAILS[] = {
    {"held", "held: the proof of ownership is gone", "deferred"},
    {"deferred", "deferred with 450: the proof of ownership is gone", "refused"},
    {"refused", "refused with 550: the proof of ownership is gone", ""},
};

static void
print_mail(const struct cli *cli, const json_t *domain)
{
    for (size_t i = 0; i < ARRAY_LEN(MAILS); i++) {
        if (strcmp(call_text(domain, "mail"), MAILS[i].mail) == 0) {
            listing_print_pair(cli, "mail", MAILS[i].sentence);
            listing_print_moment(cli, "since", call_text(domain, "ownership_missing_since"));
            listing_print_moment(cli, MAILS[i].next, call_text(domain, "mail_changes_at"));
        }
    }
}

static void
print_ses(const struct cli *cli, const json_t *ses)
{
    if (!json_is_object(ses)) {
        return;
    }
    listing_print_pair(cli, "SES", call_text(ses, "verification"));
    listing_print_pair(cli, "SES DKIM", call_text(ses, "dkim"));
    listing_print_pair(cli, "SES MAIL", call_text(ses, "mail_from"));
    listing_print_pair(cli, "SES says", call_text(ses, "problem"));
}

static void
print_state(const struct cli *cli, const json_t *domain)
{
    char number[CALL_NUMBER_SIZE];
    listing_print_pair(cli, "id", call_text(domain, "id"));
    listing_print_pair(cli, "profile", call_text(domain, "profile"));
    listing_print_pair(cli, "region", call_text(domain, "region"));
    listing_print_pair(cli, "routes", call_number_text(domain, "routes", number));
    for (size_t i = 0; i < ARRAY_LEN(MOMENTS); i++) {
        listing_print_moment(cli, MOMENTS[i].label, call_text(domain, MOMENTS[i].member));
    }
    if (call_number(domain, "misses") > 0) {
        listing_print_pair(cli, "misses", call_number_text(domain, "misses", number));
    }
    print_mail(cli, domain);
    if (json_is_true(json_object_get(domain, "mx_points_here"))) {
        listing_print_pair(cli, "MX", "still points here, though the domain is removed");
    }
    print_ses(cli, json_object_get(domain, "ses"));
}

// Other tenants: whom a claim waits for, and whose names the approval is about.
static void
print_others(const struct cli *cli, const json_t *domain)
{
    const json_t *others = json_object_get(domain, "operator");
    const json_t *near = json_object_get(others, "near");
    bool is_proven = json_is_true(json_object_get(others, "proven"));
    listing_print_pair(cli, is_proven ? "held by" : "added by", call_text(others, "holder"));
    listing_print_moment(cli, "contested", call_text(domain, "contested_at"));
    for (size_t i = 0; i < json_array_size(near); i++) {
        const json_t *row = json_array_get(near, i);
        screen_line(&cli->screen, "  %-12s %s (tenant %s)", "near", call_text(row, "domain"),
                    call_text(row, "tenant"));
    }
}

enum cli_exit
run_domain_show(struct cli *cli, const struct args *args)
{
    AUTO_JSON *domain = NULL;
    enum cli_exit code = domain_ask(cli, "GET", args->operands[0], "", NULL, &domain);
    if (code != CLI_OK || cli->json) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *records = json_object_get(domain, "records");
    domain_print_headline(screen, domain);
    print_others(cli, domain);
    print_state(cli, domain);
    if (call_text(domain, "checked_at")[0] == '\0' && json_array_size(records) > 0) {
        screen_line(screen, "not checked yet: mailspur domain verify %s",
                    call_text(domain, "domain"));
    }
    record_show_report(screen, records);
    return CLI_OK;
}
