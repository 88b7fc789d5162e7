// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/disagreement.h"

struct finder {
    const char *label;
    void (*tell)(const struct auth_disagreement *disagreement);
    size_t *counts; /* by method */
};

static const char *const METHOD_NAMES[] = {
    [AUTH_METHOD_SPF] = "spf",
    [AUTH_METHOD_HELO] = "helo",
    [AUTH_METHOD_DKIM] = "dkim",
    [AUTH_METHOD_DMARC] = "dmarc",
};
_Static_assert(ARRAY_LEN(METHOD_NAMES) == AUTH_METHODS, "every method has a name");

const char *
auth_method_name(enum auth_method method)
{
    return METHOD_NAMES[method];
}

static void
compare(struct finder *finder, struct auth_disagreement *found, enum auth_result own,
        enum auth_result reference)
{
    if (own == reference) {
        return;
    }
    finder->counts[found->method]++;
    found->label = finder->label;
    found->own = auth_result_name(own);
    found->reference = auth_result_name(reference);
    if (finder->tell != NULL) {
        finder->tell(found);
    }
}

// A signature that only one of the two has seen is compared with none.
static void
compare_signatures(struct finder *finder, const struct verdict *own,
                   const struct verdict *reference)
{
    static const struct verdict_dkim ABSENT = {.result = AUTH_NONE};
    size_t count =
        own->dkim_count > reference->dkim_count ? own->dkim_count : reference->dkim_count;
    for (size_t i = 0; i < count; i++) {
        const struct verdict_dkim *ours = i < own->dkim_count ? &own->dkim[i] : &ABSENT;
        const struct verdict_dkim *theirs =
            i < reference->dkim_count ? &reference->dkim[i] : &ABSENT;
        const char *domain = ours->domain[0] != '\0' ? ours->domain : theirs->domain;
        compare(finder,
                &(struct auth_disagreement){
                    .method = AUTH_METHOD_DKIM, .domain = domain, .reason = ours->reason},
                ours->result, theirs->result);
    }
}

void
disagreement_find(const char *label, const struct verdict *own, const struct verdict *reference,
                  void (*tell)(const struct auth_disagreement *disagreement),
                  size_t counts[AUTH_METHODS])
{
    struct finder finder = {.label = label == NULL ? "" : label, .tell = tell, .counts = counts};
    compare(&finder,
            &(struct auth_disagreement){
                .method = AUTH_METHOD_SPF, .domain = own->spf.domain, .reason = own->spf.reason},
            own->spf.result, reference->spf.result);
    if (!own->spf.identity_is_helo) {
        compare(&finder,
                &(struct auth_disagreement){.method = AUTH_METHOD_HELO, .domain = "", .reason = ""},
                own->spf.helo, reference->spf.helo);
    }
    compare_signatures(&finder, own, reference);
    compare(&finder,
            &(struct auth_disagreement){.method = AUTH_METHOD_DMARC,
                                        .domain = own->dmarc.domain,
                                        .reason = own->dmarc.reason},
            own->dmarc.result, reference->dmarc.result);
}
