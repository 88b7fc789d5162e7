// SPDX-License-Identifier: Apache-2.0
// Two tenants and one name: a registry over a real store, a zone of two servers that may differ,
// a clock that is moved by hand.
#ifndef TESTS_UNIT_DOMAIN_CONTEST_H
#define TESTS_UNIT_DOMAIN_CONTEST_H

#include "router/gate.h"
#include "tests/unit/config/support.h"
#include "tests/unit/domain/script.h"
#include "verifier/domain/registry.h"

#define CONTEST_NAME "mail.corp.example" /* held by OWNER, proven, its inbound on */
#define CONTEST_ZONE "corp.example"
#define OWNER "acme"
#define THIEF "thief"

enum { CONTEST_PENDING_MAX = 4 };

/** Which servers of the zone are meant. */
enum { FIRST = 1, SECOND = 2, RESOLVER = 4, SERVERS = FIRST | SECOND, EVERYWHERE = 7 };

struct contest {
    struct folder folder;
    int64_t wall_ms; /* of the faked clocks */
    int64_t mono_ms;
    struct clock_guard clock;
    struct config_holder *holder;
    struct store *store;
    struct script script;
    struct registry *registry;
    struct store_domain owners;                 /* as added */
    struct store_domain thiefs;                 /* added last by contest_add_as_thief */
    int looks_until;                            /* behind so many looks at the DNS ... */
    void (*meanwhile)(struct contest *contest); /* ... this happens once; 0: nothing */
};

/** cmocka setup and teardown. */
int contest_set_up(void **state);
int contest_tear_down(void **state);

/** What these servers hold from now on: lines with "<o>" and "<t>" for the ownership texts of the
 *  owner's and of the thief's entry. */
void contest_publish(struct contest *contest, unsigned servers, const char *zone);

/** These servers do not answer any more. */
void contest_silence(struct contest *contest, unsigned servers);

enum status contest_add(struct contest *contest, const char *tenant, const char *name,
                        const char *profile, struct store_domain *out);
void contest_add_as_thief(struct contest *contest, const char *name);

/** As the schedule does; the row as it is now. */
struct store_domain contest_check(struct contest *contest, const struct store_domain *domain);

void contest_wait(struct contest *contest, int64_t wall_ms, int64_t mono_ms);

/** The daemon is started anew, so much later by each clock. */
void contest_restart(struct contest *contest, int64_t wall_ms, int64_t mono_ms);

/** Put a file of the domain's routes in force; NULL: none. `tenant` NULL: it names none. */
void contest_write_routes(struct contest *contest, const char *tenant);

/** What the gate says of mail to user@NAME. */
struct gate_answer contest_ask_gate(struct contest *contest, const char *name);

struct store_domain contest_row(struct contest *contest, const struct store_domain *domain);

/** How often an event of this kind stands in the history of the name. */
unsigned contest_count_events(struct contest *contest, const char *name, const char *kind);

#endif
