// SPDX-License-Identifier: Apache-2.0
#include "common/forwarder.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "common/xalloc.h"

enum { WORD_SIZE = 256 };

/* Those that tenants name most. Both seal what they forward, whoever their customer is: Microsoft
 * with d=microsoft.com (s=arcselector...), Google with d=google.com (s=arc-...). Only the key
 * decides, so selectors may change. Their networks are not listed: they change too, and are shared
 * by all who send from there, so an address proves nothing that the seal does not. */
static const struct {
    const char *name;
    const char *sealer;
} PRESETS[] = {
    {"microsoft365", "microsoft.com"},
    {"google", "google.com"},
};

const char *
forwarder_preset_name(size_t i)
{
    return i < ARRAY_LEN(PRESETS) ? PRESETS[i].name : NULL;
}

bool
forwarder_apply_preset(const char *name, struct forwarder *forwarder)
{
    for (size_t i = 0; i < ARRAY_LEN(PRESETS); i++) {
        if (strcmp(name, PRESETS[i].name) == 0) {
            return forwarder_add_sealer(forwarder, PRESETS[i].sealer, NULL) == ST_OK;
        }
    }
    return false;
}

enum status
forwarder_set_name(struct forwarder *forwarder, const char *name, struct why *why)
{
    size_t length = strlen(name);
    if (length >= sizeof(forwarder->name)) {
        return why_set(why, ST_TOO_LARGE, "the name '%.40s...' is longer than %zu bytes", name,
                       sizeof(forwarder->name) - 1);
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL) {
            length = 0;
        }
    }
    if (length == 0) {
        return why_set(why, ST_INVALID, "'%.60s' is no name: letters, digits, '-', '_' and '.' are",
                       name);
    }
    memcpy(forwarder->name, name, length + 1);
    return ST_OK;
}

enum status
forwarder_add_sealer(struct forwarder *forwarder, const char *domain, struct why *why)
{
    char name[DOMAIN_NAME_SIZE];
    enum status status = address_normalize_domain(domain, name, why);
    if (status != ST_OK) {
        return status;
    }
    if (forwarder_has_sealer(forwarder, name)) {
        return why_set(why, ST_INVALID, "the sealer %.100s stands twice", name);
    }
    if (forwarder->sealer_count == FORWARDER_SEALERS_MAX) {
        return why_set(why, ST_TOO_LARGE, "more than %d sealers", FORWARDER_SEALERS_MAX);
    }
    memcpy(forwarder->sealers[forwarder->sealer_count++], name, sizeof(name));
    return ST_OK;
}

enum status
forwarder_add_network(struct forwarder *forwarder, const char *network, struct why *why)
{
    struct network parsed;
    enum status status = network_parse(network, &parsed, why);
    if (status != ST_OK) {
        return status;
    }
    if (forwarder->network_count == FORWARDER_NETWORKS_MAX) {
        return why_set(why, ST_TOO_LARGE, "more than %d networks", FORWARDER_NETWORKS_MAX);
    }
    forwarder->networks[forwarder->network_count++] = parsed;
    return ST_OK;
}

bool
forwarder_has_sealer(const struct forwarder *forwarder, const char *domain)
{
    for (size_t i = 0; i < forwarder->sealer_count; i++) {
        if (strcmp(forwarder->sealers[i], domain) == 0) {
            return true;
        }
    }
    return false;
}

bool
forwarder_has_client(const struct forwarder *forwarder, const char *client_address)
{
    struct network_address address;
    return network_parse_address(client_address, &address, NULL) == ST_OK &&
           network_list_contains(forwarder->networks, forwarder->network_count, &address);
}

enum status
forwarders_add(struct forwarders *forwarders, const struct forwarder *forwarder, struct why *why)
{
    for (size_t i = 0; i < forwarders->count; i++) {
        if (strcmp(forwarders->items[i].name, forwarder->name) == 0) {
            return why_set(why, ST_INVALID, "'%s' stands twice", forwarder->name);
        }
    }
    if (forwarders->count == FORWARDERS_MAX) {
        return why_set(why, ST_TOO_LARGE, "more than %d forwarders", FORWARDERS_MAX);
    }
    forwarders->items[forwarders->count++] = *forwarder;
    return ST_OK;
}

static void
format_one(const struct forwarder *forwarder, struct strbuf *out)
{
    strbuf_puts(out, forwarder->name);
    for (size_t i = 0; i < forwarder->sealer_count; i++) {
        strbuf_printf(out, " s:%s", forwarder->sealers[i]);
    }
    for (size_t i = 0; i < forwarder->network_count; i++) {
        const struct network *network = &forwarder->networks[i];
        char text[INET6_ADDRSTRLEN] = "";
        (void)inet_ntop(network->address.length == 4 ? AF_INET : AF_INET6, network->address.bytes,
                        text, sizeof(text));
        strbuf_printf(out, " n:%s/%u", text, network->prefix);
    }
    strbuf_putc(out, '\n');
}

void
forwarders_format(const struct forwarders *forwarders, struct strbuf *out)
{
    for (size_t i = 0; i < forwarders->count; i++) {
        format_one(&forwarders->items[i], out);
    }
}

static enum status
take_word(const char *word, struct forwarder *forwarder, struct why *why)
{
    if (forwarder->name[0] == '\0') {
        return forwarder_set_name(forwarder, word, why);
    }
    if (strncmp(word, "s:", 2) == 0) {
        return forwarder_add_sealer(forwarder, word + 2, why);
    }
    if (strncmp(word, "n:", 2) == 0) {
        return forwarder_add_network(forwarder, word + 2, why);
    }
    return why_set(why, ST_INVALID, "'%.60s' is neither sealer nor network", word);
}

static enum status
parse_line(const char *line, size_t length, struct forwarder *forwarder, struct why *why)
{
    for (size_t at = 0; at < length;) {
        char word[WORD_SIZE];
        const char *blank = memchr(line + at, ' ', length - at);
        size_t size = blank == NULL ? length - at : (size_t)(blank - (line + at));
        if (size >= sizeof(word)) {
            return why_set(why, ST_TOO_LARGE, "a word of more than %zu bytes", sizeof(word) - 1);
        }
        memcpy(word, line + at, size);
        word[size] = '\0';
        enum status status = take_word(word, forwarder, why);
        if (status != ST_OK) {
            return status;
        }
        at += size + 1;
    }
    return forwarder->name[0] != '\0' ? ST_OK : why_set(why, ST_INVALID, "a line without a name");
}

enum status
forwarders_parse(const char *text, struct forwarders **forwarders_out, struct why *why)
{
    if (text[0] == '\0') {
        *forwarders_out = NULL;
        return ST_OK;
    }
    AUTO_FREE struct forwarders *all = xcalloc(1, sizeof(*all));
    for (const char *end = NULL; *text != '\0'; text = end + 1) {
        struct forwarder forwarder = {.name = ""};
        end = strchr(text, '\n');
        if (end == NULL) {
            return why_set(why, ST_INVALID, "a line without an end");
        }
        enum status status = parse_line(text, (size_t)(end - text), &forwarder, why);
        if (status == ST_OK) {
            status = forwarders_add(all, &forwarder, why);
        }
        if (status != ST_OK) {
            return status;
        }
    }
    *forwarders_out = STEAL(all);
    return ST_OK;
}
