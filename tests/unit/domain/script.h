// SPDX-License-Identifier: Apache-2.0
// A zone's servers as a script: each answers from the lines of a fixture, or not at all.
#ifndef TESTS_UNIT_DOMAIN_SCRIPT_H
#define TESTS_UNIT_DOMAIN_SCRIPT_H

#include <stdatomic.h>

#include "verifier/domain/check_run.h"

enum { SCRIPT_SERVERS_MAX = 4 };

struct script_server {
    struct dns *lines; /* NULL: `outcome` says why it does not answer */
    enum authority_outcome outcome;
    enum authority_reason reason;
};

struct script {
    const char *cut; /* the zone's name; NULL: it cannot be found */
    size_t server_count;
    struct script_server servers[SCRIPT_SERVERS_MAX];
    struct dns *resolver;
    bool is_bogus;         /* the resolver's answers: SERVFAIL unless unchecked */
    bool is_port_blocked;  /* no server answers, nor does any other zone's */
    atomic_uint rounds;    /* counted: calls */
    atomic_uint questions; /* counted */
};

/** A DNS of these lines (dns_open_fixture), NULL-terminated pieces. dns_close() releases it. */
struct dns *script_lines(const char *const *pieces);

/** For struct check_asker; `context` is the script. */
enum status script_ask(void *context, const struct authority_question *questions, size_t count,
                       struct dns_budget *budget, struct authority_report **report_out,
                       struct why *why);
void script_release(struct authority_report *report);

#endif
