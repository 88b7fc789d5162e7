// SPDX-License-Identifier: Apache-2.0
// The `routes` of a domain file.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "config/loader.h"
#include "config/suggest.h"

enum {
    ROUTES_MAX = 1000,           /* of a domain */
    ROUTE_DESTINATIONS_MAX = 32, /* of a route */
    KEY_MAX = 320,               /* "domain/name" */
    PROBE = 1                    /* a byte that no literal of a pattern holds */
};

struct route_context {
    struct loader *loader;
    const struct source *source;
    struct config_domain *domain;
    struct map *lines; /* route name → its node */
};

// "support", "support@" and "support@own.domain" are the same; returns the part before the @.
static char *
take_local_part(const struct route_context *context, const struct node *node)
{
    const char *at = strrchr(node->text, '@');
    if (at == NULL) {
        return xstrdup(node->text);
    }
    char name[DOMAIN_NAME_SIZE];
    bool is_own = at[1] == '\0' || (address_normalize_domain(at + 1, name, NULL) == ST_OK &&
                                    strcmp(name, context->domain->name) == 0);
    if (!is_own && context->domain->name[0] != '\0') {
        SOURCE_ERROR(context->source, node,
                     "'recipient': '%.120s' is not in %s; a route takes mail "
                     "of its own domain only",
                     node->text, context->domain->name);
    }
    return xmemdup(node->text, (size_t)(at - node->text));
}

static void
read_recipient(const struct route_context *context, const struct node *node,
               struct config_route *route)
{
    struct why why;
    AUTO_FREE char *text = take_local_part(context, node);
    if (pattern_compile(text, &route->recipient, &why) != ST_OK) {
        SOURCE_ERROR(context->source, node, "'recipient': %s", why.text);
    }
}

static const struct config_destination *
find_destination(const struct route_context *context, const char *name)
{
    AUTO_STRBUF key = STRBUF_INIT(KEY_MAX);
    strbuf_printf(&key, "%s/%s", context->domain->name, name);
    const struct config_destination *own =
        key.overflow ? NULL : map_get(context->loader->destinations, strbuf_text(&key));
    return own != NULL ? own : map_get(context->loader->destinations, name);
}

// The name by which a route of this domain calls the destination; NULL if it is another domain's.
static const char *
name_for_domain(const struct config_destination *destination, const char *domain)
{
    const char *slash = strchr(destination->key, '/');
    if (slash == NULL) {
        return destination->key;
    }
    size_t length = (size_t)(slash - destination->key);
    bool is_own = strlen(domain) == length && memcmp(domain, destination->key, length) == 0;
    return is_own ? slash + 1 : NULL;
}

static void
tell_unknown_destination(const struct route_context *context, const struct node *node)
{
    struct suggestion suggestion = {.typed = node->text};
    const struct config *config = &context->loader->host->config;
    for (size_t i = 0; i < config->destination_count; i++) {
        const char *name = name_for_domain(config->destinations[i], context->domain->name);
        if (name != NULL) {
            suggest_offer(&suggestion, name);
        }
    }
    char hint[SUGGEST_TEXT_SIZE];
    SOURCE_ERROR(context->source, node, "there is no destination '%.60s'%s", node->text,
                 suggest_format(&suggestion, hint));
}

static bool
has_destination(const struct config_route *route, const struct config_destination *destination)
{
    for (size_t i = 0; i < route->destination_count; i++) {
        if (route->destinations[i] == destination) {
            return true;
        }
    }
    return false;
}

static void
add_destination(const struct route_context *context, const struct node *node,
                struct config_route *route)
{
    if (node->kind != NODE_SCALAR) {
        SOURCE_ERROR(context->source, node, "'destinations' takes names, not %s",
                     node_kind_name(node));
        return;
    }
    const struct config_destination *destination = find_destination(context, node->text);
    if (destination == NULL || strchr(node->text, '/') != NULL) {
        tell_unknown_destination(context, node);
    } else if (has_destination(route, destination)) {
        SOURCE_ERROR(context->source, node, "destination '%s' stands twice", node->text);
    } else {
        route->destinations[route->destination_count++] = destination;
    }
}

static void
read_destinations(const struct route_context *context, const struct node *node,
                  struct config_route *route)
{
    if (node->kind != NODE_LIST || node->count == 0 || node->count > ROUTE_DESTINATIONS_MAX) {
        SOURCE_ERROR(context->source, node,
                     "'destinations' takes a list of 1 to %d names, such as [psa]",
                     ROUTE_DESTINATIONS_MAX);
        return;
    }
    route->destinations = xcalloc(node->count, sizeof(struct config_destination *));
    for (size_t i = 0; i < node->count; i++) {
        add_destination(context, node->children[i], route);
    }
}

static void
check_what_it_does(const struct route_context *context, const struct node *node)
{
    bool delivers = node_get(node, "destinations") != NULL;
    const struct node *reject = node_get(node, "reject");
    if (delivers && reject != NULL) {
        KEY_ERROR(context->source, reject, "a route has 'destinations' or 'reject', not both");
    }
    if (!delivers && reject == NULL) {
        KEY_ERROR(context->source, node, "a route needs 'destinations' or 'reject'");
    }
}

static void
check_name(const struct route_context *context, const struct node *node, const char *name)
{
    const struct node *first = map_get(context->lines, name);
    if (first != NULL) {
        SOURCE_ERROR(context->source, node_get(node, "name"),
                     "a route '%s' stands already in line %u", name, first->line);
        return;
    }
    (void)map_put(context->lines, name, (void *)(uintptr_t)node);
}

static void
read_route(const struct route_context *context, const struct node *node, struct config_route *route)
{
    struct route_keys keys = {.recipient = NULL};
    section_read(context->source, keys_of_route(), node, node, SECTION_WITH_DEFAULTS, &keys);
    *route = keys.route;
    if (route->action == NULL) {
        route->action = xstrdup("");
    }
    if (keys.recipient != NULL) {
        read_recipient(context, node_get(node, "recipient"), route);
    }
    if (keys.destinations != NULL) {
        read_destinations(context, keys.destinations, route);
    }
    if (node->kind == NODE_MAPPING) {
        check_what_it_does(context, node);
    }
    if (route->name != NULL) {
        check_name(context, node, route->name);
    }
    if (route->reject != NULL && !route->stop) {
        SOURCE_ERROR(context->source, node_get(node, "stop"),
                     "'stop': a route that rejects is always the last one");
    }
    free(keys.recipient);
}

// The pattern's text with PROBE in place of its captures. What matches that matches all that the
// pattern takes, because only a wildcard can have taken a PROBE. False for a pattern with "*",
// which may also stand for nothing.
static bool
make_probe(const struct pattern *pattern, char out[PATTERN_LENGTH_MAX + 1])
{
    size_t used = 0;
    for (const char *c = pattern_text(pattern); *c != '\0'; c++) {
        if (*c == '*') {
            return false;
        }
        if (*c == '{') {
            c = strchr(c, '}'); // a compiled pattern has it
            out[used++] = PROBE;
        } else {
            out[used++] = *c;
        }
    }
    out[used] = '\0';
    return true;
}

static bool
takes_all_of(const struct pattern *earlier, const struct pattern *later)
{
    if (pattern_is_catch_all(earlier) ||
        strcasecmp(pattern_text(earlier), pattern_text(later)) == 0) {
        return true;
    }
    char probe[PATTERN_LENGTH_MAX + 1];
    struct captures captures;
    return make_probe(later, probe) && pattern_match(earlier, probe, &captures);
}

static void
check_reached(const struct route_context *context, const struct node *list, size_t at)
{
    const struct config_route *route = &context->domain->routes[at];
    for (size_t i = 0; i < at && route->recipient != NULL; i++) {
        const struct config_route *earlier = &context->domain->routes[i];
        if (earlier->recipient != NULL && earlier->stop &&
            takes_all_of(earlier->recipient, route->recipient)) {
            KEY_ERROR(context->source, list->children[at],
                      "no mail reaches this route: '%s' in line %u takes all of it; put it behind "
                      "this one, or give it `stop: off`",
                      earlier->name == NULL ? "the route" : earlier->name, list->children[i]->line);
            return;
        }
    }
}

static bool
is_taken(const struct config_domain *domain, const char *local_part)
{
    struct captures captures;
    for (size_t i = 0; i < domain->route_count; i++) {
        const struct config_route *route = &domain->routes[i];
        if (route->recipient == NULL || // told already, so no guess about what it would take
            pattern_match(route->recipient, local_part, &captures)) {
            return route->reject == NULL;
        }
    }
    return false;
}

// RFC 5321, 4.5.1 and RFC 2142, 4 ask for these mailboxes.
static void
check_role_mailboxes(const struct route_context *context, const struct node *list)
{
    static const char *const names[] = {"postmaster", "abuse"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!is_taken(context->domain, names[i])) {
            KEY_WARNING(context->source, list,
                        "no route takes %s@%s, which every mail domain owes "
                        "to others",
                        names[i], context->domain->name);
        }
    }
}

void
route_read_all(struct loader *loader, const struct source *source, const struct node *node,
               const struct node *root, struct config_domain *domain)
{
    if (node == NULL || (node->kind == NODE_LIST && node->count == 0) || node_is_empty(node)) {
        KEY_WARNING(source, node == NULL ? root : node,
                    "%s has no routes: all of its mail is refused", domain->name);
        return;
    }
    if (node->kind != NODE_LIST || node->count > ROUTES_MAX) {
        SOURCE_ERROR(source, node, "'routes' takes a list (- name: ...) of at most %d routes",
                     ROUTES_MAX);
        return;
    }
    struct route_context context = {
        .loader = loader, .source = source, .domain = domain, .lines = map_new()};
    domain->routes = xcalloc(node->count, sizeof(*domain->routes));
    domain->route_count = node->count;
    for (size_t i = 0; i < node->count; i++) {
        read_route(&context, node->children[i], &domain->routes[i]);
        check_reached(&context, node, i);
    }
    check_role_mailboxes(&context, node);
    map_free(context.lines, NULL);
}
