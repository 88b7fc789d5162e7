// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/arc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/message/tag_list.h"

enum part { PART_RESULTS, PART_MESSAGE, PART_SEAL, PART_COUNT };

static const char *const PART_NAMES[PART_COUNT] = {
    [PART_RESULTS] = "ARC-Authentication-Results",
    [PART_MESSAGE] = "ARC-Message-Signature",
    [PART_SEAL] = "ARC-Seal",
};

struct arc_set {
    bool has[PART_COUNT];
    size_t field[PART_COUNT]; /* numbers of fields */
    struct signed_field message;
    struct signed_field seal;
    enum auth_result message_problem; /* AUTH_NONE: it can be verified */
    char message_reason[VERDICT_REASON_SIZE];
};

struct arc_chain {
    struct arc_set *sets[ARC_INSTANCES_MAX + 1]; /* by instance; NULL: no such */
    unsigned instances;                          /* the highest */
    bool any;                                    /* there are ARC fields */
    char problem[VERDICT_REASON_SIZE];           /* the chain is broken; "": it is not */
};

static void
break_chain(struct arc_chain *chain, const char *what, const char *detail)
{
    if (chain->problem[0] == '\0') { // the first problem is the one to tell
        (void)snprintf(chain->problem, sizeof(chain->problem), "%s: %.80s", what, detail);
    }
}

static struct arc_set *
set_of(struct arc_chain *chain, unsigned instance)
{
    if (chain->sets[instance] == NULL) {
        chain->sets[instance] = xcalloc(1, sizeof(struct arc_set));
    }
    if (instance > chain->instances) {
        chain->instances = instance;
    }
    return chain->sets[instance];
}

static void
take_part(struct arc_chain *chain, enum part part, unsigned instance, size_t field)
{
    struct arc_set *set = set_of(chain, instance);
    if (set->has[part]) {
        break_chain(chain, PART_NAMES[part], "one instance twice");
        return;
    }
    set->has[part] = true;
    set->field[part] = field;
}

static void
take_results(struct arc_chain *chain, const char *value, size_t length, size_t field)
{
    unsigned instance = arc_results_instance(value, length);
    if (instance == 0) {
        break_chain(chain, PART_NAMES[PART_RESULTS], "i= is no instance");
        return;
    }
    take_part(chain, PART_RESULTS, instance, field);
}

// A message signature that cannot be read matters only in the newest set (RFC 8617, 5.2, 4).
static void
take_message(struct arc_chain *chain, const char *value, size_t length, size_t field, int64_t now)
{
    struct signed_field parsed;
    char reason[VERDICT_REASON_SIZE] = "";
    enum auth_result result =
        signed_field_parse(SIGNED_ARC_MESSAGE, value, length, now, &parsed, reason);
    if (parsed.instance == 0) {
        break_chain(chain, PART_NAMES[PART_MESSAGE], reason);
        return;
    }
    bool repeated = set_of(chain, parsed.instance)->has[PART_MESSAGE];
    take_part(chain, PART_MESSAGE, parsed.instance, field);
    if (!repeated) {
        struct arc_set *set = chain->sets[parsed.instance];
        set->message = parsed;
        set->message_problem = result;
        memcpy(set->message_reason, reason, sizeof(reason));
    }
}

static void
take_seal(struct arc_chain *chain, const char *value, size_t length, size_t field, int64_t now)
{
    struct signed_field parsed;
    char reason[VERDICT_REASON_SIZE] = "";
    enum auth_result result =
        signed_field_parse(SIGNED_ARC_SEAL, value, length, now, &parsed, reason);
    if (result != AUTH_NONE) {
        break_chain(chain, PART_NAMES[PART_SEAL], reason);
    }
    if (parsed.instance != 0) {
        take_part(chain, PART_SEAL, parsed.instance, field);
        chain->sets[parsed.instance]->seal = parsed;
    }
}

static void
take_field(struct arc_chain *chain, const struct header_index *header, size_t i, int64_t now)
{
    const struct indexed_field *field = header_index_field(header, i);
    const char *value = field->text + field->value_offset;
    size_t length = field->length - field->value_offset;
    for (int part = 0; part < PART_COUNT; part++) {
        if (!indexed_field_is(field, PART_NAMES[part])) {
            continue;
        }
        chain->any = true;
        if (part == PART_RESULTS) {
            take_results(chain, value, length, i);
        } else if (part == PART_MESSAGE) {
            take_message(chain, value, length, i, now);
        } else {
            take_seal(chain, value, length, i, now);
        }
    }
}

// Sets 1 to N, each with its three fields, the first cv=none, the others cv=pass.
static void
check_structure(struct arc_chain *chain)
{
    for (unsigned instance = 1; instance <= chain->instances; instance++) {
        const struct arc_set *set = chain->sets[instance];
        if (set == NULL) {
            break_chain(chain, "the chain", "an instance is missing");
            return;
        }
        for (size_t part = 0; part < PART_COUNT; part++) {
            if (!set->has[part]) {
                break_chain(chain, PART_NAMES[part], "missing in one set");
                return;
            }
        }
        enum arc_status wanted = instance == 1 ? ARC_STATUS_NONE : ARC_STATUS_PASS;
        if (set->seal.status != wanted) {
            break_chain(chain, PART_NAMES[PART_SEAL],
                        set->seal.status == ARC_STATUS_FAIL ? "a sealer found the chain broken"
                                                            : "cv= does not go with i=");
            return;
        }
    }
}

struct arc_chain *
arc_chain_new(const struct header_index *header, int64_t now, struct body_hash *bodies)
{
    struct arc_chain *chain = xcalloc(1, sizeof(*chain));
    for (size_t i = 0; i < header_index_count(header); i++) {
        take_field(chain, header, i, now);
    }
    check_structure(chain);
    for (unsigned i = 1; i <= chain->instances && chain->problem[0] == '\0'; i++) {
        const struct arc_set *set = chain->sets[i];
        if (set->message_problem == AUTH_NONE) {
            body_hash_want(bodies, set->message.body, set->message.length);
        }
    }
    return chain;
}

void
arc_chain_free(struct arc_chain *chain)
{
    if (chain != NULL) {
        for (size_t i = 0; i < ARRAY_LEN(chain->sets); i++) {
            free(chain->sets[i]);
        }
        free(chain);
    }
}

unsigned
arc_chain_length(const struct arc_chain *chain)
{
    return chain->instances;
}

static void
copy_set(const struct arc_set *set, const struct header_index *header, struct arc_sealed *out)
{
    const struct tag names = {.value = set->message.names,
                              .value_length = set->message.names_length};
    memcpy(out->sealer, set->seal.domain, sizeof(out->sealer));
    memcpy(out->signer, set->message.domain, sizeof(out->signer));
    out->covers_author = names.value_length > 0 && tag_has_word(&names, ':', "from");
    out->covers_body = set->message.length == BODY_HASH_WHOLE;
    if (set->has[PART_RESULTS]) {
        const struct indexed_field *field = header_index_field(header, set->field[PART_RESULTS]);
        out->results_length = field->length - field->value_offset;
        out->results = xmemdup(field->text + field->value_offset, out->results_length);
    }
}

void
arc_chain_copy_trail(const struct arc_chain *chain, const struct header_index *header,
                     struct arc_trail *out)
{
    *out = (struct arc_trail){.count = chain->instances};
    if (chain->instances == 0) {
        return;
    }
    out->sets = xcalloc(chain->instances, sizeof(*out->sets));
    for (unsigned i = 1; i <= chain->instances; i++) {
        if (chain->sets[i] != NULL) {
            copy_set(chain->sets[i], header, &out->sets[i - 1]);
        }
    }
}

void
arc_trail_done(struct arc_trail *trail)
{
    for (size_t i = 0; i < trail->count; i++) {
        free(trail->sets[i].results);
    }
    free(trail->sets);
    *trail = (struct arc_trail){.count = 0};
}

static void
check_message(const struct check_context *context, const struct arc_set *set,
              struct check_result *out)
{
    if (set->message_problem == AUTH_NONE) {
        signature_check(context, &set->message, set->field[PART_MESSAGE], out);
        return;
    }
    *out = (struct check_result){.result = set->message_problem};
    memcpy(out->reason, set->message_reason, sizeof(out->reason));
}

// True if it passed. Else the chain's result is temperror or fail.
static bool
accept(const struct check_result *checked, enum part part, struct verdict_arc *out)
{
    if (checked->result == AUTH_PASS) {
        return true;
    }
    out->result = checked->result == AUTH_TEMPERROR ? AUTH_TEMPERROR : AUTH_FAIL;
    (void)snprintf(out->reason, sizeof(out->reason), "%s: %.80s", PART_NAMES[part],
                   checked->reason);
    return false;
}

// Each seal covers all sets up to its own, in order and relaxed (RFC 8617, 5.1.1). One hash runs
// through the chain and is read off at each seal.
static void
hash_seals(const struct arc_chain *chain, const struct check_context *context,
           unsigned char hashes[ARC_INSTANCES_MAX + 1][SHA256_SIZE])
{
    AUTO_HASHER *running = hasher_new();
    for (unsigned i = 1; i <= chain->instances; i++) {
        const struct arc_set *set = chain->sets[i];
        size_t seal = set->field[PART_SEAL];
        size_t value = header_index_field(context->header, seal)->value_offset;
        header_index_hash(context->header, set->field[PART_RESULTS], CANON_RELAXED, running);
        header_index_hash(context->header, set->field[PART_MESSAGE], CANON_RELAXED, running);
        hasher_copy(context->hasher, running);
        header_index_hash_own(context->header, seal, CANON_RELAXED, value + set->seal.cut_offset,
                              set->seal.cut_length, context->hasher);
        hasher_finish(context->hasher, hashes[i]);
        header_index_hash(context->header, seal, CANON_RELAXED, running);
    }
}

// From the newest on. All are checked unless one fails: a failure outweighs what the DNS did not
// tell.
static bool
check_seals(const struct arc_chain *chain, const struct check_context *context,
            struct verdict_arc *out)
{
    unsigned char hashes[ARC_INSTANCES_MAX + 1][SHA256_SIZE];
    bool good = true;
    hash_seals(chain, context, hashes);
    for (unsigned i = chain->instances; i > 0 && out->result != AUTH_FAIL; i--) {
        struct check_result checked;
        signature_check_hash(context, &chain->sets[i]->seal, hashes[i], &checked);
        good = accept(&checked, PART_SEAL, out) && good;
    }
    return good;
}

// The oldest message signature from which on all hold; 0 if that is the first (RFC 8617, 5.2, 5).
static unsigned
find_oldest_pass(const struct arc_chain *chain, const struct check_context *context)
{
    for (unsigned i = chain->instances - 1; i > 0; i--) {
        struct check_result checked;
        check_message(context, chain->sets[i], &checked);
        if (checked.result != AUTH_PASS) {
            return i + 1;
        }
    }
    return 0;
}

static struct dns_budget
limit_budget(const struct dns_budget *whole)
{
    struct dns_budget part = *whole;
    int64_t now = clock_mono_ms();
    unsigned left =
        whole->queries_left > ARC_QUERIES_RESERVED ? whole->queries_left - ARC_QUERIES_RESERVED : 0;
    if (left < ARC_QUERIES_LEAST) {
        left = whole->queries_left < ARC_QUERIES_LEAST ? whole->queries_left : ARC_QUERIES_LEAST;
    }
    part.queries_left = left < ARC_QUERIES_MAX ? left : ARC_QUERIES_MAX;
    if (part.deadline_mono_ms > now) {
        part.deadline_mono_ms = now + (part.deadline_mono_ms - now) / 2;
    }
    return part;
}

static void
validate(const struct arc_chain *chain, const struct check_context *context,
         struct verdict_arc *out)
{
    struct check_result newest;
    check_message(context, chain->sets[chain->instances], &newest);
    bool good = accept(&newest, PART_MESSAGE, out);
    if (out->result != AUTH_FAIL) {
        good = check_seals(chain, context, out) && good;
    }
    if (good) {
        out->result = AUTH_PASS;
        out->unsigned_tail = newest.unsigned_tail;
        out->oldest_pass = find_oldest_pass(chain, context);
    }
}

void
arc_chain_validate(const struct arc_chain *chain, const struct check_context *context,
                   struct verdict_arc *out)
{
    *out = (struct verdict_arc){.result = AUTH_NONE, .instances = chain->instances};
    if (!chain->any) {
        return;
    }
    if (chain->instances > 0) {
        memcpy(out->sealer, chain->sets[chain->instances]->seal.domain, sizeof(out->sealer));
    }
    if (chain->problem[0] != '\0') {
        out->result = AUTH_FAIL;
        memcpy(out->reason, chain->problem, sizeof(out->reason));
        return;
    }
    struct dns_budget budget = limit_budget(context->budget);
    unsigned allowed = budget.queries_left;
    struct check_context limited = *context;
    limited.budget = &budget;
    validate(chain, &limited, out);
    context->budget->queries_left -= allowed - budget.queries_left;
    context->budget->queries = budget.queries;
    context->budget->hits = budget.hits;
}
