// SPDX-License-Identifier: Apache-2.0
#include "control/cli/doctor/settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "common/xalloc.h"

enum { NAME_MAX_BYTES = 512 };

struct setting {
    char *name;
    char *value;
};

struct postfix_settings {
    struct setting *items;
    size_t count;
    struct postfix_service *services;
    size_t service_count;
};

struct postfix_settings *
postfix_settings_new(void)
{
    return xcalloc(1, sizeof(struct postfix_settings));
}

void
postfix_settings_free(struct postfix_settings *settings)
{
    if (settings == NULL) {
        return;
    }
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].name);
        free(settings->items[i].value);
    }
    for (size_t i = 0; i < settings->service_count; i++) {
        free(settings->services[i].name);
    }
    free(settings->items);
    free(settings->services);
    free(settings);
}

// ---- reading

typedef void on_line(struct postfix_settings *settings, char *line);

static void
each_line(struct postfix_settings *settings, const char *text, on_line *take)
{
    AUTO_FREE char *copy = xstrdup(text);
    char *rest = copy;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        take(settings, line);
    }
}

static void
take_setting(struct postfix_settings *settings, char *line)
{
    char *equals = strstr(line, " =");
    if (equals == NULL) {
        return;
    }
    const char *value = equals + 2 + strspn(equals + 2, " \t");
    settings->items =
        xreallocarray(settings->items, settings->count + 1, sizeof(settings->items[0]));
    settings->items[settings->count++] =
        (struct setting){.name = xmemdup(line, (size_t)(equals - line)), .value = xstrdup(value)};
}

void
postfix_settings_read(struct postfix_settings *settings, const char *text)
{
    each_line(settings, text, take_setting);
}

/* Columns of master(5). */
enum {
    SERVICE_NAME,
    SERVICE_TYPE,
    SERVICE_PRIVATE,
    SERVICE_UNPRIVILEGED,
    SERVICE_CHROOT,
    SERVICE_WAKEUP,
    SERVICE_MOST,
    SERVICE_COMMAND,
    SERVICE_COLUMNS
};

static void
take_service(struct postfix_settings *settings, char *line)
{
    AUTO_POSTFIX_WORDS words = postfix_words_split(line);
    // smtpd behind postscreen has the type "pass"; "unix" ones belong to filters behind the queue.
    if (words.count < SERVICE_COLUMNS || strcmp(words.items[SERVICE_COMMAND], "smtpd") != 0 ||
        strcmp(words.items[SERVICE_TYPE], "unix") == 0) {
        return;
    }
    AUTO_STRBUF name = STRBUF_INIT(NAME_MAX_BYTES);
    strbuf_printf(&name, "%s/%s", words.items[SERVICE_NAME], words.items[SERVICE_TYPE]);
    const char *chroot = words.items[SERVICE_CHROOT];
    // Up to compatibility level 0 the default is y (COMPATIBILITY_README).
    const char *level = postfix_setting_text(settings, "compatibility_level");
    settings->services = xreallocarray(settings->services, settings->service_count + 1,
                                       sizeof(settings->services[0]));
    settings->services[settings->service_count++] =
        (struct postfix_service){.name = strbuf_steal(&name),
                                 .chroot = strcmp(chroot, "y") == 0 ||
                                           (strcmp(chroot, "-") == 0 && strcmp(level, "0") == 0)};
}

void
postfix_settings_read_services(struct postfix_settings *settings, const char *text)
{
    each_line(settings, text, take_service);
}

// ---- asking

const char *
postfix_setting(const struct postfix_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->items[i].name, name) == 0) {
            return settings->items[i].value;
        }
    }
    return NULL;
}

const char *
postfix_setting_text(const struct postfix_settings *settings, const char *name)
{
    const char *value = postfix_setting(settings, name);
    return value == NULL ? "" : value;
}

const struct postfix_service *
postfix_services(const struct postfix_settings *settings, size_t *count_out)
{
    *count_out = settings->service_count;
    return settings->services;
}

bool
postfix_is_chrooted(const struct postfix_settings *settings)
{
    for (size_t i = 0; i < settings->service_count; i++) {
        if (settings->services[i].chroot) {
            return true;
        }
    }
    return false;
}

const char *
postfix_service_setting(const struct postfix_settings *settings,
                        const struct postfix_service *service, const char *name)
{
    AUTO_STRBUF full = STRBUF_INIT(NAME_MAX_BYTES);
    strbuf_printf(&full, "%s/%s", service->name, name);
    const char *value = postfix_setting(settings, strbuf_text(&full));
    return value == NULL ? postfix_setting_text(settings, name) : value;
}

// ---- lists

static const char SEPARATORS[] = ", \t\r\n";

// Behind the item that begins here.
static const char *
end_of_word(const char *at)
{
    size_t depth = 0;
    for (; *at != '\0'; at++) {
        if (*at == '{') {
            depth++;
        } else if (*at == '}' && depth > 0) {
            depth--;
        } else if (depth == 0 && strchr(SEPARATORS, *at) != NULL) {
            break;
        }
    }
    return at;
}

struct postfix_words
postfix_words_split(const char *value)
{
    struct postfix_words words = {.items = NULL};
    for (const char *at = value + strspn(value, SEPARATORS); *at != '\0';
         at += strspn(at, SEPARATORS)) {
        const char *end = end_of_word(at);
        size_t length = (size_t)(end - at);
        const char *start = at;
        if (length >= 2 && at[0] == '{' && end[-1] == '}') {
            start++;
            length -= 2;
        }
        words.items = xreallocarray(words.items, words.count + 1, sizeof(words.items[0]));
        words.items[words.count++] = xmemdup(start, length);
        at = end;
    }
    return words;
}

void
postfix_words_done(struct postfix_words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->items[i]);
    }
    free(words->items);
    *words = (struct postfix_words){.items = NULL};
}

bool
postfix_list_has(const char *value, const char *word)
{
    AUTO_POSTFIX_WORDS words = postfix_words_split(value);
    for (size_t i = 0; i < words.count; i++) {
        if (strcmp(words.items[i], word) == 0) {
            return true;
        }
    }
    return false;
}
