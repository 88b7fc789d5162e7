// SPDX-License-Identifier: Apache-2.0
#include "router/gate.h"

#include <stdio.h>
#include <string.h>

#include "router/route.h"
#include "verifier/domain/state.h"

// What an answer says, for every reason that does not depend on the recipient's route.
struct rule {
    enum gate_decision decision;
    unsigned code;
    const char *enhanced;
    const char *text;
};

static const struct rule REMOVED = {GATE_REFUSE, 550, "5.7.1", "this domain was removed"};
static const struct rule FAILED = {GATE_REFUSE, 550, "5.7.1",
                                   "this domain's ownership could not be confirmed"};
static const struct rule UNPROVEN = {GATE_DEFER, 450, "4.7.1",
                                     "this domain's ownership cannot be confirmed now"};
static const struct rule INBOUND_OFF = {GATE_REFUSE, 550, "5.7.1",
                                        "this domain does not take mail"};
static const struct rule NO_ROUTE = {GATE_REFUSE, 550, "5.1.1", "no such recipient here"};
static const struct rule REJECTED = {GATE_REFUSE, 550, "5.7.1", ""};

// The operator's mistake, not the sender's: nothing may be lost by it.
static const struct rule NOT_CONFIGURED = {GATE_DEFER, 450, "4.3.5",
                                           "the routes of this domain are not configured"};

static void
apply(const struct rule *rule, const char *text, struct gate_answer *answer)
{
    answer->decision = rule->decision;
    answer->reply_code = rule->code;
    answer->reply_enhanced = rule->enhanced;
    // The configuration lets only printable ASCII through.
    (void)snprintf(answer->reply_text, sizeof(answer->reply_text), "%s", text);
}

// What is said of a domain whose inbound is on; NULL: its routes decide.
static const struct rule *
mail_rule(enum domain_mail mail)
{
    switch (mail) {
    case DOMAIN_MAIL_OPEN:
    case DOMAIN_MAIL_HELD:
        return NULL;
    case DOMAIN_MAIL_DEFERRED:
        return &UNPROVEN;
    case DOMAIN_MAIL_REFUSED:
        return &FAILED;
    }
    return &UNPROVEN;
}

// Why a domain of ours takes no mail at all; NULL when it does. What it needs to keep its inbound
// is in `mail`, whatever its status: who edits an SPF record loses no tickets.
static const struct rule *
domain_rule(const struct store_domain *domain)
{
    if (domain->status == DOMAIN_REMOVED) {
        return &REMOVED;
    }
    if (domain->inbound) {
        return mail_rule(domain->mail);
    }
    return domain->status == DOMAIN_FAILED ? &FAILED : &INBOUND_OFF;
}

// A name that nobody proved to own is none of our business, in any status: else who adds (and
// removes) somebody's name could stop the mail that others here send to it.
static bool
is_ours(const struct store_domain *domain)
{
    return domain_was_owned(domain) && !domain->claims &&
           (domain->inbound || domain->status != DOMAIN_PENDING);
}

// The entry that answers for a name. While a removed name is watched its senders are told so, until
// who added it again has proven it; false: none of ours.
static bool
find_entry(struct registry *registry, const char *name, struct store_domain *entry_out)
{
    struct store_domain entry;
    if ((registry_find(registry, name, &entry) != ST_OK || !is_ours(&entry)) &&
        registry_find_watched(registry, name, &entry) != ST_OK) {
        return false;
    }
    *entry_out = entry;
    return true;
}

static size_t
count_destinations(const struct route_match *matches, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += matches[i].route->destination_count;
    }
    return total;
}

static void
decide_by_routes(const struct config_domain *domain, struct gate_answer *answer)
{
    struct route_match matches[ROUTE_MATCHES_MAX];
    size_t count = 0;
    const char *reject = NULL;
    switch (route_recipient(domain, answer->recipient.local_part, matches, &count, &reject)) {
    case ROUTE_TAKEN:
        answer->decision = GATE_ACCEPT;
        answer->domain = domain;
        answer->destination_count = count_destinations(matches, count);
        break;
    case ROUTE_REJECTED:
        apply(&REJECTED, reject, answer);
        break;
    case ROUTE_NONE:
        apply(&NO_ROUTE, NO_ROUTE.text, answer);
        break;
    }
}

// A name may move to another tenant, the file with its routes stays.
static bool
is_for_tenant(const struct config_domain *domain, const char *tenant)
{
    return domain->tenant == NULL || strcmp(domain->tenant, tenant) == 0;
}

void
gate_decide(const struct config *config, struct registry *registry, const char *recipient,
            struct gate_answer *out)
{
    *out = (struct gate_answer){.decision = GATE_NOT_OURS, .reply_enhanced = "", .hold = ""};
    struct store_domain entry;
    if (address_parse(recipient, &out->recipient, NULL) != ST_OK ||
        out->recipient.domain[0] == '\0' || !find_entry(registry, out->recipient.domain, &entry)) {
        return;
    }
    memcpy(out->tenant, entry.tenant, sizeof(out->tenant));
    const struct rule *rule = domain_rule(&entry);
    const struct config_domain *domain = config_find_domain(config, out->recipient.domain);
    if (rule == NULL &&
        (domain == NULL || domain->route_count == 0 || !is_for_tenant(domain, entry.tenant))) {
        rule = &NOT_CONFIGURED;
    }
    if (rule != NULL) {
        apply(rule, rule->text, out);
        return;
    }
    decide_by_routes(domain, out);
    if (out->decision == GATE_ACCEPT && entry.mail == DOMAIN_MAIL_HELD) {
        out->hold = REGISTRY_HOLD_REASON;
    }
}

bool
gate_takes_mail_for(const struct config *config, const char *text)
{
    struct address address;
    struct route_match matches[ROUTE_MATCHES_MAX];
    size_t count = 0;
    const char *reject = NULL;
    const struct config_domain *domain = address_parse(text, &address, NULL) == ST_OK
                                             ? config_find_domain(config, address.domain)
                                             : NULL;
    return domain != NULL &&
           route_recipient(domain, address.local_part, matches, &count, &reject) == ROUTE_TAKEN;
}

bool
gate_client_is_trusted(const struct config_domain *domain, const char *client_address)
{
    struct network_address address;
    return network_parse_address(client_address, &address, NULL) == ST_OK &&
           network_list_contains(domain->trusted_networks.items, domain->trusted_networks.count,
                                 &address);
}
