// SPDX-License-Identifier: Apache-2.0
// The domains that tenants added, in memory, written through to the store: the one source for "is
// this name ours, and may it take mail?".
//
// Functions that take `which` find a domain by its id, or by its name as a person types it.
#ifndef VERIFIER_DOMAIN_REGISTRY_H
#define VERIFIER_DOMAIN_REGISTRY_H

#include "common/clock_guard.h"
#include "config/config.h"
#include "store/store.h"
#include "verifier/dns/authority.h"
#include "verifier/dns/dns.h"
#include "verifier/domain/check.h"
#include "verifier/domain/directory.h"
#include "verifier/domain/ses/ses.h"

struct registry;

enum {
    REGISTRY_SES_MS = 8000,      /* how long a check or an addition waits for SES */
    REGISTRY_PROVIDER_MS = 2000, /* to find who runs the name servers of a domain */
    REGISTRY_PROVIDER_QUERIES = 100,
    /* Checks of one domain that people ask for: who changed the zone and asks again sees it. */
    REGISTRY_BY_HAND_AT_ONCE = 5, /* then one in verification.by_hand_every */
    REGISTRY_TURNS_MAX = 8192,    /* domains and tenants whose turns are remembered */
};

/** Held deliveries with this reason wait for the proof of ownership. */
#define REGISTRY_HOLD_REASON "the domain's proof of ownership is gone"

typedef void registry_check_fn(const struct check_context *context,
                               const struct check_subject *subject, struct domain_records *records,
                               struct check_summary *summary_out);

/** All of it outlives the registry. */
struct registry_settings {
    struct store *store;
    struct dns *dns;
    struct authority *authority;
    struct config_holder *holder; /* profiles, rules and limits of the moment */
    struct clock_guard *clock;
    registry_check_fn *check; /* domain_check */
    /** As check_subject.takes_mail_for; `config` is the one in force. NULL: not asked. */
    bool (*takes_mail_for)(const struct config *config, const char *address);
};

/** Load all domains. Store errors. */
MUST_CHECK enum status registry_open(const struct registry_settings *settings,
                                     struct registry **registry_out, struct why *why);

/** Checks under way are broken off and change nothing, none begins any more: before what asks for
 *  them is closed. The settings' DNS is cancelled (dns_cancel). */
void registry_cancel(struct registry *registry);
void registry_close(struct registry *registry); /* NULL-safe */

/** Told of each change this registry wrote: after it is durable, on the thread that made it. */
struct registry_listener {
    void (*changed)(void *context, const struct store_domain *domain,
                    const struct store_event *events); /* NULL: nothing for the audit log */
    void *context;
};

/** One listener; before any change is asked for, and until registry_close. */
void registry_listen(struct registry *registry, const struct registry_listener *listener);

/* ---- looking up ------------------------------------------------------------------------------ */

/**
 * The domain that answers for this name (A-labels): the entry itself, not removed if there is one.
 * A removed name is found too, for as long as it is watched (30 days).
 *
 * @return ST_OK; ST_NOT_FOUND. From memory; never blocks on the store or the network.
 */
MUST_CHECK enum status registry_find(struct registry *registry, const char *name,
                                     struct store_domain *domain_out);

/** The domain with this id, whatever became of it. From memory. */
MUST_CHECK enum status registry_find_id(struct registry *registry, const char *id,
                                        struct store_domain *domain_out);

/** The living domain of this name (A-labels) that is this tenant's, though another may hold the
 *  name. ST_NOT_FOUND. From memory. */
MUST_CHECK enum status registry_find_of(struct registry *registry, const char *name,
                                        const char *tenant, struct store_domain *domain_out);

/** True when another tenant has proven to own this name, at any time. From memory. */
bool registry_was_anothers(struct registry *registry, const char *name, const char *tenant);

/** The removed entry of this name (A-labels) that is still watched, whoever has added it again;
 *  never one that was not proven. ST_NOT_FOUND. From memory. */
MUST_CHECK enum status registry_find_watched(struct registry *registry, const char *name,
                                             struct store_domain *domain_out);

enum { REGISTRY_NEAR_MAX = 20 };

/** Called for the names of other tenants above and below this one that are proven to be theirs, at
 *  most REGISTRY_NEAR_MAX of them: those that `needs_approval` is about. For the operator's eyes.
 */
void registry_near(struct registry *registry, const struct store_domain *domain,
                   store_domain_visit *visit, void *context);

/** Whom a claim waits for: the entry that has the name. False: none, or it is no claim. For the
 *  operator's eyes. From memory. */
bool registry_rival(struct registry *registry, const struct store_domain *domain,
                    struct store_domain *rival_out);

/** Why a domain waits, as one sentence that names no other tenant; NULL: it does not. From memory.
 */
const char *registry_waits(struct registry *registry, const struct store_domain *domain);

/**
 * Called for the next domains in the order of names: at most `limit`. May call back.
 *
 * @after   the id of the last one of the page before; NULL: from the first
 * @return  ST_OK; ST_NOT_FOUND there is no domain with the id `after`. From memory.
 */
MUST_CHECK enum status registry_page(struct registry *registry,
                                     const struct directory_filter *filter, const char *after,
                                     size_t limit, store_domain_visit *visit, void *context);

/** Called for each domain, removed ones only if asked; in the order of names. May call back. */
void registry_list(struct registry *registry, bool with_removed, store_domain_visit *visit,
                   void *context);

/* ---- changing -------------------------------------------------------------------------------- */

struct registry_addition {
    const char *tenant;  /* lower-case letters, digits, '.', '_', '-'; below STORE_NAME_SIZE */
    const char *domain;  /* as a person types it; checked by domain_name_check */
    const char *profile; /* NULL: verification.default_profile */
    const char *region;  /* NULL: verification.region */
};

/**
 * Add a domain for a tenant (made if new), pending, inbound off, with a fresh token. Keys of
 * profiles with `dkim: local` are made; with `dkim: ses` the identity is asked for, and is made
 * later when SES does not answer.
 *
 * A name that another tenant has added is added as a claim; one above or below a name that another
 * has proven waits for registry_approve (claims.h).
 *
 * @return  ST_OK; ST_INVALID with the sentence for the user; ST_CONFLICT the tenant has it already;
 *          ST_REFUSED it is reserved, or SES is not configured;
 *          ST_TOO_LARGE the tenant has too many; ST_IO, ST_NO_SPACE keys; store errors
 * @thread  any; with keys or SES it blocks, up to REGISTRY_SES_MS
 */
MUST_CHECK enum status registry_add(struct registry *registry,
                                    const struct registry_addition *addition,
                                    struct store_domain *domain_out, struct why *why);

/** Is this a tenant's name? ST_INVALID says what one is. */
MUST_CHECK enum status registry_check_tenant(const char *tenant, struct why *why);

/** Inbound on or off. What it is already changes nothing. Switching it on needs a verified domain,
 * or (`inbound_needs: ownership`) one whose proof of ownership is there; ST_REFUSED says what is
 * missing. ST_NOT_FOUND. */
MUST_CHECK enum status registry_set_inbound(struct registry *registry, const char *which, bool on,
                                            struct store_domain *domain_out, struct why *why);

/** The operator allows a domain above or below one that another tenant holds: this entry of this
 *  tenant, for good. ST_NOT_FOUND; ST_CONFLICT it needs no approval; store errors. */
MUST_CHECK enum status registry_approve(struct registry *registry, const char *which,
                                        struct store_domain *domain_out, struct why *why);

/** What becomes of mail that is held when its domain is removed. */
enum registry_held {
    REGISTRY_HELD_STAYS, /* until somebody releases it, or it expires */
    REGISTRY_HELD_DRAIN, /* it is delivered */
    REGISTRY_HELD_DISCARD
};

/**
 * Remove: inbound stops with the next RCPT, what was accepted is still delivered, the name is
 * watched for 30 days, its SES identity is given back, its keys are deleted when the watch ends.
 *
 * @held_out  deliveries released or discarded; may be NULL
 * @return    ST_OK; ST_NOT_FOUND; store errors. A failure behind the removal itself is told too: it
 *            is removed then, and held mail stays
 */
MUST_CHECK enum status registry_remove(struct registry *registry, const char *which,
                                       enum registry_held held, struct store_domain *domain_out,
                                       uint64_t *held_out, struct why *why);

/**
 * Remove all domains of a tenant, as registry_remove does, then the tenant. What was accepted for
 * it is still delivered.
 *
 * @domains_out  how many were removed; also told when it fails on the way
 * @return       ST_OK; ST_NOT_FOUND there is no such tenant; as registry_remove
 */
MUST_CHECK enum status registry_remove_tenant(struct registry *registry, const char *tenant,
                                              enum registry_held held, uint64_t *domains_out,
                                              uint64_t *held_out, struct why *why);

/* ---- records and checks ---------------------------------------------------------------------- */

/** The records of a domain, not checked, without asking the DNS, in place of those that were there.
 *  ST_REFUSED: its profile is not configured any more. */
MUST_CHECK enum status registry_records(struct registry *registry,
                                        const struct store_domain *domain,
                                        struct domain_records *records_out, struct why *why);

/** A check, and what it changed. */
struct registry_check {
    struct store_domain domain; /* as it is now */
    struct domain_records records;
    struct check_summary summary;
    bool has_report; /* SES was asked too */
    struct ses_report report;
};

/** NULL-safe. */
void registry_check_free(struct registry_check *check);

static inline void
registry_check_cleanup(struct registry_check **check)
{
    registry_check_free(*check);
}
#define AUTO_REGISTRY_CHECK AUTO(registry_check_cleanup) struct registry_check

/**
 * Ask the DNS (and SES) for every record of the domain, and change its state accordingly. What
 * could not be asked changes nothing. What was seen is kept for registry_last_check.
 *
 * @check_out  registry_check_free
 * @return     ST_OK whatever was found; ST_NOT_FOUND; ST_AGAIN it was changed or replaced
 * meanwhile; as registry_records; store errors
 * @thread     any; blocks on the DNS and SES, up to CHECK_TIME_MS and REGISTRY_SES_MS; waits while
 *             the same domain is being checked
 */
MUST_CHECK enum status registry_verify(struct registry *registry, const char *which,
                                       struct registry_check **check_out, struct why *why);

/** What a person gets who asks for a check. */
enum registry_by_hand {
    REGISTRY_CHECK_MADE,
    REGISTRY_CHECK_JOINED, /* one was under way: that one, once it was over */
    REGISTRY_CHECK_KEPT    /* asked for too often: the last one */
};

/** "made", "joined", "kept". Static text. */
const char *registry_by_hand_name(enum registry_by_hand how);

/**
 * As registry_verify, for people and programs that may not ask as often as they like: no more than
 * REGISTRY_BY_HAND_AT_ONCE and one in verification.by_hand_every for a domain, and
 * limits.tenant_checks_per_minute for all of a tenant.
 *
 * @check_out  NULL unless MADE: registry_last_check and registry_find_id tell
 * @return     and ST_TOO_LARGE: asked for too often, and there is no last one
 */
MUST_CHECK enum status registry_verify_by_hand(struct registry *registry, const char *which,
                                               enum registry_by_hand *how_out,
                                               struct registry_check **check_out, struct why *why);

/** What schedule.h calls: as registry_verify; a removed domain is watched. */
MUST_CHECK enum status registry_check_id(struct registry *registry, const struct id *id,
                                         struct store_domain *domain_out, struct why *why);

/**
 * Who runs the name servers of a domain, as authority_find_provider; "" and sound if there is no
 * such domain.
 *
 * @thread  any; blocks on the DNS, up to REGISTRY_PROVIDER_MS
 */
void registry_find_provider(struct registry *registry, const struct id *id,
                            struct authority_provider *provider_out);

/** The JSON of the last check (record_json.h), owned. ST_NOT_FOUND: none was made yet. */
MUST_CHECK enum status registry_last_check(struct registry *registry,
                                           const struct store_domain *domain, char **json_out,
                                           struct why *why);

/** What SES said of it last, or why it could not be asked or its identity not be given back:
 *  JSON (record_json_ses), owned. ST_NOT_FOUND: SES has no part in it, or was not asked yet. */
MUST_CHECK enum status registry_ses_said(struct registry *registry,
                                         const struct store_domain *domain, char **json_out,
                                         struct why *why);

#endif
