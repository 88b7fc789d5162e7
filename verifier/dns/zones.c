// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/dns/hosts.h"
#include "verifier/dns/lookups.h"

enum {
    PARENT_SERVERS_ASKED = 3, /* about a delegation */
    NONE = -1,
    PATIENCE_MS = 400, /* with the resolver, before the zone above is asked */
    /* Parts of the time that is left, so that something is left for the questions themselves. */
    CUTS_PERCENT = 30,
    HOSTS_PERCENT = 30,
    DELEGATION_PERCENT = 30
};

struct dns_zones {
    const struct authority_settings *settings;
    struct brief *by_name; /* of struct dns_zone: the zone a name is in */
    struct brief *hosts;
};

/** A name on the way from one that is asked for up to its top-level domain. */
struct node {
    struct dns_name name;
    int parent;             /* index; NONE: the root is next */
    struct dns_zone *known; /* from memory: a reference */
    struct dns_lookup *lookup;
    int cut;               /* the node its zone begins at */
    int unsure;            /* the topmost node at which the resolver failed, below `cut` */
    struct dns_zone *zone; /* of a cut: a reference */
    struct dns_referral *referral;
    bool is_wanted;      /* of a cut: somebody's zone, or the one above an unsure node */
    bool is_asked_above; /* at the servers of the zone above */
    bool is_settled;     /* they told about this unsure one */
};

/** One call. */
struct find {
    struct dns_zones *zones;
    const struct dns_exchange_policy *policy;
    size_t count;
    struct node *nodes; /* parents first */
    int64_t deadline_ms;
};

static int64_t
share_of_time(int64_t deadline_ms, unsigned percent)
{
    int64_t now = clock_mono_ms();
    return deadline_ms <= now ? now : now + (deadline_ms - now) * percent / 100;
}

static void
name_text(const struct dns_name *name, char out[DNS_NAME_TEXT_SIZE])
{
    dns_name_format(name->wire, name->length, out);
}

struct dns_zones *
dns_zones_new(const struct authority_settings *settings)
{
    enum { KEEP_MS = AUTHORITY_ZONE_KEEP_S * 1000 };
    struct dns_zones *zones = xcalloc(1, sizeof(*zones));
    zones->settings = settings;
    zones->by_name = brief_new(AUTHORITY_REMEMBERED_MAX, KEEP_MS);
    zones->hosts = brief_new(AUTHORITY_REMEMBERED_MAX, KEEP_MS);
    return zones;
}

void
dns_zones_free(struct dns_zones *zones)
{
    if (zones != NULL) {
        brief_free(zones->by_name);
        brief_free(zones->hosts);
        free(zones);
    }
}

/* ---- names and their parents ----------------------------------------------------------------- */

static int
find_node(const struct find *find, const struct dns_name *name)
{
    for (size_t i = 0; i < find->count; i++) {
        const struct dns_name *each = &find->nodes[i].name;
        if (dns_name_equal(each->wire, each->length, name->wire, name->length)) {
            return (int)i;
        }
    }
    return NONE;
}

static struct dns_zone *
recall(const struct find *find, const struct dns_name *name)
{
    char key[DNS_NAME_TEXT_SIZE];
    name_text(name, key);
    return brief_get(find->zones->by_name, key);
}

// The node of a name; its parents are made first, up to the root or one whose zone is known.
static int
need_node(struct find *find, const struct dns_name *name)
{
    struct dns_name chain[AUTHORITY_LABELS_MAX];
    size_t length = 0;
    int parent = NONE;
    struct dns_zone *known = NULL;
    struct dns_name at = *name;
    while (at.length > 1 && length < AUTHORITY_LABELS_MAX && known == NULL) {
        parent = find_node(find, &at);
        if (parent != NONE) {
            break;
        }
        known = recall(find, &at);
        chain[length++] = at;
        size_t label = 1U + at.wire[0];
        at.length -= label;
        memmove(at.wire, at.wire + label, at.length);
    }
    for (; length > 0; known = NULL) { // what is known is the topmost
        find->nodes[find->count] = (struct node){
            .name = chain[--length], .parent = parent, .known = known, .cut = NONE, .unsure = NONE};
        parent = (int)find->count++;
    }
    return parent;
}

/* ---- zone cuts, as the resolver tells them --------------------------------------------------- */

static void
start_lookups(const struct find *find)
{
    struct dns_resolver *resolver = dns_resolver_of(find->zones->settings->dns);
    for (size_t i = 0; i < find->count; i++) {
        struct node *node = &find->nodes[i];
        if (node->known == NULL) {
            node->lookup = xcalloc(1, sizeof(*node->lookup));
            dns_lookup_init(node->lookup, resolver, find->policy->budget, &node->name, DNS_NS);
        }
    }
}

// Those that are not answered yet, of the resolver's servers from the first on.
static void
look_up_cuts(const struct find *find, int64_t deadline)
{
    AUTO_FREE struct dns_lookup **lookups = xcalloc(find->count + 1, sizeof(struct dns_lookup *));
    size_t count = 0;
    for (size_t i = 0; i < find->count; i++) {
        struct dns_lookup *lookup = find->nodes[i].lookup;
        if (lookup != NULL && lookup->reply.status == DNS_TEMPORARY) {
            lookup->server = 0;
            lookups[count++] = lookup;
        }
    }
    dns_lookup_all(lookups, count, deadline);
    dns_lookup_all_unchecked(lookups, count, deadline);
}

static bool
is_cut(const struct node *node)
{
    const struct dns_name *end = &node->lookup->reply.canonical;
    return node->lookup->reply.status == DNS_OK &&
           dns_name_equal(end->wire, end->length, node->name.wire, node->name.length);
}

static void
place_cuts(struct find *find)
{
    for (size_t i = 0; i < find->count; i++) {
        struct node *node = &find->nodes[i];
        const struct node *parent = node->parent == NONE ? NULL : &find->nodes[node->parent];
        if (node->known != NULL || is_cut(node)) {
            node->cut = (int)i;
            node->unsure = NONE;
            continue;
        }
        node->cut = parent == NULL ? NONE : parent->cut;
        node->unsure = parent == NULL ? NONE : parent->unsure;
        if (node->unsure == NONE && node->lookup->reply.status == DNS_TEMPORARY) {
            node->unsure = (int)i;
        }
    }
}

/* ---- the zones themselves -------------------------------------------------------------------- */

static struct dns_zone *
zone_at(const struct node *node)
{
    return node->known != NULL ? node->known : node->zone;
}

static int
compare_names(const void *a, const void *b)
{
    const struct dns_name *left = a;
    const struct dns_name *right = b;
    size_t least = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->wire, right->wire, least);
    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

// The names of the NS records, in order, so that the same ones are asked each time.
static void
plan_from_reply(const struct node *node, struct dns_zone_plan *plan)
{
    const struct dns_reply *reply = &node->lookup->reply;
    AUTO_FREE struct dns_name *names = xcalloc(reply->count + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < reply->count; i++) {
        if (dns_name_parse(reply->data.data + reply->records[i].offset, &names[count])) {
            count++;
        }
    }
    qsort(names, count, sizeof(*names), compare_names);
    plan->zone = node->name;
    plan->count = count < AUTHORITY_NAMES_MAX ? count : AUTHORITY_NAMES_MAX;
    plan->left_out = count - plan->count;
    memcpy(plan->names, names, plan->count * sizeof(*names));
}

static void
plan_from_referral(const struct node *node, struct dns_zone_plan *plan)
{
    _Static_assert((int)DNS_REFERRAL_NAMES_MAX == (int)AUTHORITY_NAMES_MAX, "same cap");
    const struct dns_referral *referral = node->referral;
    plan->zone = referral->zone;
    plan->is_from_parent = true;
    plan->count = referral->count;
    plan->referral = referral;
    memcpy(plan->names, referral->names, plan->count * sizeof(plan->names[0]));
    qsort(plan->names, plan->count, sizeof(plan->names[0]), compare_names);
}

// Top-level domains and the like are looked up only when something hangs on them.
static void
mark_wanted(struct find *find, const int *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct node *node = &find->nodes[asked[i]];
        if (node->cut != NONE) {
            find->nodes[node->cut].is_wanted = true;
        }
    }
}

static void
make_zones(struct find *find, unsigned percent)
{
    AUTO_FREE struct node **owners = xcalloc(find->count + 1, sizeof(struct node *));
    size_t count = 0;
    for (size_t i = 0; i < find->count; i++) {
        struct node *node = &find->nodes[i];
        if (zone_at(node) == NULL && (node->referral != NULL || node->is_wanted)) {
            owners[count++] = node;
        }
    }
    AUTO_FREE struct dns_zone_plan *plans = xcalloc(count + 1, sizeof(*plans));
    for (size_t i = 0; i < count; i++) {
        if (owners[i]->referral != NULL) {
            plan_from_referral(owners[i], &plans[i]);
        } else {
            plan_from_reply(owners[i], &plans[i]);
        }
    }
    dns_hosts_make_zones(find->zones->settings, find->zones->hosts, find->policy->budget, plans,
                         count, share_of_time(find->deadline_ms, percent));
    for (size_t i = 0; i < count; i++) {
        owners[i]->zone = plans[i].made;
    }
}

/* ---- delegations, as the zone above tells them ----------------------------------------------- */

struct delegation {
    struct node *node;
    const struct dns_zone *above;
    struct dns_question question;
};

// AA and no NS records: the name is in the zone above. A referral: where the zone begins.
static void
on_delegation(struct dns_exchange *exchange, enum dns_exchange_end end, int64_t took_ms,
              const struct dns_query *query, const unsigned char *message, size_t length)
{
    (void)took_ms;
    struct delegation *delegation = exchange->context;
    struct node *node = delegation->node;
    if (end != DNS_EXCHANGE_ANSWERED || node->referral != NULL) {
        return;
    }
    AUTO_FREE struct dns_referral *referral = xcalloc(1, sizeof(*referral));
    if (dns_codec_read_referral(query, message, length, &delegation->above->name, referral)) {
        node->referral = STEAL(referral);
        node->is_settled = true;
        return;
    }
    AUTO_REPLY reply;
    dns_reply_init(&reply, &node->name);
    node->is_settled = node->is_settled ||
                       dns_codec_read_authority(query, message, length, &delegation->above->name,
                                                &reply) == DNS_STANCE_ANSWERS;
}

static size_t
add_delegation(const struct find *find, struct delegation *delegation,
               struct dns_exchange *exchanges)
{
    size_t count = 0;
    for (size_t i = 0; i < delegation->above->view.server_count && count < PARENT_SERVERS_ASKED;
         i++) {
        if (delegation->above->view.servers[i].not_asked == AUTHORITY_NO_REASON) {
            exchanges[count++] = (struct dns_exchange){
                .server = &delegation->above->addresses[i],
                .question = &delegation->question,
                .policy = find->policy,
                .on_end = on_delegation,
                .context = delegation,
            };
        }
    }
    return count;
}

static void
ask_above(struct find *find)
{
    AUTO_FREE struct delegation *delegations = xcalloc(find->count + 1, sizeof(*delegations));
    AUTO_FREE struct dns_exchange *exchanges =
        xcalloc(find->count * PARENT_SERVERS_ASKED + 1, sizeof(*exchanges));
    size_t count = 0;
    size_t sent = 0;
    for (size_t i = 0; i < find->count; i++) {
        struct node *node = &find->nodes[i];
        if (node->unsure == (int)i && node->cut != NONE && !node->is_asked_above) {
            node->is_asked_above = true;
            delegations[count] = (struct delegation){
                .node = node,
                .above = zone_at(&find->nodes[node->cut]),
                .question = {.name = node->name, .type = DNS_NS, .is_iterative = true},
            };
            sent += add_delegation(find, &delegations[count++], exchanges + sent);
        }
    }
    if (sent > 0) {
        dns_exchange_run(exchanges, sent, share_of_time(find->deadline_ms, DELEGATION_PERCENT));
        make_zones(find, HOSTS_PERCENT);
    }
}

/* ---- results --------------------------------------------------------------------------------- */

// The zone of a node; NULL: it is not known.
static struct dns_zone *
zone_of(const struct find *find, const struct node *node)
{
    if (node->unsure != NONE) {
        const struct node *unsure = &find->nodes[node->unsure];
        if (unsure->referral != NULL) {
            return unsure->zone;
        }
        if (!unsure->is_settled) {
            return NULL;
        }
    }
    return node->cut == NONE ? NULL : zone_at(&find->nodes[node->cut]);
}

static void
say_why(const struct find *find, const struct node *node, struct dns_zone_request *request)
{
    const struct node *failed = node->unsure == NONE ? node : &find->nodes[node->unsure];
    char text[DNS_NAME_TEXT_SIZE];
    name_text(&failed->name, text);
    const char *problem = failed->lookup == NULL ? "" : failed->lookup->reply.problem;
    (void)snprintf(request->problem, sizeof(request->problem), "NS %.100s: %.80s", text,
                   problem[0] == '\0' ? "no zone has this name" : problem);
}

// Whoever has more time may find it.
static bool
lacks_address(const struct dns_zone *zone)
{
    for (size_t i = 0; i < zone->view.server_count; i++) {
        if (zone->view.servers[i].not_asked == AUTHORITY_ADDRESS_UNKNOWN) {
            return true;
        }
    }
    return false;
}

static void
remember(const struct find *find)
{
    for (size_t i = 0; i < find->count; i++) {
        const struct node *node = &find->nodes[i];
        struct dns_zone *zone = node->known == NULL ? zone_of(find, node) : NULL;
        if (zone != NULL && !lacks_address(zone)) {
            char key[DNS_NAME_TEXT_SIZE];
            name_text(&node->name, key);
            brief_put(find->zones->by_name, key, zone);
        }
    }
}

static void
free_nodes(const struct find *find)
{
    for (size_t i = 0; i < find->count; i++) {
        struct node *node = &find->nodes[i];
        if (node->lookup != NULL) {
            dns_lookup_done(node->lookup);
        }
        free(node->lookup);
        free(node->referral);
        brief_unref(node->known);
        brief_unref(node->zone);
    }
    free(find->nodes);
}

// What the resolver has told so far, and what the zones above say of the rest.
static void
settle(struct find *find, const int *asked, size_t count)
{
    place_cuts(find);
    mark_wanted(find, asked, count);
    make_zones(find, HOSTS_PERCENT);
    ask_above(find);
}

static bool
is_any_unknown(const struct find *find, const int *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (zone_of(find, &find->nodes[asked[i]]) == NULL) {
            return true;
        }
    }
    return false;
}

// A resolver takes seconds over dead servers; those of the zone above tell at once. Where they do
// not, all depends on the resolver, and it gets its time.
static void
find_all(struct find *find, const int *asked, size_t count)
{
    start_lookups(find);
    int64_t deadline = share_of_time(find->deadline_ms, CUTS_PERCENT);
    int64_t patience = clock_mono_ms() + PATIENCE_MS;
    look_up_cuts(find, patience < deadline ? patience : deadline);
    settle(find, asked, count);
    if (is_any_unknown(find, asked, count)) {
        look_up_cuts(find, share_of_time(find->deadline_ms, CUTS_PERCENT));
        settle(find, asked, count);
    }
}

void
dns_zones_find(struct dns_zones *zones, const struct dns_exchange_policy *policy,
               struct dns_zone_request *requests, size_t count, int64_t deadline_mono_ms)
{
    struct find find = {.zones = zones, .policy = policy, .deadline_ms = deadline_mono_ms};
    AUTO_FREE int *indices = xcalloc(count + 1, sizeof(*indices));
    size_t labels = 0; // one node each, at most
    for (size_t i = 0; i < count; i++) {
        labels += dns_name_labels(&requests[i].name);
    }
    find.nodes = xcalloc(labels + 1, sizeof(*find.nodes));
    for (size_t i = 0; i < count; i++) {
        indices[i] = need_node(&find, &requests[i].name);
    }
    find_all(&find, indices, count);
    for (size_t i = 0; i < count; i++) {
        const struct node *node = &find.nodes[indices[i]];
        struct dns_zone *zone = zone_of(&find, node);
        requests[i].zone = zone == NULL ? NULL : brief_ref(zone);
        if (zone == NULL) {
            say_why(&find, node, &requests[i]);
        }
    }
    remember(&find);
    free_nodes(&find);
}

/* ---- zones the resolver does not know yet ---------------------------------------------------- */

// Names that were referred to the same zone share it.
static void
share_zone(struct find *find, struct node *node)
{
    for (struct node *each = find->nodes; node->zone != NULL && each < node; each++) {
        const struct dns_zone *earlier = each->zone;
        if (earlier != NULL && dns_name_equal(earlier->name.wire, earlier->name.length,
                                              node->zone->name.wire, node->zone->name.length)) {
            brief_unref(node->zone);
            node->zone = brief_ref(each->zone);
        }
    }
}

void
dns_zones_descend(struct dns_zones *zones, const struct dns_exchange_policy *policy,
                  struct dns_zone_request *const *requests, size_t count, int64_t deadline_mono_ms)
{
    struct find find = {.zones = zones, .policy = policy, .deadline_ms = deadline_mono_ms};
    find.nodes = xcalloc(2 * count + 1, sizeof(*find.nodes));
    for (size_t i = 0; i < count; i++) { // the names first, the zones they were thought to be in
        find.nodes[i] = (struct node){
            .name = requests[i]->name, .parent = NONE, .cut = (int)(count + i), .unsure = (int)i};
        find.nodes[count + i] = (struct node){.name = requests[i]->zone->name,
                                              .parent = NONE,
                                              .known = brief_ref(requests[i]->zone),
                                              .cut = (int)(count + i),
                                              .unsure = NONE};
    }
    find.count = 2 * count;
    ask_above(&find);
    for (size_t i = 0; i < count; i++) {
        share_zone(&find, &find.nodes[i]);
        if (find.nodes[i].zone != NULL) {
            brief_unref(requests[i]->zone);
            requests[i]->zone = brief_ref(find.nodes[i].zone);
        }
    }
    remember(&find);
    free_nodes(&find);
}
