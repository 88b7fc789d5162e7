// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/forwarded.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "verifier/message/results_parse.h"

/* What a sealer tells of the message as it reached it. */
enum word { WORD_NOTHING, WORD_PASS, WORD_FAIL, WORD_TEMPERROR };

struct judgement {
    const struct forwarded_case *input;
    const struct forwarder *from_network; /* whose networks hold the client; NULL: none */
    bool told_fail;                       /* one of its sealers saw DMARC fail */
    struct verdict *verdict;
};

static void PRINTF_LIKE(4, 5)
    conclude(struct judgement *judgement, const struct forwarder *forwarder,
             enum forwarder_result result, const char *format, ...)
{
    struct verdict_forwarder *out = &judgement->verdict->forwarder;
    va_list args;
    va_start(args, format);
    out->result = result;
    (void)snprintf(out->name, sizeof(out->name), "%s", forwarder->name);
    (void)vsnprintf(out->reason, sizeof(out->reason), format, args);
    va_end(args);
}

static const struct forwarder *
find_by_client(const struct forwarders *forwarders, const char *client_address)
{
    for (size_t i = 0; forwarders != NULL && i < forwarders->count; i++) {
        if (forwarder_has_client(&forwarders->items[i], client_address)) {
            return &forwarders->items[i];
        }
    }
    return NULL;
}

bool
forwarded_hides_client(const struct forwarders *forwarders, const char *client_address)
{
    return find_by_client(forwarders, client_address) != NULL;
}

// The forwarder that this domain seals for, one whose networks hold the client before others.
static const struct forwarder *
find_by_sealer(const struct forwarded_case *input, const char *sealer)
{
    const struct forwarder *found = NULL;
    for (size_t i = 0; i < input->forwarders->count; i++) {
        const struct forwarder *forwarder = &input->forwarders->items[i];
        if (!forwarder_has_sealer(forwarder, sealer)) {
            continue;
        }
        if (forwarder->network_count == 0 ||
            forwarder_has_client(forwarder, input->client_address)) {
            return forwarder;
        }
        found = found == NULL ? forwarder : found;
    }
    return found;
}

// ---- what a set says

static bool
is_about(const struct results_entry *entry, const char *author)
{
    return entry->domain[0] == '\0' || strcmp(entry->domain, author) == 0;
}

// The sealer's own DMARC result. A fail outweighs a pass: two results of one field are a riddle
// that is not solved in the sender's favour.
static enum word
read_dmarc(const struct results_list *list, const char *author)
{
    enum word word = WORD_NOTHING;
    for (size_t i = 0; i < list->count; i++) {
        const struct results_entry *entry = &list->entries[i];
        if (entry->method != RESULTS_DMARC || !is_about(entry, author)) {
            continue;
        }
        if (entry->result == AUTH_FAIL) {
            return WORD_FAIL;
        }
        if (entry->result == AUTH_PASS && entry->domain[0] != '\0') {
            word = WORD_PASS;
        }
    }
    return word;
}

// The sealer knows no DMARC, or no policy: its SPF and DKIM passes, compared by our own DMARC.
static enum word
read_identities(const struct judgement *judgement, const struct results_list *list)
{
    const struct forwarded_case *input = judgement->input;
    struct dmarc_identity signers[RESULTS_ENTRIES_MAX];
    struct dmarc_input question = {.author = judgement->verdict->dmarc.domain,
                                   .spf = {.domain = "", .result = AUTH_NONE},
                                   .dkim = signers,
                                   .discovery = input->discovery};
    size_t spf_count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct results_entry *entry = &list->entries[i];
        struct dmarc_identity identity = {.domain = entry->domain, .result = AUTH_PASS};
        spf_count += entry->method == RESULTS_SPF ? 1 : 0;
        if (entry->result != AUTH_PASS || entry->domain[0] == '\0') {
            continue;
        }
        if (entry->method == RESULTS_DKIM) {
            signers[question.dkim_count++] = identity;
        } else if (entry->method == RESULTS_SPF) {
            question.spf = identity;
        }
    }
    if (spf_count > 1) { // as above: which one is its own?
        question.spf.result = AUTH_NONE;
    }
    if (question.spf.result != AUTH_PASS && question.dkim_count == 0) {
        return WORD_NOTHING;
    }
    struct verdict_dmarc answer;
    dmarc_evaluate(input->dns, input->budget, &question, &answer);
    if (answer.result == AUTH_TEMPERROR) {
        return WORD_TEMPERROR;
    }
    return answer.result == AUTH_PASS ? WORD_PASS : WORD_NOTHING;
}

// Its message signature binds what is shown: From, and the whole body.
static bool
binds_message(const struct arc_sealed *set)
{
    return set->covers_author && set->covers_body;
}

// Instance `at` + 1.
static enum word
read_set(const struct judgement *judgement, size_t at)
{
    const struct arc_sealed *set = &judgement->input->trail->sets[at];
    struct results_list list;
    if (judgement->verdict->dmarc.domain[0] == '\0' || set->results == NULL ||
        results_parse(set->results, set->results_length, &list, NULL) != ST_OK ||
        list.instance != at + 1) {
        return WORD_NOTHING;
    }
    enum word word = read_dmarc(&list, judgement->verdict->dmarc.domain);
    return word != WORD_NOTHING ? word : read_identities(judgement, &list);
}

// A seal and the signature it stands over, by one registered forwarder; NULL: not so.
static const struct forwarder *
sealer_of(const struct forwarded_case *input, size_t at)
{
    const struct arc_sealed *set = &input->trail->sets[at];
    const struct forwarder *forwarder = find_by_sealer(input, set->sealer);
    return forwarder != NULL && forwarder_has_sealer(forwarder, set->signer) ? forwarder : NULL;
}

// From the newest set down, while the sealers are registered: each of them vouches for what it
// found below, as long as what it signed is what we have. The first pass counts. *at_out: the set
// that decided.
static enum word
read_trail(struct judgement *judgement, size_t *at_out)
{
    enum word word = WORD_NOTHING;
    for (size_t at = judgement->input->trail->count; at-- > 0;) {
        if (sealer_of(judgement->input, at) == NULL ||
            !binds_message(&judgement->input->trail->sets[at])) {
            break;
        }
        enum word here = read_set(judgement, at);
        judgement->told_fail = judgement->told_fail || here == WORD_FAIL;
        if (here > WORD_NOTHING && word != WORD_TEMPERROR) {
            word = here;
            *at_out = at;
        }
        if (here == WORD_PASS) {
            *at_out = at;
            return WORD_PASS;
        }
    }
    return word;
}

// ---- what comes of it

// The chain holds, or the DNS did not tell, and its newest set is of this forwarder. What would
// prove nothing if the chain held proves no more without the DNS: else whoever sealed before could
// hide behind a zone of his own that does not answer.
static void
judge_sealed(struct judgement *judgement, const struct forwarder *forwarder)
{
    const struct verdict_dmarc *dmarc = &judgement->verdict->dmarc;
    const struct verdict_arc *arc = &judgement->verdict->arc;
    size_t at = 0;
    enum word word = read_trail(judgement, &at);
    const char *sealer = judgement->input->trail->sets[at].sealer;
    if (arc->result == AUTH_TEMPERROR && (word == WORD_PASS || word == WORD_TEMPERROR)) {
        conclude(judgement, forwarder, FORWARDER_TEMPERROR, "%.110s", arc->reason);
        return;
    }
    switch (word) {
    case WORD_PASS:
        conclude(judgement, forwarder, FORWARDER_TRUSTED, "%.80s saw it pass", sealer);
        return;
    case WORD_TEMPERROR:
        conclude(judgement, forwarder, FORWARDER_TEMPERROR,
                 "a lookup failed that what %.50s saw depends on", sealer);
        return;
    case WORD_FAIL:
    case WORD_NOTHING:
        break;
    }
    if (dmarc->result == AUTH_PASS && dmarc->aligned_dkim) {
        conclude(judgement, forwarder, FORWARDER_TRUSTED, "a signature of the author survived");
    } else if (word == WORD_FAIL) {
        conclude(judgement, forwarder, FORWARDER_UNPROVEN, "%.80s saw it fail", sealer);
    } else {
        conclude(judgement, forwarder, FORWARDER_UNPROVEN, "its seal tells of no pass");
    }
}

// From the forwarder's network, without a seal of it that could be used.
static void
judge_network(struct judgement *judgement)
{
    const struct verdict_dmarc *dmarc = &judgement->verdict->dmarc;
    if (dmarc->result == AUTH_PASS) { // SPF did not count
        conclude(judgement, judgement->from_network, FORWARDER_TRUSTED,
                 "a signature of the author survived");
    } else {
        conclude(judgement, judgement->from_network, FORWARDER_UNPROVEN,
                 "from its network, without a seal that holds");
    }
}

// Seals that bear a forwarder's name and prove nothing. The newest one is told of.
static void
judge_claims(struct judgement *judgement)
{
    const struct arc_trail *trail = judgement->input->trail;
    const struct verdict_arc *arc = &judgement->verdict->arc;
    for (size_t at = trail->count; at-- > 0;) {
        const struct forwarder *forwarder =
            find_by_sealer(judgement->input, trail->sets[at].sealer);
        if (forwarder == NULL) {
            continue;
        }
        if (arc->result != AUTH_PASS && arc->result != AUTH_TEMPERROR) {
            conclude(judgement, forwarder, FORWARDER_CLAIMED, "its chain fails: %.80s",
                     arc->reason);
        } else if (at + 1 < trail->count) {
            conclude(judgement, forwarder, FORWARDER_CLAIMED, "sealed again by %.80s",
                     trail->sets[trail->count - 1].sealer);
        } else if (sealer_of(judgement->input, at) == NULL) {
            conclude(judgement, forwarder, FORWARDER_CLAIMED,
                     "its seal stands over a signature of %.60s", trail->sets[at].signer);
        } else {
            conclude(judgement, forwarder, FORWARDER_CLAIMED, "from %.45s, not its network",
                     judgement->input->client_address);
        }
        return;
    }
}

// The forwarder that the message came through as its newest set shows; NULL: none.
static const struct forwarder *
find_through(const struct forwarded_case *input)
{
    if (input->trail->count == 0) {
        return NULL;
    }
    const struct forwarder *forwarder = sealer_of(input, input->trail->count - 1);
    bool from_elsewhere = forwarder != NULL && forwarder->network_count > 0 &&
                          !forwarder_has_client(forwarder, input->client_address);
    return from_elsewhere ? NULL : forwarder;
}

static void
find_result(struct judgement *judgement)
{
    const struct verdict_arc *arc = &judgement->verdict->arc;
    const struct forwarder *through = find_through(judgement->input);
    if (through != NULL && (arc->result == AUTH_PASS || arc->result == AUTH_TEMPERROR)) {
        judge_sealed(judgement, through);
    } else if (judgement->from_network != NULL) {
        judge_network(judgement);
    } else {
        judge_claims(judgement);
    }
}

static void PRINTF_LIKE(2, 3) set_dmarc_reason(struct verdict_dmarc *dmarc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(dmarc->reason, sizeof(dmarc->reason), format, args);
    va_end(args);
}

static void
change_dmarc(const struct judgement *judgement)
{
    struct verdict_dmarc *dmarc = &judgement->verdict->dmarc;
    struct verdict_forwarder *forwarder = &judgement->verdict->forwarder;
    if (dmarc->result != AUTH_FAIL) {
        return;
    }
    if (forwarder->result == FORWARDER_TRUSTED) {
        dmarc->disposition = DMARC_ACTION_NONE;
        forwarder->overrides = true;
        set_dmarc_reason(dmarc, "trusted forwarder %s", forwarder->name);
    } else if (forwarder->result == FORWARDER_TEMPERROR) {
        dmarc->result = AUTH_TEMPERROR;
        dmarc->disposition = DMARC_ACTION_NONE;
        set_dmarc_reason(dmarc, "the seal of forwarder %s could not be checked", forwarder->name);
    } else if (forwarder->result == FORWARDER_UNPROVEN && judgement->from_network != NULL &&
               !judgement->told_fail && dmarc->disposition == DMARC_ACTION_REJECT) {
        dmarc->disposition = DMARC_ACTION_QUARANTINE;
        set_dmarc_reason(dmarc, "unproven, from the network of forwarder %s", forwarder->name);
    }
}

void
forwarded_judge(const struct forwarded_case *input, struct verdict *verdict)
{
    if (input->forwarders == NULL) {
        return;
    }
    struct judgement judgement = {
        .input = input,
        .from_network = find_by_client(input->forwarders, input->client_address),
        .verdict = verdict,
    };
    find_result(&judgement);
    change_dmarc(&judgement);
}
