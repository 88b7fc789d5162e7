// SPDX-License-Identifier: Apache-2.0
#include "milter/policy.h"

bool
policy_may_defer(const struct policy *policy, const struct verdict *verdict)
{
    return !verdict->local && policy->dmarc != DMARC_MODE_OFF &&
           policy->on_temperror == TEMPERROR_DEFER && verdict->dmarc.result == AUTH_TEMPERROR;
}

static void
hold(struct policy_decision *out, const char *reason)
{
    out->action = POLICY_HOLD;
    out->hold = reason;
}

static void
decide_temperror(const struct policy_case *input, struct policy_decision *out)
{
    if (input->deferred_since_ms >= input->policy->defer_for_ms) {
        return; // long enough: deliver it, marked
    }
    if (input->mixed) {
        hold(out, "dmarc_temperror_mixed");
        return;
    }
    const char *domain = input->verdict->dmarc.domain; // "" when not even From could be read
    out->action = POLICY_DEFER;
    answer_reply(&out->reply, 451, "4.7.5", "the DNS of %s gives no DMARC answer, try again later",
                 domain[0] == '\0' ? "the sender" : domain);
}

static void
decide_reject(const struct policy_case *input, struct policy_decision *out)
{
    if (input->mixed) {
        hold(out, "dmarc_reject_mixed");
        return;
    }
    out->action = POLICY_REFUSE;
    answer_reply(&out->reply, 550, "5.7.1", "refused by the DMARC policy of %s",
                 input->verdict->dmarc.domain);
}

// A From field that names no one domain: nothing could be checked, which must not be a way in.
static void
decide_permerror(const struct policy_case *input, struct policy_decision *out)
{
    if (input->mixed) {
        hold(out, "dmarc_permerror_mixed");
        return;
    }
    out->action = POLICY_REFUSE;
    answer_reply(&out->reply, 550, "5.7.1", "refused: DMARC cannot be checked: %s",
                 input->verdict->dmarc.reason);
}

static void
decide_enforced(const struct policy_case *input, struct policy_decision *out)
{
    const struct verdict_dmarc *dmarc = &input->verdict->dmarc;
    if (dmarc->result == AUTH_PERMERROR) {
        decide_permerror(input, out);
    } else if (dmarc->result == AUTH_FAIL && dmarc->disposition == DMARC_ACTION_REJECT) {
        decide_reject(input, out);
    } else if (dmarc->result == AUTH_FAIL && dmarc->disposition == DMARC_ACTION_QUARANTINE) {
        hold(out, "dmarc_quarantine");
    }
}

void
policy_decide(const struct policy_case *input, struct policy_decision *out)
{
    *out = (struct policy_decision){.action = POLICY_ACCEPT, .hold = ""};
    if (input->verdict->local) {
        return;
    }
    if (policy_may_defer(input->policy, input->verdict)) {
        decide_temperror(input, out);
    } else if (input->policy->dmarc == DMARC_MODE_ENFORCE) {
        decide_enforced(input, out);
    }
}
