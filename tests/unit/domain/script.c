// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/domain/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/xalloc.h"

enum { STALE_MS = 3600 * 1000 };

/* Everything a report borrows. */
struct script_report {
    struct authority_report report; /* first: the pointer handed out */
    struct authority_zone zone;
    struct authority_server servers[SCRIPT_SERVERS_MAX];
    char names[SCRIPT_SERVERS_MAX][32];
    struct authority_result results[AUTHORITY_QUESTIONS_MAX];
    char *asked[AUTHORITY_QUESTIONS_MAX];
    struct authority_answer answers[AUTHORITY_QUESTIONS_MAX][SCRIPT_SERVERS_MAX];
};

struct dns *
script_lines(const char *const *pieces)
{
    char path[64];
    struct dns *dns = NULL;
    struct why why = {.text = ""};
    AUTO_FD int fd = memfd_create("zone", MFD_CLOEXEC);
    for (; fd >= 0 && *pieces != NULL; pieces++) {
        if (write(fd, *pieces, strlen(*pieces)) != (ssize_t)strlen(*pieces)) {
            abort();
        }
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (dns_open_fixture(path, &dns, &why) != ST_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        abort();
    }
    return dns;
}

static enum authority_outcome
outcome_of(const struct dns_answer *answer, const char *cut)
{
    if (!check_is_within(answer->canonical, cut)) {
        return AUTHORITY_CNAME;
    }
    switch (answer->status) {
    case DNS_OK:
        return AUTHORITY_FOUND;
    case DNS_NXDOMAIN:
        return AUTHORITY_NXDOMAIN;
    case DNS_NODATA:
        return AUTHORITY_NODATA;
    case DNS_TEMPORARY:
    case DNS_BAD_NAME:
        break;
    }
    return AUTHORITY_TIMEOUT;
}

static void
ask_server(const struct script *script, const struct script_server *server,
           const struct authority_result *question, struct authority_answer *out)
{
    *out = (struct authority_answer){.outcome = server->outcome, .reason = server->reason};
    if (server->lines == NULL) {
        return;
    }
    const struct dns_answer *answer = dns_get(server->lines, NULL, question->name, question->type);
    out->outcome = outcome_of(answer, script->cut);
    if (authority_is_answer(out->outcome)) {
        out->answer = answer;
    } else {
        dns_answer_release(answer);
    }
}

static void
ask_resolver(const struct script *script, struct authority_result *result)
{
    struct authority_resolver *out = &result->resolver;
    *out = (struct authority_resolver){.error_code = -1, .is_bogus = script->is_bogus};
    out->answer = dns_get(script->resolver, NULL, result->name, result->type);
    out->gone_at_wall_ms = clock_wall_ms() + STALE_MS;
}

static void
ask_one(const struct script *script, struct script_report *all, size_t at,
        const struct authority_question *question)
{
    struct authority_result *result = &all->results[at];
    all->asked[at] = xstrdup(question->name);
    *result = (struct authority_result){.name = all->asked[at],
                                        .type = question->type,
                                        .zone = script->cut == NULL ? NULL : &all->zone,
                                        .problem = script->cut == NULL ? "no way there" : "",
                                        .answers = all->answers[at]};
    for (size_t i = 0; script->cut != NULL && i < script->server_count; i++) {
        ask_server(script, &script->servers[i], result, &all->answers[at][i]);
    }
    ask_resolver(script, result);
}

enum status
script_ask(void *context, const struct authority_question *questions, size_t count,
           struct dns_budget *budget, struct authority_report **report_out, struct why *why)
{
    struct script *script = context;
    struct script_report *all = xcalloc(1, sizeof(*all));
    (void)budget;
    (void)why;
    script->rounds++;
    script->questions += (unsigned)count;
    for (size_t i = 0; i < script->server_count; i++) {
        (void)snprintf(all->names[i], sizeof(all->names[i]), "ns%u.example", (unsigned)i + 1);
        all->servers[i] =
            (struct authority_server){.name = all->names[i], .not_asked = AUTHORITY_NO_REASON};
        (void)snprintf(all->servers[i].address, sizeof(all->servers[i].address), "192.0.2.%u",
                       (unsigned)i + 1);
    }
    all->zone = (struct authority_zone){
        .name = script->cut, .server_count = script->server_count, .servers = all->servers};
    for (size_t i = 0; i < count; i++) {
        ask_one(script, all, i, &questions[i]);
    }
    all->report = (struct authority_report){.count = count,
                                            .results = all->results,
                                            .no_server_answered = script->is_port_blocked,
                                            .is_port_blocked = script->is_port_blocked};
    *report_out = &all->report;
    return ST_OK;
}

void
script_release(struct authority_report *report)
{
    struct script_report *all = (struct script_report *)report;
    for (size_t i = 0; i < all->report.count; i++) {
        for (size_t k = 0; k < SCRIPT_SERVERS_MAX; k++) {
            if (all->answers[i][k].answer != NULL) {
                dns_answer_release(all->answers[i][k].answer);
            }
        }
        dns_answer_release(all->results[i].resolver.answer);
        free(all->asked[i]);
    }
    free(all);
}
