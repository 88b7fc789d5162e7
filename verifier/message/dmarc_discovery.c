// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/dmarc_discovery.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <libpsl.h>

enum { LABELS_FULL_STEP = 8 }; /* names of so many labels or more continue at 7 (RFC 9989, 4.10) */

static size_t
count_labels(const char *name)
{
    size_t count = 1;
    for (; *name != '\0'; name++) {
        count += *name == '.' ? 1 : 0;
    }
    return count;
}

static const char *
parent_of(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL ? NULL : dot + 1;
}

// The record at one name: exactly one valid one, or none.
static void
read_record(const struct dns_answer *answer, struct dmarc_step *step)
{
    size_t found = 0;
    for (size_t i = 0; i < answer->count; i++) {
        struct dmarc_record record;
        if (dmarc_record_parse(answer->records[i].data, answer->records[i].length, &record) ==
            ST_OK) {
            step->record = record;
            found++;
        }
    }
    step->has_record = found == 1;
}

// Ask one name more. NULL when the DNS did not answer, which is noted.
static const struct dmarc_step *
take_step(struct dns *dns, struct dns_budget *budget, const char *name, struct dmarc_walk *walk)
{
    char query[DOMAIN_NAME_SIZE + 8];
    struct dmarc_step *step = &walk->steps[walk->count++];
    *step = (struct dmarc_step){.name = name};
    (void)snprintf(query, sizeof(query), "_dmarc.%s", name);
    AUTO_ANSWER *answer = dns_get(dns, budget, query, DNS_TXT);
    if (answer->status == DNS_TEMPORARY) {
        walk->failed = true;
        return NULL;
    }
    if (answer->status == DNS_OK) {
        read_record(answer, step);
    }
    return step;
}

// ---- tree walk

static const char *
next_name(const char *name)
{
    const char *next = parent_of(name);
    while (next != NULL && count_labels(next) >= LABELS_FULL_STEP) {
        next = parent_of(next);
    }
    return next;
}

// One label below a public suffix, on the way we came; that name was asked too unless skipped.
static void
take_below(struct dmarc_walk *walk, size_t suffix)
{
    const char *below = walk->steps[0].name;
    while (parent_of(below) != NULL && parent_of(below) != walk->steps[suffix].name) {
        below = parent_of(below);
    }
    walk->org = below;
    walk->org_step = walk->steps[suffix - 1].name == below ? &walk->steps[suffix - 1] : NULL;
}

// RFC 9989, 4.10.2
static void
find_org(struct dmarc_walk *walk)
{
    const struct dmarc_step *best = NULL;
    for (size_t i = 0; i < walk->count; i++) {
        const struct dmarc_step *step = &walk->steps[i];
        if (!step->has_record) {
            continue;
        }
        if (step->record.psd == DMARC_PSD_YES && i > 0) {
            take_below(walk, i);
            return;
        }
        best = step;
        if (step->record.psd == DMARC_PSD_NO) {
            break;
        }
    }
    walk->org_step = best == NULL ? &walk->steps[0] : best;
    walk->org = walk->org_step->name;
}

static void
walk_tree(struct dns *dns, struct dns_budget *budget, const char *name, struct dmarc_walk *walk)
{
    for (const char *at = name; at != NULL && walk->count < DMARC_WALK_MAX; at = next_name(at)) {
        const struct dmarc_step *step = take_step(dns, budget, at, walk);
        if (step == NULL) {
            return;
        }
        if (step->has_record && step->record.psd != DMARC_PSD_UNKNOWN) {
            break;
        }
    }
    find_org(walk);
}

// ---- public suffix list

static psl_ctx_t *suffixes; // read-only once loaded

static void
load_suffixes(void)
{
    suffixes = psl_latest(NULL); // the distribution's list, newer than the built-in one
}

// The registrable domain, as a part of `name`; a public suffix stands for itself.
static const char *
registrable(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load_suffixes);
    const char *domain = psl_registrable_domain(suffixes != NULL ? suffixes : psl_builtin(), name);
    return domain == NULL ? name : domain;
}

static void
walk_list(struct dns *dns, struct dns_budget *budget, const char *name, struct dmarc_walk *walk)
{
    walk->org = registrable(name);
    const struct dmarc_step *step = take_step(dns, budget, name, walk);
    if (step != NULL && !step->has_record && walk->org != name) {
        step = take_step(dns, budget, walk->org, walk);
    }
    walk->org_step = step != NULL && step->name == walk->org ? step : NULL;
}

// ---- either

void
dmarc_discover(struct dns *dns, struct dns_budget *budget, enum dmarc_discovery discovery,
               const char *name, struct dmarc_walk *walk)
{
    *walk = (struct dmarc_walk){.count = 0};
    if (discovery == DMARC_DISCOVERY_PSL) {
        walk_list(dns, budget, name, walk);
    } else {
        walk_tree(dns, budget, name, walk);
    }
}

enum status
dmarc_org_domain(struct dns *dns, struct dns_budget *budget, enum dmarc_discovery discovery,
                 const char *name, char out[DOMAIN_NAME_SIZE])
{
    struct dmarc_walk walk = {.count = 0};
    if (discovery == DMARC_DISCOVERY_PSL) {
        walk.org = registrable(name);
    } else {
        walk_tree(dns, budget, name, &walk);
    }
    if (walk.org == NULL || strlen(walk.org) > DOMAIN_NAME_MAX) {
        return ST_AGAIN;
    }
    memcpy(out, walk.org, strlen(walk.org) + 1);
    return ST_OK;
}
