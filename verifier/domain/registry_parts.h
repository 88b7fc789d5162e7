// SPDX-License-Identifier: Apache-2.0
// What the files of the registry share.
#ifndef VERIFIER_DOMAIN_REGISTRY_PARTS_H
#define VERIFIER_DOMAIN_REGISTRY_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/map.h"
#include "verifier/domain/directory.h"
#include "verifier/domain/identity.h"
#include "verifier/domain/registry.h"
#include "verifier/domain/state.h"
#include "verifier/domain/turns.h"

struct registry {
    struct registry_settings settings;
    struct registry_listener listener;
    struct directory *directory;
    struct identities *identities;
    int64_t opened_mono_ms;
    atomic_bool cancelled;
    pthread_mutex_t write_mutex; /* one writer at a time; guards what follows */
    uint64_t read_version;       /* up to here, every row of the store has been read */
    pthread_mutex_t busy_mutex;  /* guards what follows */
    pthread_cond_t busy_changed;
    struct map *busy;    /* of struct registry_work: ids that somebody works on */
    struct turns *turns; /* of people who ask for checks */
};

/* What is being done with a domain. Of whoever does it. */
struct registry_work {
    bool is_check; /* else something that nobody wants to know the end of */
    enum status status;
    bool is_over;
    unsigned joined; /* they wait for the end of this very check */
};

/* ---- registry.c ---- */

/** Read what was written since the last look. Under the write mutex. */
MUST_CHECK enum status registry_refresh(struct registry *registry, struct why *why);

/** Write a row with its events and take it over; a lost answer is looked for. Under the write
 *  mutex; registry_tell must follow without it. */
MUST_CHECK enum status registry_write(struct registry *registry, struct store_domain *domain,
                                      uint64_t expected_version, struct domain_step *step,
                                      struct why *why);

/** Tell the listener. Not under a lock. */
void registry_tell(const struct registry *registry, const struct store_domain *domain,
                   struct domain_step *step);

/** Decides on a copy of the row as it is now, and says in the step whether there is something to
 *  write, and which events. */
typedef enum status registry_decide(struct registry *registry, const void *context,
                                    struct store_domain *domain, struct domain_step *step,
                                    struct why *why);

/** Decide and write; when another writer was faster, read and decide again. Then tells. */
MUST_CHECK enum status registry_change(struct registry *registry, const struct id *id,
                                       registry_decide *decide, const void *context,
                                       struct store_domain *domain_out, struct why *why);

/** The living domain that `which` names. */
MUST_CHECK enum status registry_find_living(struct registry *registry, const char *which,
                                            struct store_domain *domain_out, struct why *why);

/* ---- registry_verify.c ---- */

/** One check or other long work on a domain at a time: waits for the one under way. */
void registry_begin_work(struct registry *registry, const struct id *id,
                         struct registry_work *work);
/** Also waits for who joined it. */
void registry_end_work(struct registry *registry, const struct id *id, struct registry_work *work);

/* ---- registry_check.c ---- */

/** A check of a row, or the watch of a removed one. The work must have begun. */
MUST_CHECK enum status registry_check_row(struct registry *registry, const struct id *id,
                                          struct registry_check *check, struct why *why);

/** Ask the DNS for these records of the domain. Blocks up to CHECK_TIME_MS. ST_AGAIN: it was broken
 *  off by registry_cancel, and what was seen means nothing. */
MUST_CHECK enum status registry_ask_dns(struct registry *registry,
                                        const struct store_domain *domain,
                                        struct domain_records *records,
                                        struct check_summary *summary_out, struct why *why);

/** Leave out the records for anything else. */
void registry_keep_records(struct domain_records *records, enum record_purpose purpose);

/** See to the keys of a domain whose profile has `dkim: local`. */
MUST_CHECK enum status registry_make_keys(const struct config *config,
                                          const struct config_profile *profile,
                                          const struct store_domain *domain, struct why *why);

#endif
