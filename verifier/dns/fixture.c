// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/fixture.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/parse.h"
#include "common/xalloc.h"

enum { FIXTURE_TTL = 300, FIXTURE_LINE_MAX = 4 * DNS_DATA_MAX + 2048 };

enum outcome {
    HAS_RECORD,
    SAYS_SERVFAIL,
    SAYS_TIMEOUT,
    SAYS_TEMPORARY, /* `data` is why */
    SAYS_NODATA,
    SAYS_NO_NAME, /* NXDOMAIN to this question */
    SAYS_NXDOMAIN /* to all questions */
};

struct fixture_record {
    struct fixture_record *next; /* in the order of the file */
    enum outcome outcome;
    enum dns_type type; /* of no meaning with SAYS_NXDOMAIN */
    uint16_t preference;
    struct dns_name target; /* of the types whose data is a name */
    size_t length;
    char *data; /* of the others */
};

struct node {
    struct fixture_record *first;
    struct fixture_record **last;
};

struct dns_fixture {
    struct map *nodes; /* by name as dns_name_format writes it */
    bool is_only;      /* there are no other answers */
};

static void
free_record(struct fixture_record *record)
{
    if (record != NULL) {
        free(record->data);
        free(record);
    }
}

static void
free_record_cleanup(struct fixture_record **record)
{
    free_record(*record);
}

static void
free_node(void *value)
{
    struct node *node = value;
    for (struct fixture_record *record = node->first; record != NULL;) {
        struct fixture_record *next = record->next;
        free_record(record);
        record = next;
    }
    free(node);
}

void
dns_fixture_close(struct dns_fixture *fixture)
{
    if (fixture != NULL) {
        map_free(fixture->nodes, free_node);
        free(fixture);
    }
}

static void
close_fixture(struct dns_fixture **fixture)
{
    dns_fixture_close(*fixture);
}

static const enum dns_type TYPES[] = {DNS_A,  DNS_NS,  DNS_CNAME, DNS_SOA, DNS_PTR,
                                      DNS_MX, DNS_TXT, DNS_AAAA,  DNS_SPF};

static bool
type_from_name(const char *name, enum dns_type *out)
{
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        if (strcmp(name, dns_type_name(TYPES[i])) == 0) {
            *out = TYPES[i];
            return true;
        }
    }
    return false;
}

// The next word of the line, cut off; one blank behind it is passed over.
static char *
take_word(char **at)
{
    char *word = *at;
    char *end = word + strcspn(word, " \t");
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

// "\DDD" → byte, "\x" → x, in place. Returns the length, or -1 for a broken escape.
static ssize_t
unescape(char *text)
{
    size_t used = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '\\') {
            text[used++] = *c;
            continue;
        }
        c++;
        if (*c < '0' || *c > '9') {
            if (*c == '\0') {
                return -1;
            }
            text[used++] = *c;
            continue;
        }
        char digits[4] = {c[0], c[1], c[1] == '\0' ? '\0' : c[2], '\0'};
        uint64_t value = 0;
        if (strlen(digits) != 3 || parse_uint(digits, UINT8_MAX, &value, NULL) != ST_OK) {
            return -1;
        }
        text[used++] = (char)(unsigned char)value;
        c += 2;
    }
    text[used] = '\0';
    return (ssize_t)used;
}

static bool
parse_address(int family, size_t length, const char *text, struct fixture_record *record)
{
    record->data = xcalloc(1, length);
    record->length = length;
    return inet_pton(family, text, record->data) == 1;
}

static bool
parse_mx(char *text, struct fixture_record *record)
{
    uint64_t preference = 0;
    char *number = take_word(&text);
    if (parse_uint(number, UINT16_MAX, &preference, NULL) != ST_OK) {
        return false;
    }
    record->preference = (uint16_t)preference;
    if (strcmp(text, ".") == 0) { // no mail here (RFC 7505)
        record->target = (struct dns_name){.length = 1};
        return true;
    }
    return dns_name_parse(text, &record->target);
}

static bool
parse_txt(char *text, struct fixture_record *record)
{
    ssize_t length = unescape(text);
    if (length < 0 || length > DNS_DATA_MAX) {
        return false;
    }
    record->data = xmemdup(text, (size_t)length);
    record->length = (size_t)length;
    return true;
}

// What stands for an answer without records; false if the text is data.
static bool
take_outcome(const char *text, struct fixture_record *record)
{
    static const struct {
        const char *word;
        enum outcome outcome;
    } words[] = {
        {"!SERVFAIL", SAYS_SERVFAIL},
        {"!TIMEOUT", SAYS_TIMEOUT},
        {"!NODATA", SAYS_NODATA},
        {"!NXDOMAIN", SAYS_NO_NAME},
    };
    static const char TEMPORARY[] = "!TEMPORARY ";
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i].word) == 0) {
            record->outcome = words[i].outcome;
            return true;
        }
    }
    if (strncmp(text, TEMPORARY, sizeof(TEMPORARY) - 1) == 0) {
        record->outcome = SAYS_TEMPORARY;
        record->data = xstrdup(text + sizeof(TEMPORARY) - 1);
        return true;
    }
    return false;
}

static bool
parse_data(char *text, struct fixture_record *record)
{
    if (take_outcome(text, record)) {
        return true;
    }
    switch (record->type) {
    case DNS_A:
        return parse_address(AF_INET, 4, text, record);
    case DNS_AAAA:
        return parse_address(AF_INET6, 16, text, record);
    case DNS_MX:
        return parse_mx(text, record);
    case DNS_TXT:
    case DNS_SPF:
        return parse_txt(text, record);
    case DNS_NS:
    case DNS_CNAME:
    case DNS_SOA:
    case DNS_PTR:
        return dns_name_parse(text, &record->target);
    }
    return false;
}

static void
add_to_node(struct dns_fixture *fixture, const struct dns_name *name, struct fixture_record *record)
{
    char key[DNS_NAME_TEXT_SIZE];
    dns_name_format(name->wire, name->length, key);
    struct node *node = map_get(fixture->nodes, key);
    if (node == NULL) {
        node = xcalloc(1, sizeof(*node));
        node->last = &node->first;
        (void)map_put(fixture->nodes, key, node);
    }
    *node->last = record;
    node->last = &record->next;
}

static enum status
add_line(struct dns_fixture *fixture, char *line, const char *where, struct why *why)
{
    char *at = line;
    const char *name_text = take_word(&at);
    const char *type_text = take_word(&at);
    struct dns_name name;
    if (!dns_name_parse(name_text, &name)) {
        return why_set(why, ST_INVALID, "%s: '%.80s' is not a DNS name", where, name_text);
    }
    AUTO(free_record_cleanup) struct fixture_record *record = xcalloc(1, sizeof(*record));
    if (strcmp(type_text, "!NXDOMAIN") == 0) {
        record->outcome = SAYS_NXDOMAIN;
    } else if (!type_from_name(type_text, &record->type)) {
        return why_set(why, ST_INVALID, "%s: '%.40s' is not a record type", where, type_text);
    } else if (!parse_data(at, record)) {
        return why_set(why, ST_INVALID, "%s: '%.80s' is no data for %s", where, at, type_text);
    }
    add_to_node(fixture, &name, STEAL(record));
    return ST_OK;
}

static enum status
read_lines(struct dns_fixture *fixture, FILE *file, const char *path, struct why *why)
{
    AUTO_FREE char *line = NULL;
    size_t allocated = 0;
    ssize_t length;
    for (unsigned number = 1; (length = getline(&line, &allocated, file)) >= 0; number++) {
        char where[160];
        (void)snprintf(where, sizeof(where), "%.120s:%u", path, number);
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
            line[--length] = '\0';
        }
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (strcmp(line, "!ONLY") == 0) {
            fixture->is_only = true;
            continue;
        }
        if (length > FIXTURE_LINE_MAX || strlen(line) != (size_t)length) {
            return why_set(why, ST_INVALID, "%s: the line is too long or holds a NUL", where);
        }
        enum status status = add_line(fixture, line, where, why);
        if (status != ST_OK) {
            return status;
        }
    }
    return ferror(file) != 0 ? why_errno(why, ST_IO, "%s", path) : ST_OK;
}

static enum status
read_file(FILE *file, const char *path, struct dns_fixture **fixture_out, struct why *why)
{
    AUTO(close_fixture) struct dns_fixture *fixture = xcalloc(1, sizeof(*fixture));
    fixture->nodes = map_new();
    enum status status = read_lines(fixture, file, path, why);
    if (status == ST_OK) {
        *fixture_out = STEAL(fixture);
    }
    return status;
}

enum status
dns_fixture_open(const char *path, struct dns_fixture **fixture_out, struct why *why)
{
    AUTO_FILE FILE *file = fopen(path, "re");
    return file == NULL ? why_errno(why, ST_IO, "%s", path)
                        : read_file(file, path, fixture_out, why);
}

enum status
dns_fixture_open_text(const char *text, size_t length, struct dns_fixture **fixture_out,
                      struct why *why)
{
    static const char NOTHING[] = "\n"; // no stream is made of no bytes
    const char *bytes = length == 0 ? NOTHING : text;
    AUTO_FILE FILE *file = fmemopen((void *)(uintptr_t)bytes, length == 0 ? 1 : length, "r");
    return file == NULL ? why_errno(why, ST_IO, "recorded answers")
                        : read_file(file, "recorded answers", fixture_out, why);
}

bool
dns_fixture_is_only(const struct dns_fixture *fixture)
{
    return fixture->is_only;
}

static const struct node *
get_node(const struct dns_fixture *fixture, const unsigned char *wire, size_t length,
         const char *prefix)
{
    char key[DNS_NAME_TEXT_SIZE + 2];
    char text[DNS_NAME_TEXT_SIZE];
    dns_name_format(wire, length, text);
    (void)snprintf(key, sizeof(key), "%s%s", prefix, text);
    return map_get(fixture->nodes, key);
}

// The name's own node, or the wildcard below its closest encloser (RFC 4592, as far as tests go).
static const struct node *
find_node(const struct dns_fixture *fixture, const struct dns_name *name)
{
    const struct node *node = get_node(fixture, name->wire, name->length, "");
    size_t at = 0;
    while (!fixture->is_only && node == NULL && name->wire[at] != 0) {
        at += 1U + name->wire[at];
        node = get_node(fixture, name->wire + at, name->length - at, "*.");
        if (node == NULL && get_node(fixture, name->wire + at, name->length - at, "") != NULL) {
            return NULL;
        }
    }
    return node;
}

static const struct fixture_record *
find_record(const struct fixture_record *from, enum dns_type type)
{
    while (from != NULL && (from->outcome == SAYS_NXDOMAIN || from->type != type)) {
        from = from->next;
    }
    return from;
}

static bool
add_fixture_record(const struct fixture_record *record, struct dns_reply *reply)
{
    if (record->target.length > 0) {
        return dns_reply_add_name(reply, record->preference, record->target.wire,
                                  record->target.length);
    }
    return dns_reply_add(reply, 0, record->data, record->length);
}

static void
answer_without_record(const struct fixture_record *record, struct dns_reply *reply)
{
    switch (record->outcome) {
    case SAYS_SERVFAIL:
        dns_reply_fail(reply, "the server says SERVFAIL");
        return;
    case SAYS_TIMEOUT:
        dns_reply_fail(reply, "the server did not answer in time");
        return;
    case SAYS_TEMPORARY:
        dns_reply_fail(reply, "%s", record->data);
        return;
    case SAYS_NODATA:
        reply->status = DNS_NODATA;
        return;
    case SAYS_NO_NAME:
    case SAYS_NXDOMAIN:
    case HAS_RECORD: // has one
        reply->status = DNS_NXDOMAIN;
        return;
    }
}

static void
answer_from(const struct fixture_record *record, enum dns_type type, struct dns_reply *reply)
{
    for (; record != NULL; record = find_record(record->next, type)) {
        if (record->outcome != HAS_RECORD) {
            answer_without_record(record, reply);
            return;
        }
        if (!add_fixture_record(record, reply)) {
            return;
        }
    }
    reply->status = DNS_OK;
}

// Nothing is known about the question, or about the name at all.
static void
answer_unknown(const struct dns_fixture *fixture, enum dns_type type, enum dns_status status,
               struct dns_reply *reply)
{
    reply->status = status;
    if (fixture->is_only) {
        dns_reply_fail(reply, "%s of this name was not recorded", dns_type_name(type));
    }
}

void
dns_fixture_ask(const struct dns_fixture *fixture, enum dns_type type, struct dns_reply *reply)
{
    reply->ttl = FIXTURE_TTL;
    reply->authenticated = false;
    for (;;) {
        const struct node *node = find_node(fixture, &reply->canonical);
        if (node == NULL) {
            answer_unknown(fixture, type, DNS_NXDOMAIN, reply);
            return;
        }
        if (node->first->outcome == SAYS_NXDOMAIN) {
            reply->status = DNS_NXDOMAIN;
            return;
        }
        const struct fixture_record *record = find_record(node->first, type);
        if (record != NULL) {
            answer_from(record, type, reply);
            return;
        }
        const struct fixture_record *cname = find_record(node->first, DNS_CNAME);
        if (cname == NULL) {
            answer_unknown(fixture, type, DNS_NODATA, reply);
            return;
        }
        if (cname->outcome != HAS_RECORD) {
            answer_from(cname, DNS_CNAME, reply);
            return;
        }
        struct dns_name target = cname->target;
        if (!dns_reply_follow(reply, &target, FIXTURE_TTL)) {
            return;
        }
    }
}
