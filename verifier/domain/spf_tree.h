// SPDX-License-Identifier: Apache-2.0
// An SPF record with all its includes, as a receiver evaluates it for a client that matches nothing
// before the wanted include: is that include reached, and what does the whole cost (RFC
// 7208, 4.6.4)?
#ifndef VERIFIER_DOMAIN_SPF_TREE_H
#define VERIFIER_DOMAIN_SPF_TREE_H

#include "verifier/dns/dns.h"
#include "verifier/message/spf_record.h"

enum { SPF_TREE_TERMS_MAX = 40 /* terms that need the DNS; behind them nothing is read */ };

/** What ends an evaluation. */
enum spf_end {
    SPF_END_NONE,
    SPF_END_ALL,     /* "all" matches everything */
    SPF_END_LOOKUPS, /* more than 10 terms: permerror */
    SPF_END_VOIDS,   /* more than 2 terms the DNS has nothing for: permerror */
    SPF_END_BROKEN   /* an include or redirect to no record, or to a bad one: permerror */
};

struct spf_tree {
    bool found;                    /* the include is reached, and passes */
    bool has_qualifier;            /* it is there with "-", "~" or "?": it does not pass */
    enum spf_end found_behind;     /* it stands behind what ended the evaluation */
    bool is_temporary;             /* the DNS did not tell everything */
    bool depends_on_client;        /* names with macros that only a client's address can fill */
    bool has_all;                  /* of the record itself: "all", or a redirect */
    bool is_open;                  /* "+all", here or in what is included */
    unsigned terms;                /* that need the DNS, over the whole tree */
    unsigned voids;                /* of them, those the DNS has nothing for */
    char broken[DOMAIN_NAME_SIZE]; /* the include that has no record, or a bad one; "" */
    char broken_problem[160];
};

/**
 * Walk the tree below a record.
 *
 * @domain  whose record it is
 * @wanted  the included name that is looked for, A-labels
 * @budget  of the questions to `dns`; used up counts as temporary
 * @thread  any; blocks on the DNS
 */
void spf_tree_walk(struct dns *dns, struct dns_budget *budget, const char *domain,
                   const struct spf_record *record, const char *wanted, struct spf_tree *tree_out);

#endif
