// SPDX-License-Identifier: Apache-2.0
#include "router/plan.h"

#include <string.h>

#include "common/intake_protocol.h"
#include "common/map.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "router/gate.h"
#include "router/jsontext.h"
#include "router/route.h"

enum { ADDRESS_TEXT_MAX = 2 * ADDRESS_MAX }; /* quoting may double the local part */

static const struct smtp_reply STATE_CHANGED = {
    451, "4.3.0", "a recipient's domain changed during the transaction; try again"};
static const struct smtp_reply TOO_MANY = {
    452, "4.5.3", "too many recipients; send the rest in another transaction"};

void
plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->recipient_count; i++) {
        free(plan->recipients[i]);
    }
    for (size_t i = 0; i < plan->captures_count; i++) {
        free(plan->captures[i]);
    }
    free(plan->recipients);
    free(plan->captures);
    free(plan->deliveries);
    free(plan->destinations);
    *plan = (struct plan){.config = NULL};
}

static bool
needs_quotes(const char *local_part)
{
    return strpbrk(local_part, " ()<>[]:;@\\,\"") != NULL;
}

// The address as it is stored: one line, quoted where RFC 5321, 4.1.2 asks for it.
static char *
format_address(const struct address *address)
{
    AUTO_STRBUF text = STRBUF_INIT(ADDRESS_TEXT_MAX);
    if (needs_quotes(address->local_part)) {
        strbuf_putc(&text, '"');
        for (const char *c = address->local_part; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\') {
                strbuf_putc(&text, '\\');
            }
            strbuf_putc(&text, *c);
        }
        strbuf_putc(&text, '"');
    } else {
        strbuf_puts(&text, address->local_part);
    }
    strbuf_printf(&text, "@%s", address->domain);
    return strbuf_steal(&text);
}

static void
note_destination(struct plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->destination_count; i++) {
        if (plan->destinations[i] == key) {
            return;
        }
    }
    plan->destinations =
        xreallocarray(plan->destinations, plan->destination_count + 1, sizeof(*plan->destinations));
    plan->destinations[plan->destination_count++] = key;
}

// Several routes may lead one recipient to the same destination: the first of them does.
static bool
has_delivery(const struct plan *plan, size_t first, const char *key)
{
    for (size_t i = first; i < plan->delivery_count; i++) {
        if (plan->deliveries[i].destination == key) {
            return true;
        }
    }
    return false;
}

static void
add_delivery(struct plan *plan, const struct plan_question *question, const char *hold,
             const struct config_route *route, const char *key)
{
    bool held = hold[0] != '\0';
    plan->deliveries =
        xreallocarray(plan->deliveries, plan->delivery_count + 1, sizeof(*plan->deliveries));
    plan->deliveries[plan->delivery_count++] = (struct store_delivery){
        .id = id_new(),
        .tenant = "", // points into the plan, which still moves: set at the end
        .recipient = plan->recipients[plan->recipient_count - 1],
        .route = route->name,
        .action = route->action == NULL ? "" : route->action,
        .destination = key,
        .captures = plan->captures[plan->captures_count - 1],
        .state = held ? DELIVERY_HELD : DELIVERY_QUEUED,
        .reason = hold,
        .created_at = question->now_ms,
        .due_at = question->now_ms,
    };
    note_destination(plan, key);
}

static void
add_match(struct plan *plan, const struct plan_question *question, const struct gate_answer *answer,
          const struct route_match *match, size_t first)
{
    // What the policy says of the message goes before what is known of its domain.
    const char *hold = question->hold[0] != '\0' ? question->hold : answer->hold;
    plan->captures =
        xreallocarray(plan->captures, plan->captures_count + 1, sizeof(*plan->captures));
    plan->captures[plan->captures_count++] = jsontext_from_captures(&match->captures);
    for (size_t i = 0; i < match->route->destination_count; i++) {
        const char *key = match->route->destinations[i]->key;
        if (!has_delivery(plan, first, key)) {
            add_delivery(plan, question, hold, match->route, key);
            plan->deliveries[plan->delivery_count - 1].domain = answer->domain->name;
        }
    }
}

static const struct smtp_reply *
add_recipient(struct plan *plan, const struct plan_question *question,
              const struct gate_answer *answer)
{
    struct route_match matches[ROUTE_MATCHES_MAX];
    size_t count = 0;
    const char *reject = NULL;
    (void)route_recipient(answer->domain, answer->recipient.local_part, matches, &count, &reject);
    size_t first = plan->delivery_count;
    for (size_t i = 0; i < count; i++) {
        add_match(plan, question, answer, &matches[i], first);
    }
    if (plan->delivery_count == first) {
        return &STATE_CHANGED; // accepted, yet nothing would carry it: never answer 250 for that
    }
    return plan->delivery_count > STORE_DELIVERIES_MAX ? &TOO_MANY : NULL;
}

// Decide one recipient; `seen` holds those of this transaction already in the plan.
static const struct smtp_reply *
take_recipient(struct plan *plan, struct registry *registry, const struct plan_question *question,
               const char *recipient, struct map *seen)
{
    struct gate_answer answer;
    gate_decide(plan->config, registry, recipient, &answer);
    if (answer.decision != GATE_ACCEPT ||
        strcmp(answer.domain->policy_key, question->policy_key) != 0) {
        return &STATE_CHANGED;
    }
    if (plan->domain == NULL) {
        memcpy(plan->tenant, answer.tenant, sizeof(plan->tenant));
        plan->domain = answer.domain->name;
    } else if (strcmp(plan->tenant, answer.tenant) != 0) {
        return &STATE_CHANGED;
    }
    AUTO_FREE char *text = format_address(&answer.recipient);
    if (map_put(seen, text, plan) != NULL) {
        return NULL; // RCPT twice for the same address is one delivery
    }
    if (plan->recipient_count >= plan->config->limits.recipients ||
        plan->recipient_count >= INTAKE_RECIPIENTS_MAX) {
        return &TOO_MANY;
    }
    plan->recipients =
        xreallocarray(plan->recipients, plan->recipient_count + 1, sizeof(*plan->recipients));
    plan->recipients[plan->recipient_count++] = STEAL(text);
    return add_recipient(plan, question, &answer);
}

static const struct smtp_reply *
take_all(struct plan *plan, struct registry *registry, const struct plan_question *question,
         struct map *seen)
{
    const char *line = question->recipients;
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        AUTO_FREE char *recipient = xmemdup(line, length);
        const struct smtp_reply *reply = take_recipient(plan, registry, question, recipient, seen);
        if (reply != NULL) {
            return reply;
        }
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    return plan->recipient_count > 0 ? NULL : &STATE_CHANGED;
}

const struct smtp_reply *
plan_make(const struct config *config, struct registry *registry,
          const struct plan_question *question, struct plan *plan_out)
{
    AUTO_PLAN plan = {.config = config};
    struct map *seen = map_new();
    const struct smtp_reply *reply = take_all(&plan, registry, question, seen);
    map_free(seen, NULL);
    if (reply != NULL) {
        return reply;
    }
    *plan_out = plan;
    for (size_t i = 0; i < plan.delivery_count; i++) {
        plan_out->deliveries[i].tenant = plan_out->tenant;
    }
    plan = (struct plan){.config = NULL}; // handed over
    return NULL;
}
