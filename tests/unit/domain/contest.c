// SPDX-License-Identifier: Apache-2.0
#include "contest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "verifier/domain/state.h"

enum { START_WALL_MS = 1800000000, ZONE_MAX = 64 * 1024 };

static struct contest *asked; /* the check below has no context of its own */

static void
check(const struct check_context *context, const struct check_subject *subject,
      struct domain_records *records, struct check_summary *summary_out)
{
    const struct check_asker asker = {
        .ask = script_ask, .release = script_release, .context = &asked->script};
    (void)context;
    check_records(&asker, asked->script.resolver, subject, records, summary_out);
    if (asked->looks_until > 0 && --asked->looks_until == 0) {
        asked->meanwhile(asked);
    }
}

static struct config *
load(const struct contest *contest)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "hostname: mx.mailspur.example\ninbound_mx: mx.mailspur.example\n"
                   "limits: {pending_domains: %d}\ndestinations:\n  psa:\n    kind: psa\n"
                   "    url: https://psa.example/\n",
                   CONTEST_PENDING_MAX);
    folder_write(&contest->folder, "mailspur.yaml", text);
    return folder_load_good(&contest->folder);
}

void
contest_write_routes(struct contest *contest, const char *tenant)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "domain: %s\n%s%s\nroutes:\n  - {name: all, recipient: \"*\", destinations: "
                   "[psa]}\n",
                   CONTEST_NAME, tenant == NULL ? "" : "tenant: ", tenant == NULL ? "" : tenant);
    folder_write(&contest->folder, "domains.d/name.yaml", text);
    config_holder_set(contest->holder, load(contest));
}

static void
open_registry(struct contest *contest)
{
    struct why why = {.text = ""};
    clock_guard_init(&contest->clock);
    asked = contest;
    const struct registry_settings settings = {.store = contest->store,
                                               .dns = contest->script.resolver,
                                               .holder = contest->holder,
                                               .clock = &contest->clock,
                                               .check = check};
    if (registry_open(&settings, &contest->registry, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
}

void
contest_wait(struct contest *contest, int64_t wall_ms, int64_t mono_ms)
{
    contest->wall_ms += wall_ms;
    contest->mono_ms += mono_ms;
    clock_fake_set(contest->wall_ms, contest->mono_ms);
}

void
contest_restart(struct contest *contest, int64_t wall_ms, int64_t mono_ms)
{
    registry_close(contest->registry);
    contest_wait(contest, wall_ms, mono_ms);
    open_registry(contest);
}

/* ---- the zone -------------------------------------------------------------------------------- */

static struct dns **
lines_of(struct contest *contest, unsigned server)
{
    return server == RESOLVER ? &contest->script.resolver
                              : &contest->script.servers[server - 1].lines;
}

static void
put_zone(struct strbuf *out, const struct contest *contest, const char *zone)
{
    for (const char *c = zone; *c != '\0'; c++) {
        if (strncmp(c, "<o>", 3) == 0 || strncmp(c, "<t>", 3) == 0) {
            strbuf_printf(out, "mailspur-verify=%s",
                          c[1] == 'o' ? contest->owners.token : contest->thiefs.token);
            c += 2;
        } else {
            strbuf_putc(out, *c);
        }
    }
}

void
contest_publish(struct contest *contest, unsigned servers, const char *zone)
{
    AUTO_STRBUF text = STRBUF_INIT(ZONE_MAX);
    put_zone(&text, contest, zone);
    const char *const pieces[] = {strbuf_text(&text), NULL};
    for (unsigned server = FIRST; server <= RESOLVER; server *= 2) {
        if ((servers & server) != 0) {
            struct dns **lines = lines_of(contest, server);
            dns_close(*lines);
            *lines = script_lines(pieces);
        }
    }
}

void
contest_silence(struct contest *contest, unsigned servers)
{
    for (unsigned server = FIRST; server <= SECOND; server *= 2) {
        if ((servers & server) != 0) {
            struct script_server *silent = &contest->script.servers[server - 1];
            dns_close(silent->lines);
            *silent = (struct script_server){.outcome = AUTHORITY_TIMEOUT};
        }
    }
}

/* ---- domains --------------------------------------------------------------------------------- */

enum status
contest_add(struct contest *contest, const char *tenant, const char *name, const char *profile,
            struct store_domain *out)
{
    const struct registry_addition addition = {
        .tenant = tenant, .domain = name, .profile = profile};
    return registry_add(contest->registry, &addition, out, NULL);
}

void
contest_add_as_thief(struct contest *contest, const char *name)
{
    assert_int_equal(contest_add(contest, THIEF, name, "inbound", &contest->thiefs), ST_OK);
}

struct store_domain
contest_check(struct contest *contest, const struct store_domain *domain)
{
    struct store_domain row;
    struct why why = {.text = ""};
    if (registry_check_id(contest->registry, &domain->id, &row, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    return row;
}

struct store_domain
contest_row(struct contest *contest, const struct store_domain *domain)
{
    struct store_domain row;
    assert_int_equal(registry_find_id(contest->registry, domain->id.text, &row), ST_OK);
    return row;
}

struct gate_answer
contest_ask_gate(struct contest *contest, const char *name)
{
    char address[128];
    struct gate_answer answer;
    AUTO_CONFIG *config = config_holder_get(contest->holder);
    (void)snprintf(address, sizeof(address), "user@%s", name);
    gate_decide(config, contest->registry, address, &answer);
    answer.domain = NULL; // was the configuration's
    return answer;
}

struct counter {
    const char *kind;
    unsigned count;
};

static void
on_event(void *context, const struct store_event_row *event)
{
    struct counter *counter = context;
    counter->count += strcmp(event->kind, counter->kind) == 0 ? 1 : 0;
}

unsigned
contest_count_events(struct contest *contest, const char *name, const char *kind)
{
    struct counter counter = {.kind = kind};
    assert_int_equal(
        store_events(contest->store,
                     &(struct store_event_choice){
                         .domain = name, .tenant = NULL, .before = INT64_MAX, .limit = 1000},
                     on_event, &counter, NULL),
        ST_OK);
    return counter.count;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
settle_owner(struct contest *contest)
{
    struct store_domain row;
    assert_int_equal(contest_add(contest, OWNER, CONTEST_NAME, "inbound", &contest->owners), ST_OK);
    contest_publish(contest, EVERYWHERE, "_mailspur." CONTEST_NAME " TXT <o>\n");
    assert_int_equal(contest_check(contest, &contest->owners).status, DOMAIN_VERIFIED);
    assert_int_equal(registry_set_inbound(contest->registry, CONTEST_NAME, true, &row, NULL),
                     ST_OK);
    contest_write_routes(contest, OWNER);
    assert_int_equal(contest_ask_gate(contest, CONTEST_NAME).decision, GATE_ACCEPT);
    contest_wait(contest, STATE_DAY_MS, STATE_DAY_MS);
}

int
contest_set_up(void **state)
{
    struct contest *contest = calloc(1, sizeof(*contest));
    char path[FOLDER_PATH_SIZE];
    struct why why = {.text = ""};
    contest_wait(contest, (int64_t)START_WALL_MS * 1000, STATE_DAY_MS);
    folder_make(&contest->folder);
    contest->holder = config_holder_new(load(contest));
    contest->script = (struct script){.cut = CONTEST_ZONE, .server_count = 2};
    contest_publish(contest, EVERYWHERE, "");
    const struct store_settings settings = {.path = folder_path(&contest->folder, "db", path)};
    if (store_open(&settings, &contest->store, &why) != ST_OK) {
        fail_msg("%s", why.text);
    }
    open_registry(contest);
    settle_owner(contest);
    *state = contest;
    return 0;
}

int
contest_tear_down(void **state)
{
    struct contest *contest = *state;
    registry_close(contest->registry);
    store_close(contest->store);
    config_holder_free(contest->holder);
    dns_close(contest->script.servers[0].lines);
    dns_close(contest->script.servers[1].lines);
    dns_close(contest->script.resolver);
    folder_remove(&contest->folder);
    free(contest);
    clock_fake_off();
    return 0;
}
