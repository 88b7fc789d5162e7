// SPDX-License-Identifier: Apache-2.0
// What Postfix does with mail beside the milter: the second lock, copies, fields it adds, sizes.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "control/cli/doctor/postfix.h"

static void
judge_second_lock(const struct postfix_view *view, struct doctor *doctor)
{
    static const char CHECK[] = "second-lock";
    const struct doctor_cure cure = {
        .file = DOCTOR_MAIN_CF,
        .line = "best_mx_transport = retry:4.3.0 mailspur milter was bypassed"};
    const char *value = postfix_setting_text(view->settings, "best_mx_transport");
    if (strncmp(value, "retry:", strlen("retry:")) == 0) {
        doctor_ok(doctor, CHECK, "best_mx_transport lets mail wait that got past mailspur-milter");
    } else if (value[0] == '\0') {
        doctor_tell(doctor, DOCTOR_WRONG, CHECK, cure,
                    "best_mx_transport is not set: mail for our domains that got past "
                    "mailspur-milter bounces as a loop");
    } else {
        doctor_tell(
            doctor, DOCTOR_WRONG, CHECK, cure,
            "best_mx_transport is %s: mail for our domains that got past mailspur-milter is "
            "to wait, with a reason",
            value);
    }
}

struct copy_setting {
    const char *name;
    const char *line;
};
static const struct copy_setting COPIES[] = {
    {"always_bcc", "always_bcc ="},
    {"recipient_bcc_maps", "recipient_bcc_maps ="},
    {"sender_bcc_maps", "sender_bcc_maps ="},
};

static void
judge_copies(const struct postfix_view *view, struct doctor *doctor)
{
    bool is_good = true;
    for (size_t i = 0; i < ARRAY_LEN(COPIES); i++) {
        const char *value = postfix_setting_text(view->settings, COPIES[i].name);
        if (value[0] != '\0') {
            is_good = false;
            doctor_tell(
                doctor, DOCTOR_WARNING, "copies",
                (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = COPIES[i].line},
                "%s = %s: there are no such copies of mail that mailspur takes over; have a "
                "route with two destinations instead",
                COPIES[i].name, value);
        }
    }
    if (is_good) {
        doctor_ok(doctor, "copies", "Postfix makes no copies that would be missing");
    }
}

// Whom Postfix may add fields for, before mailspur-milter sees them: those it knows.
static void
judge_rewriting(const struct postfix_view *view, struct doctor *doctor)
{
    static const char NAME[] = "local_header_rewrite_clients";
    const struct doctor_cure cure = {
        .file = DOCTOR_MAIN_CF,
        .line = "local_header_rewrite_clients = permit_mynetworks, permit_sasl_authenticated"};
    AUTO_POSTFIX_WORDS words = postfix_words_split(postfix_setting_text(view->settings, NAME));
    for (size_t i = 0; i < words.count; i++) {
        const char *word = words.items[i];
        if (strncmp(word, "permit_", strlen("permit_")) != 0 &&
            strncmp(word, "check_address_map", strlen("check_address_map")) != 0) {
            doctor_tell(doctor, DOCTOR_WARNING, "header-rewriting", cure,
                        "%s has %s: Postfix may complete fields of strangers, which breaks their "
                        "signatures",
                        NAME, word);
            return;
        }
    }
    doctor_ok(doctor, "header-rewriting", "Postfix completes no fields of strangers");
}

static void
judge_missing_headers(const struct postfix_view *view, struct doctor *doctor)
{
    static const char NAME[] = "always_add_missing_headers";
    if (strcmp(postfix_setting_text(view->settings, NAME), "yes") == 0) {
        doctor_tell(
            doctor, DOCTOR_WARNING, "missing-headers",
            (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = "always_add_missing_headers = no"},
            "%s is yes: Postfix gives strangers' mail a Message-ID and a Date that are not "
            "theirs",
            NAME);
    } else {
        doctor_ok(doctor, "missing-headers", "%s = no", NAME);
    }
}

static void
judge_size(const struct postfix_view *view, struct doctor *doctor)
{
    static const char NAME[] = "message_size_limit";
    const char *value = postfix_setting_text(view->settings, NAME);
    uint64_t ours = view->config->limits.message_bytes;
    uint64_t theirs = 0;
    if (parse_uint(value, UINT64_MAX, &theirs, NULL) == ST_OK && (theirs == 0 || theirs >= ours)) {
        doctor_ok(doctor, "message-size", "%s lets through what limits.message_size does", NAME);
        return;
    }
    char line[80];
    (void)snprintf(line, sizeof(line), "%s = %" PRIu64, NAME, ours);
    doctor_tell(doctor, DOCTOR_WRONG, "message-size",
                (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = line},
                "%s is %s, less than limits.message_size (%" PRIu64
                "): Postfix refuses mail that mailspur would take",
                NAME, value, ours);
}

void
postfix_judge_mail(const struct postfix_view *view, struct doctor *doctor)
{
    judge_second_lock(view, doctor);
    judge_copies(view, doctor);
    judge_rewriting(view, doctor);
    judge_missing_headers(view, doctor);
    judge_size(view, doctor);
}
