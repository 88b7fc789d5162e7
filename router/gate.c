// SPDX-License-Identifier: Apache-2.0
#include "router/gate.h"

#include <stdio.h>
#include <string.h>

#include "router/route.h"

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

// Why a domain of ours takes no mail at all; NULL when it does.
static const struct rule *
domain_rule(const struct store_domain *domain)
{
    if (domain->status == DOMAIN_REMOVED) {
        return &REMOVED;
    }
    if (domain->status == DOMAIN_FAILED) {
        return &FAILED;
    }
    return domain->inbound ? NULL : &INBOUND_OFF;
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

void
gate_decide(const struct config *config, struct registry *registry, const char *recipient,
            struct gate_answer *out)
{
    *out = (struct gate_answer){.decision = GATE_NOT_OURS, .reply_enhanced = ""};
    struct store_domain entry;
    if (address_parse(recipient, &out->recipient, NULL) != ST_OK ||
        out->recipient.domain[0] == '\0' ||
        registry_find(registry, out->recipient.domain, &entry) != ST_OK ||
        entry.status == DOMAIN_PENDING) {
        return;
    }
    memcpy(out->tenant, entry.tenant, sizeof(out->tenant));
    const struct rule *rule = domain_rule(&entry);
    const struct config_domain *domain = config_find_domain(config, out->recipient.domain);
    if (rule == NULL && (domain == NULL || domain->route_count == 0)) {
        rule = &NOT_CONFIGURED;
    }
    if (rule != NULL) {
        apply(rule, rule->text, out);
        return;
    }
    decide_by_routes(domain, out);
}

bool
gate_client_is_trusted(const struct config_domain *domain, const char *client_address)
{
    struct network_address address;
    return network_parse_address(client_address, &address, NULL) == ST_OK &&
           network_list_contains(domain->trusted_networks.items, domain->trusted_networks.count,
                                 &address);
}
