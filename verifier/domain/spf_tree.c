// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/spf_tree.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "verifier/message/spf.h"
#include "verifier/message/spf_lookup.h"

struct walk {
    struct spf_tree *tree;
    struct spf_lookups lookups;
    const char *wanted;
    enum spf_end end;
    struct network_address nobody; /* stands for the client in macros */
};

/* One record on the way. */
struct level {
    const char *domain;
    const struct spf_record *record;
    bool is_own; /* of the domain itself: redirects keep it, includes do not */
};

static void walk_record(struct walk *walk, const struct level *level);

static void
end_walk(struct walk *walk, enum spf_end end)
{
    if (walk->end == SPF_END_NONE) {
        walk->end = end;
    }
}

static bool
needs_client(const struct spf_string *target)
{
    static const char LETTERS[] = "iphv";
    for (const char *letter = LETTERS; *letter != '\0'; letter++) {
        if (spf_string_uses(target, *letter)) {
            return true;
        }
    }
    return false;
}

// False when the name depends on the client.
static bool
expand(struct walk *walk, const struct level *level, const struct spf_string *target,
       char out[SPF_NAME_SIZE])
{
    if (needs_client(target)) {
        walk->tree->depends_on_client = true;
        return false;
    }
    struct spf_values values = {.client = &walk->nobody,
                                .local_part = "postmaster",
                                .sender_domain = level->domain,
                                .helo = level->domain,
                                .domain = level->domain,
                                .receiver = "unknown",
                                .validated = "unknown",
                                .wall_s = clock_wall_ms() / 1000};
    spf_string_expand_name(target, &values, out);
    return true;
}

static void
count_term(struct walk *walk)
{
    if (++walk->tree->terms > SPF_TERMS_MAX) {
        end_walk(walk, SPF_END_LOOKUPS);
    }
}

static void
count_void(struct walk *walk)
{
    if (++walk->tree->voids > SPF_VOIDS_MAX) {
        end_walk(walk, SPF_END_VOIDS);
    }
}

static bool
is_full(const struct walk *walk)
{
    return walk->tree->terms > SPF_TREE_TERMS_MAX; // every level costs a term: depth is bounded too
}

static bool
is_wanted(const struct walk *walk, const char *name)
{
    return strcasecmp(walk->wanted, name) == 0;
}

static void
note_found(struct walk *walk, bool passes)
{
    if (!passes) {
        walk->tree->has_qualifier = true;
    } else if (walk->end == SPF_END_NONE) {
        walk->tree->found = true;
    } else if (walk->tree->found_behind == SPF_END_NONE) {
        walk->tree->found_behind = walk->end;
    }
}

static void
note_broken(struct walk *walk, const char *name, const char *problem)
{
    struct spf_tree *tree = walk->tree;
    if (tree->broken[0] == '\0') {
        (void)snprintf(tree->broken, sizeof(tree->broken), "%s", name);
        (void)snprintf(tree->broken_problem, sizeof(tree->broken_problem), "%s", problem);
    }
    end_walk(walk, SPF_END_BROKEN);
}

// Go on at another name: an include or a redirect.
static void
enter(struct walk *walk, const char *name, bool is_own)
{
    AUTO_POLICY *policy = NULL;
    if (is_full(walk)) {
        return;
    }
    enum spf_outcome outcome = spf_load_policy(&walk->lookups, name, &policy);
    if (policy == NULL) {
        walk->tree->is_temporary |= outcome == SPF_TEMPERROR;
        return;
    }
    switch (policy->state) {
    case SPF_POLICY_NONE:
        note_broken(walk, name, "it has no SPF record");
        return;
    case SPF_POLICY_INVALID:
        note_broken(walk, name, policy->problem);
        return;
    case SPF_POLICY_RECORD:
        break;
    }
    struct level level = {name, &policy->record, is_own};
    walk_record(walk, &level);
}

// The end that an included "all" makes is an end for the included record only.
static void
walk_include(struct walk *walk, const struct level *level, const struct spf_term *term)
{
    char name[SPF_NAME_SIZE];
    count_term(walk);
    if (!expand(walk, level, &term->target, name)) {
        return;
    }
    if (is_wanted(walk, name)) {
        note_found(walk, term->qualifier == AUTH_PASS);
    }
    bool was_going = walk->end == SPF_END_NONE;
    enter(walk, name, false);
    if (was_going && walk->end == SPF_END_ALL) {
        walk->end = SPF_END_NONE;
    }
}

static void
walk_lookup(struct walk *walk, const struct level *level, const struct spf_term *term)
{
    char name[SPF_NAME_SIZE];
    AUTO_ANSWER *answer = NULL;
    AUTO_ANSWER *second = NULL;
    count_term(walk);
    if (term->mechanism == SPF_PTR || is_full(walk)) {
        return; // what ptr asks depends on the client
    }
    if (!term->has_target) {
        (void)snprintf(name, sizeof(name), "%s", level->domain);
    } else if (!expand(walk, level, &term->target, name)) {
        return;
    }
    enum dns_type type = term->mechanism == SPF_MX ? DNS_MX : DNS_A;
    enum spf_outcome outcome = spf_ask(&walk->lookups, name, type, &answer);
    if (outcome == SPF_NO && term->mechanism == SPF_A) {
        outcome = spf_ask(&walk->lookups, name, DNS_AAAA, &second);
    }
    walk->tree->is_temporary |= outcome == SPF_TEMPERROR;
    if (outcome == SPF_NO) {
        count_void(walk);
    }
}

static void
walk_term(struct walk *walk, const struct level *level, const struct spf_term *term)
{
    switch (term->mechanism) {
    case SPF_ALL:
        walk->tree->has_all |= level->is_own;
        walk->tree->is_open |= term->qualifier == AUTH_PASS;
        end_walk(walk, SPF_END_ALL);
        return;
    case SPF_INCLUDE:
        walk_include(walk, level, term);
        return;
    case SPF_A:
    case SPF_MX:
    case SPF_PTR:
    case SPF_EXISTS:
        walk_lookup(walk, level, term);
        return;
    case SPF_IP4:
    case SPF_IP6:
        return;
    }
}

static void
walk_redirect(struct walk *walk, const struct level *level)
{
    char name[SPF_NAME_SIZE];
    walk->tree->has_all |= level->is_own;
    count_term(walk);
    if (!expand(walk, level, &level->record->redirect, name)) {
        return;
    }
    if (is_wanted(walk, name)) {
        note_found(walk, true);
    }
    enter(walk, name, level->is_own);
}

// What stands there is not evaluated; the include is looked for all the same.
static void
look_behind(struct walk *walk, const struct level *level, size_t at)
{
    char name[SPF_NAME_SIZE];
    for (; at < level->record->count; at++) {
        const struct spf_term *term = &level->record->terms[at];
        walk->tree->has_all |= level->is_own && term->mechanism == SPF_ALL;
        if (term->mechanism == SPF_INCLUDE && expand(walk, level, &term->target, name) &&
            is_wanted(walk, name)) {
            note_found(walk, term->qualifier == AUTH_PASS);
        }
    }
}

static void
walk_record(struct walk *walk, const struct level *level)
{
    const struct spf_record *record = level->record;
    for (size_t i = 0; i < record->count; i++) {
        if (is_full(walk)) {
            look_behind(walk, level, i);
            return;
        }
        walk_term(walk, level, &record->terms[i]);
        if (record->terms[i].mechanism == SPF_ALL) {
            look_behind(walk, level, i + 1);
            return;
        }
    }
    if (record->has_redirect) {
        walk_redirect(walk, level);
    }
}

void
spf_tree_walk(struct dns *dns, struct dns_budget *budget, const char *domain,
              const struct spf_record *record, const char *wanted, struct spf_tree *tree_out)
{
    *tree_out = (struct spf_tree){.found = false};
    struct spf_validated validated = {.is_known = false};
    struct walk walk = {.tree = tree_out, .wanted = wanted, .nobody = {.length = 4}};
    walk.lookups = (struct spf_lookups){
        .dns = dns, .budget = budget, .client = &walk.nobody, .validated = &validated};
    struct level level = {domain, record, true};
    walk_record(&walk, &level);
}
