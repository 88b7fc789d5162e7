// SPDX-License-Identifier: Apache-2.0
// Parts of a message's DNS budget.
#include "verifier/dns/dns.h"

struct dns_budget
dns_budget_share(const struct dns_budget *whole, unsigned percent, int64_t now_ms)
{
    int64_t left_ms = whole->deadline_mono_ms - now_ms;
    struct dns_budget part = {.deadline_mono_ms = whole->deadline_mono_ms,
                              .queries_left = whole->queries_left * percent / 100,
                              .fresh = whole->fresh,
                              .recorder = whole->recorder};
    if (left_ms > 0) {
        part.deadline_mono_ms = now_ms + left_ms / 100 * percent + left_ms % 100 * percent / 100;
    }
    return part;
}

bool
dns_budget_take(struct dns_budget *budget)
{
    if (budget == NULL) {
        return true;
    }
    if (budget->queries_left == 0) {
        budget->refused++;
        return false;
    }
    budget->queries_left--;
    budget->queries++;
    return true;
}

void
dns_budget_settle(struct dns_budget *whole, const struct dns_budget *part)
{
    whole->queries_left -=
        part->queries < whole->queries_left ? part->queries : whole->queries_left;
    whole->queries += part->queries;
    whole->hits += part->hits;
    whole->refused += part->refused;
}
