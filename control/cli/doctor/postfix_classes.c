// SPDX-License-Identifier: Apache-2.0
// Our domains stand in no domain class of Postfix: what Postfix takes for its own, mailspurd is
// never asked about.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/xalloc.h"
#include "config/text.h"
#include "control/cli/doctor/postfix.h"

static const char CHECK[] = "domain-classes";
enum { FILE_BYTES_MAX = 4 * 1024 * 1024, SHOWN_MAX = 5, SHOWN_BYTES_MAX = 1500, DEPTH_MAX = 2 };

struct class
{
    const char *setting;
    bool takes_subdomains; /* where parent_domain_matches_subdomains says so */
    enum doctor_level level;
    const char *meaning;
};
static const struct class CLASSES[] = {
    {"mydestination", false, DOCTOR_WRONG, "Postfix delivers its mail to local users"},
    {"virtual_mailbox_domains", false, DOCTOR_WRONG, "Postfix delivers its mail to its mailboxes"},
    {"virtual_alias_domains", false, DOCTOR_WRONG, "Postfix sends its mail to other addresses"},
    {"relay_domains", true, DOCTOR_WRONG, "Postfix relays its mail without asking mailspurd"},
    {"transport_maps", true, DOCTOR_WARNING,
     "mail that got past mailspur-milter goes there, and not behind the second lock"},
};

struct search {
    const struct class *class;
    const struct doctor_names *domains;
    bool with_parents; /* names in the class stand for what is below them too */
    bool *decided;     /* by domain: the first item that fits decides */
    bool *found;
    postfix_ask_fn *ask;
    void *context;
    struct doctor *doctor;
};

// ---- keys: of each domain the names that tables are asked for

struct keys {
    struct doctor_names names;
    size_t *owners; /* by key: which domain */
};

static void
add_key(struct keys *keys, const char *name, size_t owner)
{
    size_t count = keys->names.count + 1;
    keys->names.items = xreallocarray(keys->names.items, count, sizeof(char *));
    keys->owners = xreallocarray(keys->owners, count, sizeof(size_t));
    keys->names.items[count - 1] = xstrdup(name);
    keys->owners[count - 1] = owner;
    keys->names.count = count;
}

static void
keys_done(struct keys *keys)
{
    for (size_t i = 0; i < keys->names.count; i++) {
        free(keys->names.items[i]);
    }
    free(keys->names.items);
    free(keys->owners);
}

static void
add_keys_of(const struct search *search, size_t domain, struct keys *keys)
{
    const char *name = search->domains->items[domain];
    add_key(keys, name, domain);
    if (!search->class->takes_subdomains) {
        return;
    }
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        add_key(keys, search->with_parents ? dot + 1 : dot, domain);
    }
}

static void
decide(struct search *search, size_t domain, bool found)
{
    if (!search->decided[domain]) {
        search->decided[domain] = true;
        search->found[domain] = found;
    }
}

static void
look_in_table(struct search *search, const char *table, bool is_in)
{
    struct why why;
    AUTO(keys_done) struct keys keys = {.owners = NULL};
    for (size_t i = 0; i < search->domains->count; i++) {
        add_keys_of(search, i, &keys);
    }
    AUTO_FREE bool *there = xcalloc(keys.names.count + 1, sizeof(bool));
    enum status status = search->ask(search->context, table, &keys.names, there, &why);
    if (status != ST_OK) {
        doctor_tell(search->doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE,
                    "%s of %s cannot be asked: %s", table, search->class->setting, why.text);
        return;
    }
    for (size_t i = 0; i < keys.names.count; i++) {
        if (there[i]) {
            decide(search, keys.owners[i], is_in);
        }
    }
}

// ---- items of a list

// "example.org", ".example.org", and with parents also what is below "example.org".
static bool
name_fits(const struct search *search, const char *item, const char *domain)
{
    size_t length = strlen(item);
    size_t domain_length = strlen(domain);
    if (strcasecmp(item, domain) == 0) {
        return true;
    }
    if (!search->class->takes_subdomains || domain_length <= length) {
        return false;
    }
    const char *tail = domain + domain_length - length;
    bool is_below = item[0] == '.' || (search->with_parents && tail[-1] == '.');
    return is_below && strcasecmp(tail, item) == 0;
}

static void look_in_list(struct search *search, const char *value, int depth);

static void
look_in_file(struct search *search, const char *path, int depth)
{
    struct why why;
    AUTO_STRBUF text = STRBUF_INIT(FILE_BYTES_MAX);
    enum status status = text_read_file(path, &text, NULL, &why);
    if (status != ST_OK || depth >= DEPTH_MAX) {
        doctor_tell(search->doctor, DOCTOR_WARNING, CHECK, DOCTOR_NO_CURE,
                    "%s of %s cannot be read: %s", path, search->class->setting,
                    status == ST_OK ? "files in files" : why.text);
        return;
    }
    look_in_list(search, strbuf_text(&text), depth + 1);
}

static void
look_at_item(struct search *search, const char *item, int depth)
{
    bool is_in = item[0] != '!';
    const char *pattern = item + strspn(item, "!");
    if (pattern[0] == '/') {
        look_in_file(search, pattern, depth);
    } else if (strchr(pattern, ':') != NULL) {
        look_in_table(search, pattern, is_in);
    } else {
        for (size_t i = 0; i < search->domains->count; i++) {
            if (name_fits(search, pattern, search->domains->items[i])) {
                decide(search, i, is_in);
            }
        }
    }
}

static void
look_in_list(struct search *search, const char *value, int depth)
{
    AUTO_POSTFIX_WORDS words = postfix_words_split(value);
    for (size_t i = 0; i < words.count; i++) {
        look_at_item(search, words.items[i], depth);
    }
}

// ---- what was found

static void
tell(const struct search *search)
{
    size_t count = 0;
    AUTO_STRBUF names = STRBUF_INIT(SHOWN_BYTES_MAX);
    for (size_t i = 0; i < search->domains->count; i++) {
        if (search->found[i] && ++count <= SHOWN_MAX) {
            strbuf_printf(&names, "%s%s", names.length == 0 ? "" : ", ", search->domains->items[i]);
        }
    }
    if (count == 0) {
        doctor_ok(search->doctor, CHECK, "no domain of ours stands in %s", search->class->setting);
        return;
    }
    AUTO_STRBUF line = STRBUF_INIT(SHOWN_BYTES_MAX + 200);
    strbuf_printf(&line, "%s = ... without %s", search->class->setting, strbuf_text(&names));
    doctor_tell(search->doctor, search->class->level, CHECK,
                (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = strbuf_text(&line)},
                "%s%s %s in %s: %s", strbuf_text(&names), count > SHOWN_MAX ? " and more" : "",
                count == 1 ? "stands" : "stand", search->class->setting, search->class->meaning);
}

void
postfix_judge_classes(const struct postfix_view *view, const struct doctor_names *domains,
                      postfix_ask_fn *ask, void *context, struct doctor *doctor)
{
    const char *parents = postfix_setting_text(view->settings, "parent_domain_matches_subdomains");
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
        AUTO_FREE bool *decided = xcalloc(domains->count + 1, sizeof(bool));
        AUTO_FREE bool *found = xcalloc(domains->count + 1, sizeof(bool));
        struct search search = {.class = &CLASSES[i],
                                .domains = domains,
                                .with_parents = postfix_list_has(parents, CLASSES[i].setting),
                                .decided = decided,
                                .found = found,
                                .ask = ask,
                                .context = context,
                                .doctor = doctor};
        look_in_list(&search, postfix_setting_text(view->settings, CLASSES[i].setting), 0);
        tell(&search);
    }
}
