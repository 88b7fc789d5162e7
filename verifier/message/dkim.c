// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/dkim.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/message/signature_check.h"

static const char FIELD_NAME[] = "DKIM-Signature";

/* One DKIM-Signature field, in the order of the message. */
struct candidate {
    size_t field; /* its number */
    struct signed_field parsed;
    enum auth_result problem; /* AUTH_NONE: it can be verified */
    char reason[VERDICT_REASON_SIZE];
};

struct dkim_verifier {
    struct header_index *header;
    struct body_hash *bodies;
    struct arc_chain *chain;
    struct candidate candidates[VERDICT_DKIM_MAX];
    size_t count;
    size_t ignored;
    char author[DOMAIN_NAME_SIZE]; /* "": no order */
};

/* How near a signing domain is to the author's. Only the order of the look-ups depends on it. */
enum nearness { NEAR_EQUAL, NEAR_ABOVE_OR_BELOW, NEAR_SIBLING, NEAR_NOT };

static void
take_signature(struct dkim_verifier *verifier, size_t i, int64_t now)
{
    if (verifier->count == VERDICT_DKIM_MAX) {
        verifier->ignored++;
        return;
    }
    const struct indexed_field *field = header_index_field(verifier->header, i);
    struct candidate *candidate = &verifier->candidates[verifier->count++];
    candidate->field = i;
    candidate->problem = signed_field_parse(SIGNED_DKIM, field->text + field->value_offset,
                                            field->length - field->value_offset, now,
                                            &candidate->parsed, candidate->reason);
    if (candidate->problem == AUTH_NONE) {
        body_hash_want(verifier->bodies, candidate->parsed.body, candidate->parsed.length);
    }
}

struct dkim_verifier *
dkim_verifier_new(const char *header, size_t length, int64_t now)
{
    struct dkim_verifier *verifier = xcalloc(1, sizeof(*verifier));
    verifier->header = header_index_new(header, length);
    verifier->bodies = body_hash_new();
    for (size_t i = 0; i < header_index_count(verifier->header); i++) {
        if (indexed_field_is(header_index_field(verifier->header, i), FIELD_NAME)) {
            take_signature(verifier, i, now);
        }
    }
    verifier->chain = arc_chain_new(verifier->header, now, verifier->bodies);
    return verifier;
}

void
dkim_verifier_body(struct dkim_verifier *verifier, const void *data, size_t length)
{
    body_hash_feed(verifier->bodies, data, length);
}

static void
judge(const struct check_context *context, const struct candidate *candidate,
      struct verdict_dkim *out)
{
    const struct signed_field *parsed = &candidate->parsed;
    *out = (struct verdict_dkim){.result = candidate->problem};
    memcpy(out->domain, parsed->domain, sizeof(out->domain));
    memcpy(out->selector, parsed->selector, sizeof(out->selector));
    memcpy(out->algorithm, parsed->algorithm, sizeof(out->algorithm));
    memcpy(out->reason, candidate->reason, sizeof(out->reason));
    if (candidate->problem != AUTH_NONE) {
        return;
    }
    struct check_result checked;
    signature_check(context, parsed, candidate->field, &checked);
    out->result = checked.result;
    out->bits = checked.bits;
    out->unsigned_tail = checked.unsigned_tail;
    memcpy(out->reason, checked.reason, sizeof(out->reason));
}

void
dkim_verifier_prefer(struct dkim_verifier *verifier, const char *author)
{
    (void)snprintf(verifier->author, sizeof(verifier->author), "%s", author);
}

static bool
is_below(const char *name, const char *parent)
{
    size_t length = strlen(name);
    size_t tail = strlen(parent);
    return length > tail && name[length - tail - 1] == '.' &&
           strcmp(name + length - tail, parent) == 0;
}

// The last two labels.
static const char *
short_name(const char *name)
{
    const char *last = strrchr(name, '.');
    const char *start = last == NULL ? name : memrchr(name, '.', (size_t)(last - name));
    return start == NULL ? name : start + 1;
}

static enum nearness
nearness_of(const char *signer, const char *author)
{
    if (strcmp(signer, author) == 0) {
        return NEAR_EQUAL;
    }
    if (is_below(signer, author) || is_below(author, signer)) {
        return NEAR_ABOVE_OR_BELOW;
    }
    return strcmp(short_name(signer), short_name(author)) == 0 ? NEAR_SIBLING : NEAR_NOT;
}

// In the order of dkim_verifier_prefer.
static void
judge_all(const struct dkim_verifier *verifier, const struct check_context *context,
          struct verdict_dkim out[VERDICT_DKIM_MAX])
{
    for (int nearness = NEAR_EQUAL; nearness <= NEAR_NOT; nearness++) {
        for (size_t i = 0; i < verifier->count; i++) {
            const struct candidate *candidate = &verifier->candidates[i];
            if ((int)nearness_of(candidate->parsed.domain, verifier->author) == nearness) {
                judge(context, candidate, &out[i]);
            }
        }
    }
}

void
dkim_verifier_finish(struct dkim_verifier *verifier, struct key_cache *cache, struct dns *dns,
                     struct dns_budget *budget, struct verdict_dkim out[VERDICT_DKIM_MAX],
                     size_t *count_out, size_t *ignored_out, struct verdict_arc *arc_out)
{
    AUTO_HASHER *hasher = hasher_new();
    struct check_context context = {.header = verifier->header,
                                    .bodies = verifier->bodies,
                                    .hasher = hasher,
                                    .cache = cache,
                                    .dns = dns,
                                    .budget = budget};
    body_hash_finish(verifier->bodies);
    bool has_chain = arc_out != NULL && arc_chain_length(verifier->chain) > 0;
    struct dns_budget share = *budget;
    if (has_chain) {
        share = dns_budget_share(budget, DKIM_PERCENT, clock_mono_ms());
        context.budget = &share;
    }
    judge_all(verifier, &context, out);
    if (has_chain) {
        dns_budget_settle(budget, &share);
        context.budget = budget;
    }
    *count_out = verifier->count;
    *ignored_out = verifier->ignored;
    if (arc_out != NULL) {
        arc_chain_validate(verifier->chain, &context, arc_out);
    }
}

void
dkim_verifier_copy_trail(const struct dkim_verifier *verifier, struct arc_trail *out)
{
    arc_chain_copy_trail(verifier->chain, verifier->header, out);
}

void
dkim_verifier_free(struct dkim_verifier *verifier)
{
    if (verifier != NULL) {
        arc_chain_free(verifier->chain);
        body_hash_free(verifier->bodies);
        header_index_free(verifier->header);
        free(verifier);
    }
}
