// SPDX-License-Identifier: Apache-2.0
// `mailspur doctor`: what is to be known about this host, and what the checks make of it. A check
// changes nothing.
#ifndef CONTROL_CLI_DOCTOR_DOCTOR_H
#define CONTROL_CLI_DOCTOR_DOCTOR_H

#include <stddef.h>

#include "config/config.h"
#include "control/cli/cli.h"

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_WARNING, /* works, but not as it should, or could not be looked at */
    DOCTOR_WRONG    /* mail is lost, refused or let through; or something does not answer */
};

/** "ok", "warning", "wrong". Static text. */
const char *doctor_level_name(enum doctor_level level);

struct doctor_finding {
    enum doctor_level level;
    const char *check; /* static word, such as "milters" */
    char *text;        /* one sentence */
    const char *file;  /* where the line belongs: DOCTOR_MAIN_CF ...; NULL: no line */
    char *line;        /* to paste */
};

#define DOCTOR_MAIN_CF "main.cf"
#define DOCTOR_MASTER_CF "master.cf"
#define DOCTOR_YAML "mailspur.yaml"
#define DOCTOR_SHELL "as root"

/** What the checks have found, in their order. */
struct doctor {
    struct doctor_finding *items;
    size_t count;
};

void doctor_done(struct doctor *doctor);

/** A check that found nothing wrong. `check` is static text. */
void doctor_ok(struct doctor *doctor, const char *check, const char *format, ...) PRINTF_LIKE(3, 4);

/** What to do about a finding. */
struct doctor_cure {
    const char *file; /* static text */
    const char *line; /* borrowed */
};
static const struct doctor_cure DOCTOR_NO_CURE = {.file = NULL};

void doctor_tell(struct doctor *doctor, enum doctor_level level, const char *check,
                 struct doctor_cure cure, const char *format, ...) PRINTF_LIKE(5, 6);

size_t doctor_count(const struct doctor *doctor, enum doctor_level level);

/** Names of domains. */
struct doctor_names {
    char **items;
    size_t count;
};

struct postfix_settings;

/** The host as the command line has it. All borrowed. */
struct doctor_host {
    const struct config *config;
    const char *config_path;
    const char *postfix_config;             /* --postfix-config; NULL: Postfix's own */
    const struct postfix_settings *postfix; /* NULL: there is none, or it cannot be read */
    const struct doctor_names *domains;     /* ours */
};

typedef void doctor_check(const struct doctor_host *host, struct doctor *doctor);

/** One subject each: file of the same name. */
doctor_check doctor_check_postfix, doctor_check_sockets, doctor_check_dns, doctor_check_host,
    doctor_check_files;

#endif
