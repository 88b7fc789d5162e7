// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/check.h"

#include "verifier/domain/check_run.h"

static enum status
ask_authority(void *context, const struct authority_question *questions, size_t count,
              struct dns_budget *budget, struct authority_report **report_out, struct why *why)
{
    return authority_ask(context, questions, count, budget, report_out, why);
}

void
domain_check(const struct check_context *context, const struct check_subject *subject,
             struct domain_records *records, struct check_summary *summary_out)
{
    struct check_asker asker = {
        .ask = ask_authority, .release = authority_report_free, .context = context->authority};
    check_records(&asker, context->dns, subject, records, summary_out);
}
