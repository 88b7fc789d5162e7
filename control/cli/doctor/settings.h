// SPDX-License-Identifier: Apache-2.0
// Postfix's settings as postconf(1) prints them.
#ifndef CONTROL_CLI_DOCTOR_SETTINGS_H
#define CONTROL_CLI_DOCTOR_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

struct postfix_settings;

struct postfix_settings *postfix_settings_new(void);

/** NULL-safe. */
void postfix_settings_free(struct postfix_settings *settings);

static inline void
postfix_settings_cleanup(struct postfix_settings **settings)
{
    postfix_settings_free(*settings);
}
#define AUTO_POSTFIX_SETTINGS AUTO(postfix_settings_cleanup) struct postfix_settings

/**
 * Add "name = value" lines: those of `postconf -x`, and of `postconf -Px`, whose names are
 * "service/type/name". Other lines are passed over.
 */
void postfix_settings_read(struct postfix_settings *settings, const char *text);

/** Add the services of `postconf -M`. */
void postfix_settings_read_services(struct postfix_settings *settings, const char *text);

/** The value; NULL when it was not read. Borrowed. */
const char *postfix_setting(const struct postfix_settings *settings, const char *name);

/** The same, "" when it was not read. */
const char *postfix_setting_text(const struct postfix_settings *settings, const char *name);

/** A service that receives mail by SMTP. */
struct postfix_service {
    char *name; /* "smtp/inet" */
    bool chroot;
};

/** All of them, in the order of master.cf. Borrowed. */
const struct postfix_service *postfix_services(const struct postfix_settings *settings,
                                               size_t *count_out);

/** True if one of them runs in the queue directory as its root. */
bool postfix_is_chrooted(const struct postfix_settings *settings);

/** What a service's "-o name=value" says; else what main.cf says; "" for nothing. */
const char *postfix_service_setting(const struct postfix_settings *settings,
                                    const struct postfix_service *service, const char *name);

/** The items of a list: between blanks and commas, with {...} taken as one, without its braces. */
struct postfix_words {
    char **items;
    size_t count;
};
struct postfix_words postfix_words_split(const char *value);
void postfix_words_done(struct postfix_words *words);
#define AUTO_POSTFIX_WORDS AUTO(postfix_words_done) struct postfix_words

/** True if the word stands in the list. */
bool postfix_list_has(const char *value, const char *word);

#endif
