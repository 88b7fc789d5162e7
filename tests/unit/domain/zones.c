// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/domain/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { LINES_MAX = 256 * 1024 };

static void
give_up(const char *line)
{
    (void)fprintf(stderr, "zones.txt: %s\n", line);
    abort();
}

static void
copy(char *out, size_t size, const char *text)
{
    if (strlen(text) >= size) {
        give_up(text);
    }
    memcpy(out, text, strlen(text) + 1);
}

// ---- reading

static void
set_value(struct domain_record *record)
{
    const char *wanted = record->wanted;
    if (record->purpose == PURPOSE_DMARC) {
        check_put(record->value, sizeof(record->value), "v=DMARC1; p=%s", wanted);
    } else if (record->purpose == PURPOSE_SPF || record->purpose == PURPOSE_MAIL_FROM_SPF) {
        check_put(record->value, sizeof(record->value), "v=spf1 include:%s ~all", wanted);
    } else {
        check_put(record->value, sizeof(record->value), "%s", wanted);
    }
}

static enum dns_type
type_of(enum record_purpose purpose)
{
    static const enum dns_type types[] = {
        [RECORD_TYPE_TXT] = DNS_TXT, [RECORD_TYPE_CNAME] = DNS_CNAME, [RECORD_TYPE_MX] = DNS_MX};
    return types[record_purpose_type(purpose)];
}

// "WORD PURPOSE FLAG LABELS WANTED"
static void
read_record(struct zones *zones, const char *line)
{
    char purpose[32];
    char flag[32];
    char labels[64];
    char wanted[128];
    struct domain_record *record = &zones->words[zones->word_count].record;
    if (zones->word_count == ZONE_RECORD_WORDS_MAX ||
        sscanf(line, "%31s %31s %31s %63s %127s", zones->words[zones->word_count].word, purpose,
               flag, labels, wanted) != 5 ||
        record_purpose_from_name(purpose, &record->purpose) != ST_OK) {
        give_up(line);
    }
    zones->word_count++;
    record->type = type_of(record->purpose);
    record->required = record->purpose != PURPOSE_INBOUND_MX;
    record->needed_for = record_purpose_for(record->purpose);
    record->preference = 10;
    bool is_as_products = strcmp(flag, "key_as_products") == 0; // what "key: optional" makes
    record->key_is_optional = is_as_products || strcmp(flag, "key_is_optional") == 0;
    record->key_must_match = is_as_products || strcmp(flag, "key_must_match") == 0;
    copy(record->name, sizeof(record->name), strcmp(labels, "@") == 0 ? "" : labels);
    copy(record->wanted, sizeof(record->wanted), wanted);
    set_value(record);
}

static struct zone_case *
begin_case(struct zones *zones, const char *label)
{
    zones->cases = xreallocarray(zones->cases, zones->count + 1, sizeof(*zones->cases));
    struct zone_case *zone_case = &zones->cases[zones->count++];
    *zone_case = (struct zone_case){.domain = "c.example",
                                    .cut = "c.example",
                                    .servers = "++",
                                    .zone = STRBUF_INIT(LINES_MAX),
                                    .old = STRBUF_INIT(LINES_MAX),
                                    .resolver = STRBUF_INIT(LINES_MAX)};
    copy(zone_case->label, sizeof(zone_case->label), label);
    return zone_case;
}

struct text_field {
    const char *word;
    char *out;
    size_t size;
};

static bool
read_text(struct zone_case *to, const char *word, const char *rest)
{
    const struct text_field fields[] = {
        {"records", to->records, sizeof(to->records)},
        {"domain", to->domain, sizeof(to->domain)},
        {"cut", to->cut, sizeof(to->cut)},
        {"servers", to->servers, sizeof(to->servers)},
        {"resolver_is", to->resolver_is, sizeof(to->resolver_is)},
        {"expect", to->expected, sizeof(to->expected)},
        {"says", to->says, sizeof(to->says)},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].word, word) == 0) {
            copy(fields[i].out, fields[i].size, rest);
            return true;
        }
    }
    return false;
}

static struct strbuf *
lines_of(struct zones *zones, const char *word)
{
    struct zone_case *last = zones->count == 0 ? NULL : &zones->cases[zones->count - 1];
    if (strcmp(word, "world") == 0) {
        return &zones->world;
    }
    if (last == NULL) {
        return NULL;
    }
    return strcmp(word, "zone") == 0       ? &last->zone
           : strcmp(word, "old") == 0      ? &last->old
           : strcmp(word, "resolver") == 0 ? &last->resolver
                                           : NULL;
}

static void
read_line(struct zones *zones, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0') {
        *rest++ = '\0';
    }
    struct strbuf *lines = lines_of(zones, line);
    if (lines != NULL) {
        strbuf_printf(lines, "%s\n", rest);
    } else if (strcmp(line, "case") == 0) {
        (void)begin_case(zones, rest);
    } else if (strcmp(line, "record") == 0) {
        read_record(zones, rest);
    } else if (zones->count == 0 || !read_text(&zones->cases[zones->count - 1], line, rest)) {
        give_up(line);
    }
}

struct zones *
zones_read(const char *path)
{
    AUTO_FILE FILE *file = fopen(path, "re");
    AUTO_FREE char *line = NULL;
    size_t allocated = 0;
    struct zones *zones = xcalloc(1, sizeof(*zones));
    zones->world = STRBUF_INIT(LINES_MAX);
    if (file == NULL) {
        give_up(path);
        return zones;
    }
    while (getline(&line, &allocated, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#') {
            read_line(zones, line);
        }
    }
    return zones;
}

void
zones_free(struct zones *zones)
{
    for (size_t i = 0; i < zones->count; i++) {
        strbuf_done(&zones->cases[i].zone);
        strbuf_done(&zones->cases[i].old);
        strbuf_done(&zones->cases[i].resolver);
    }
    strbuf_done(&zones->world);
    free(zones->cases);
    free(zones);
}

// ---- using

static const struct domain_record *
find_word(const struct zones *zones, const char *word)
{
    for (size_t i = 0; i < zones->word_count; i++) {
        if (strcmp(zones->words[i].word, word) == 0) {
            return &zones->words[i].record;
        }
    }
    give_up(word);
    return NULL;
}

struct domain_records
zones_records(const struct zones *zones, const struct zone_case *zone_case)
{
    struct domain_records records = {.count = 0};
    AUTO_FREE char *words = xstrdup(zone_case->records);
    char *save = NULL;
    for (char *word = strtok_r(words, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        struct domain_record *record = domain_records_add(&records);
        if (record == NULL) {
            give_up(zone_case->label);
            break;
        }
        *record = *find_word(zones, word);
        char labels[64];
        copy(labels, sizeof(labels), record->name);
        check_put(record->name, sizeof(record->name), "%s%s%s", labels,
                  labels[0] == '\0' ? "" : ".", zone_case->domain);
    }
    return records;
}

/* Servers that do not answer, by their letter. */
static const struct {
    char letter;
    enum authority_outcome outcome;
    enum authority_reason reason;
} ABSENT[] = {
    {'l', AUTHORITY_LAME, AUTHORITY_REFUSED},
    {'n', AUTHORITY_LAME, AUTHORITY_NOT_AUTHORITATIVE},
    {'t', AUTHORITY_TIMEOUT, AUTHORITY_NO_REASON},
    {'u', AUTHORITY_UNREACHABLE, AUTHORITY_NO_REASON},
    {'p', AUTHORITY_NOT_ASKED, AUTHORITY_PRIVATE_ADDRESS},
    {'a', AUTHORITY_NOT_ASKED, AUTHORITY_NO_ADDRESS},
    {'c', AUTHORITY_NOT_ASKED, AUTHORITY_NAME_IS_CNAME},
    {'6', AUTHORITY_NOT_ASKED, AUTHORITY_NO_ROUTE},
};

static void
add_server(struct script *script, const struct zone_case *zone_case, char letter)
{
    struct script_server *server = &script->servers[script->server_count++];
    if (letter == '+' || letter == 'o') {
        const struct strbuf *lines = letter == '+' ? &zone_case->zone : &zone_case->old;
        const char *pieces[] = {strbuf_text(lines), NULL};
        server->lines = script_lines(pieces);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(ABSENT); i++) {
        if (ABSENT[i].letter == letter) {
            server->outcome = ABSENT[i].outcome;
            server->reason = ABSENT[i].reason;
        }
    }
}

struct script
zones_script(const struct zones *zones, const struct zone_case *zone_case)
{
    struct script script = {.cut = strcmp(zone_case->cut, "-") == 0 ? NULL : zone_case->cut,
                            .is_bogus = strcmp(zone_case->resolver_is, "bogus") == 0,
                            .is_port_blocked = strcmp(zone_case->resolver_is, "all_there_is") == 0};
    for (const char *letter = zone_case->servers; *letter != '\0'; letter++) {
        add_server(&script, zone_case, *letter);
    }
    const struct strbuf *lines =
        zone_case->resolver.length > 0 ? &zone_case->resolver : &zone_case->zone;
    const char *pieces[] = {strbuf_text(lines), strbuf_text(&zones->world), NULL};
    script.resolver = script_lines(pieces);
    return script;
}

void
zones_script_done(struct script *script)
{
    for (size_t i = 0; i < script->server_count; i++) {
        dns_close(script->servers[i].lines);
    }
    dns_close(script->resolver);
}
