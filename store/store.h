// SPDX-License-Identifier: Apache-2.0
// The store: tenants, domains, messages, deliveries, durable. One contract for every backend
// (SQLite now, PostgreSQL to come); no SQL outside store/.
//
// Ids are made by the caller before the write, so a write whose answer was lost (ST_AMBIGUOUS) is
// repeated with the same ids. Time is the store's. Writes marked "asynchronous" return at once and
// call `done` on a thread of the store, never from inside the call that asked, and always once;
// `done` must not block nor call a blocking function of the store. The others block until durable.
// All functions are safe from any thread unless said otherwise.
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/digest.h"
#include "common/id.h"
#include "common/status.h"

struct store;

enum {
    STORE_NAME_SIZE = 128,              /* tenant, route, destination names */
    STORE_REASON_SIZE = 256,            /* why a delivery is held, blocked, dead */
    STORE_CHUNK_SIZE = 256 * 1024,      /* bytes of a message in one row */
    STORE_STAGE_ABOVE = 1024 * 1024,    /* larger bodies are staged before the commit ... */
    STORE_SLICE_SIZE = 4 * 1024 * 1024, /* ... in transactions of at most this much */
    STORE_DELIVERIES_MAX = 4000,        /* of one message */
    STORE_PATIENCE_MS = 50 /* what can wait is written with what comes next, at last after this */
};

/* ---- life ------------------------------------------------------------------------------------ */

struct store_settings {
    const char *path;     /* of the SQLite database; its folder must exist */
    bool synchronous_off; /* tests only: prove that the power-cut test can fail */
};

/**
 * Open or create, migrate, sweep what a crash left (unclaimed staged chunks, leases). Starts the
 * writer thread.
 *
 * @return ST_OK; ST_CONFLICT another daemon holds it; ST_INVALID the schema is newer than this
 *         program; ST_IO; ST_NO_SPACE
 */
MUST_CHECK enum status store_open(const struct store_settings *settings, struct store **store_out,
                                  struct why *why);

/** Finish what was asked, checkpoint, close. No call may be under way or follow. NULL-safe. */
void store_close(struct store *store);

/** Wall-clock milliseconds as the store sees them, without jumps (clock_steady_ms): all times below
 *  are of this clock. */
int64_t store_now_ms(struct store *store);

/* ---- registry: tenants and domains -------------------------------------------------------------
 */

/** Life of a domain (docs/architecture.md). Stored as these words. */
enum domain_status {
    DOMAIN_PENDING, /* added, its records have not all passed yet */
    DOMAIN_VERIFIED,
    DOMAIN_AT_RISK, /* was verified; a record is gone */
    DOMAIN_FAILED,  /* never passed in time, or gone for too long */
    DOMAIN_REMOVED  /* watched for a while; never "not ours" meanwhile */
};

const char *domain_status_name(enum domain_status status);
MUST_CHECK enum status domain_status_from_name(const char *name, enum domain_status *out);

/** What becomes of the mail of a domain whose inbound is on. Stored as these words. */
enum domain_mail {
    DOMAIN_MAIL_OPEN,     /* taken */
    DOMAIN_MAIL_HELD,     /* the proof of ownership is gone: taken, and held */
    DOMAIN_MAIL_DEFERRED, /* gone for longer: 450 */
    DOMAIN_MAIL_REFUSED   /* gone for too long: 550 */
};

const char *domain_mail_name(enum domain_mail mail);
MUST_CHECK enum status domain_mail_from_name(const char *name, enum domain_mail *out);

enum { STORE_REGION_SIZE = 33 };

/** verifier/domain/state.h alone decides how status and the fields below it move. */
struct store_domain {
    struct id id;
    char tenant[STORE_NAME_SIZE];   /* tenant name */
    char name[DOMAIN_NAME_SIZE];    /* A-labels, lower case; unique among domains that hold it */
    char profile[32];               /* provider profile it was created with */
    char region[STORE_REGION_SIZE]; /* of that provider; "" when it has none */
    char token[TOKEN_SIZE];         /* ownership token */
    enum domain_status status;
    bool inbound;
    /* between tenants (verifier/domain/claims.h) */
    bool claims;         /* another tenant holds the name; this row only waits for it */
    bool needs_approval; /* the operator has to allow it first */
    bool approved;       /* and did: this entry, for good */
    /* what checks came to */
    enum domain_mail mail;
    bool mx_points_here;          /* removed, and still an MX of it is ours */
    bool releases_identity;       /* removed; its SES identity is still to be released */
    bool forgotten;               /* removed, and the watch is over: an unknown name */
    uint32_t checks;              /* how many; an outcome counts for the row it was made of */
    uint32_t misses;              /* of required records, one after the other */
    uint32_t ownership_misses;    /* of what inbound needs */
    int64_t status_ms;            /* time in this status; when nobody looked, it does not count */
    int64_t ownership_missing_ms; /* likewise */
    int64_t created_at;           /* wall clock ms; so are the others; 0: never */
    int64_t owned_at;             /* ownership was last proven */
    int64_t verified_at;
    int64_t checked_at; /* last check that came to an answer */
    int64_t missing_since;
    int64_t ownership_missing_since;
    int64_t claim_seen_at; /* the claimant's token was first seen, and the holder's was not */
    int64_t contested_at;  /* both were seen; 0: not at present */
    int64_t failed_at;
    int64_t removed_at;
    int64_t next_check_at; /* 0: none but by hand */
    uint64_t version;      /* of this row; grows over the whole registry */
};

/** Who did what to a domain, kept for the audit log. */
struct store_event {
    const char *kind;     /* "domain.added", "domain.verified", "domain.inbound_on", ... */
    const char *detail;   /* one sentence, or "" */
    const char *findings; /* codes of the check behind it, with blanks between; NULL: none */
    const struct store_event *also; /* a further one of the same change; NULL: none */
};

/**
 * Create (expected_version 0) or replace a domain, with its events, in one transaction. The tenant
 * is created if it does not exist.
 *
 * @domain  in: the new row, version ignored; out: `version` is set
 * @event   NULL: none; then the row is durable with the next durable write only
 * @return  ST_OK; ST_CONFLICT the row has another version, or the name is taken; ST_NO_SPACE; ST_IO
 */
MUST_CHECK enum status store_domain_put(struct store *store, struct store_domain *domain,
                                        uint64_t expected_version, const struct store_event *event,
                                        struct why *why);

/** Called for each domain with a version above `after_version` (removed ones too), by version. */
typedef void store_domain_visit(void *context, const struct store_domain *domain);
MUST_CHECK enum status store_domains_since(struct store *store, uint64_t after_version,
                                           store_domain_visit *visit, void *context,
                                           struct why *why);

/** Texts that are kept beside a domain's row, and read only when somebody asks. */
enum store_note {
    STORE_NOTE_CHECK,   /* JSON: what the last check saw */
    STORE_NOTE_SES,     /* the state of its identity (verifier/domain/ses/ses.h) */
    STORE_NOTE_SES_SAID /* JSON: what SES said of it last, or why it could not be asked */
};

enum { STORE_NOTE_MAX = 1024 * 1024 }; /* bytes */

/** Keep a text in place of the one before. ST_NOT_FOUND no such domain; ST_TOO_LARGE; ST_IO. */
MUST_CHECK enum status store_note_put(struct store *store, const struct id *domain,
                                      enum store_note note, const char *text, struct why *why);

/** The text, owned by the caller. ST_NOT_FOUND: none was kept. */
MUST_CHECK enum status store_note_get(struct store *store, const struct id *domain,
                                      enum store_note note, char **text_out, struct why *why);

struct store_tenant {
    char name[STORE_NAME_SIZE];
    int64_t created_at;
    uint64_t domains; /* not removed */
};
typedef void store_tenant_visit(void *context, const struct store_tenant *tenant);

/** The tenants behind the name `after` ("": from the first), by name, at most `limit`. */
MUST_CHECK enum status store_tenant_list(struct store *store, const char *after, size_t limit,
                                         store_tenant_visit *visit, void *context, struct why *why);

/** ST_CONFLICT: there is one of this name. */
MUST_CHECK enum status store_tenant_add(struct store *store, const char *name, struct why *why);

/** ST_NOT_FOUND; ST_REFUSED it has domains that are not removed. What it had before stays. */
MUST_CHECK enum status store_tenant_remove(struct store *store, const char *name, struct why *why);

enum { STORE_FINDINGS_SIZE = 512 }; /* the codes that are kept of an event */

struct store_event_row {
    uint64_t number; /* grows with every event */
    struct id id;    /* the same for ever; "" for events of before ids were given */
    int64_t at;
    char tenant[STORE_NAME_SIZE];
    char domain[DOMAIN_NAME_SIZE];
    struct id domain_id; /* "" as above */
    char kind[64];
    char detail[STORE_REASON_SIZE];
    char status[16]; /* of the domain, after it and before; "": as above, or it was new */
    char previous[16];
    char findings[STORE_FINDINGS_SIZE]; /* codes, with blanks between */
};
typedef void store_event_visit(void *context, const struct store_event_row *event);

/** Which events of a domain name. */
struct store_event_choice {
    const char *domain;
    const char *tenant; /* NULL: whoever had the name; else only what happened to its entries */
    uint64_t before;    /* only those of a lower number; INT64_MAX: the newest */
    size_t limit;
};

/** Newest first. */
MUST_CHECK enum status store_events(struct store *store, const struct store_event_choice *choice,
                                    store_event_visit *visit, void *context, struct why *why);

/**
 * The first event behind `number` whose kind is one of these.
 *
 * @kinds  NULL-terminated, at most STORE_EVENT_KINDS_MAX
 * @return ST_OK; ST_NOT_FOUND there is none (yet); ST_IO
 */
enum { STORE_EVENT_KINDS_MAX = 8 };
MUST_CHECK enum status store_event_next(struct store *store, uint64_t number,
                                        const char *const *kinds, struct store_event_row *event_out,
                                        struct why *why);

/** Up to which event the operator has been told. Never goes back. Durable. */
MUST_CHECK enum status store_told_get(struct store *store, uint64_t *number_out, struct why *why);
MUST_CHECK enum status store_told_put(struct store *store, uint64_t number, struct why *why);

/* ---- messages -------------------------------------------------------------------------------- */

enum delivery_state {
    DELIVERY_QUEUED,  /* due at `due_at` */
    DELIVERY_LEASED,  /* an attempt is under way */
    DELIVERY_HELD,    /* waits for a person: `reason` */
    DELIVERY_BLOCKED, /* its destination is gone or said 410: `reason`; not attempted */
    DELIVERY_UNKNOWN, /* sent, not answered; will be repeated with the same id at `due_at` */
    DELIVERY_DONE,
    DELIVERY_DEAD /* out of attempts, or refused for good: kept until replayed or purged */
};

const char *delivery_state_name(enum delivery_state state);
MUST_CHECK enum status delivery_state_from_name(const char *name, enum delivery_state *out);

/** A message as committed. Strings are never NULL. */
struct store_message {
    struct id id;
    const char *tenant;
    const char *domain;     /* of its first recipient */
    const char *sender;     /* "" is the null sender */
    const char *recipients; /* envelope recipients accepted by us, one a line */
    const char *queue_id;
    const char *client_address;
    const char *client_name;
    const char *helo;
    const char *subject;          /* raw field value, cut; "" when none */
    const char *message_id_field; /* raw field value, cut; "" when none */
    const char *verdict;          /* JSON */
    int64_t received_at;
    uint64_t size;
    uint64_t header_length;
};

struct store_delivery {
    struct id id; /* also the webhook-id: never changes */
    struct id message_id;
    const char *tenant;
    const char *domain; /* of the recipient */
    const char *recipient;
    const char *route;       /* name */
    const char *action;      /* the route's word for the endpoint; "" when none */
    const char *destination; /* key, see config.h */
    const char *captures;    /* JSON object */
    enum delivery_state state;
    const char *reason;
    int64_t created_at;
    int64_t due_at;
    uint64_t attempts;
    uint64_t fence;            /* grows with every claim */
    uint64_t last_http_status; /* 0: none yet */
};

/** What makes two transactions the same message. */
struct store_dedupe {
    unsigned char key[SHA256_SIZE];
    bool until_acknowledged; /* the sender wrote no Message-ID and Date: forget the key with
                                store_acknowledge */
    int64_t keep_ms;
};

struct store_submit_result {
    enum status status;   /* OK; ST_REFUSED not wanted any more; ST_NO_SPACE; ST_AGAIN; ST_IO;
                             ST_INVALID no deliveries; ST_TOO_LARGE more than the maximum */
    bool duplicate;       /* with ST_OK: an earlier copy, or one of the same id, is durable; nothing
                             was added */
    struct id message_id; /* of the stored, or of the earlier copy */
    struct why why;
};

struct store_submission {
    const struct store_message *message;
    const char *body;     /* the message's bytes, of one that is not staged; NULL: in body_fd */
    int body_fd;          /* read with pread from 0 to message->size */
    const char *evidence; /* kept under the message's id; NULL or "": none */
    const struct store_delivery *deliveries; /* state QUEUED, HELD, or LEASED, with the fence, as
                                                if claimed; message_id is ignored */
    size_t delivery_count;
    const char *lease_owner; /* of those born LEASED */
    int64_t lease_ms;
    struct store_dedupe dedupe;
    /** Asked inside the transaction, and before each slice of a large body: false when the one who
     *  waits is gone, and nothing is stored. NULL: wanted always. */
    bool (*still_wanted)(void *context);
    void (*done)(void *context, const struct store_submit_result *result);
    void *context;
};

/**
 * Keep a message and its deliveries in one transaction (asynchronous; concurrent ones share one
 * sync). Blocks only to stage a body above STORE_STAGE_ABOVE: reads and writes it, slice after
 * slice, with memory for one, as long as it is wanted.
 *
 * @submission  borrowed, with all it points to, until `done` was called
 */
void store_submit(struct store *store, const struct store_submission *submission);

/** The milter has our answer: keys kept `until_acknowledged` are forgotten. Asynchronous, and may
 *  wait for STORE_PATIENCE_MS. */
void store_acknowledge(struct store *store, const struct id *message_id);

/** Read a message; its strings belong to the block *owner_out, which free() releases. */
MUST_CHECK enum status store_message_get(struct store *store, const char *id,
                                         struct store_message *message_out, void **owner_out,
                                         struct why *why);

/**
 * Read up to `size` bytes of the message from `offset`, never across a lock held longer than one
 * row: a read ends at a multiple of STORE_CHUNK_SIZE at the latest. *length_out 0 at the end.
 */
MUST_CHECK enum status store_body_read(struct store *store, const struct id *message_id,
                                       uint64_t offset, void *buffer, size_t size,
                                       size_t *length_out, struct why *why);

struct store_filter {
    const char *tenant; /* NULL: any; so are the others */
    const char *domain;
    const char *message_id;
    const char *delivery_id;
    const char *destination;
    const char *reason; /* why a delivery is held, blocked, dead: exactly this */
    const enum delivery_state *state;
    const char *before_id; /* continue behind this id: newest first */
    size_t limit;          /* of lists; 0: no limit */
};

typedef void store_message_visit(void *context, const struct store_message *message);
typedef void store_delivery_visit(void *context, const struct store_delivery *delivery);

/** Newest first. `state` selects messages with a delivery in that state. */
MUST_CHECK enum status store_message_list(struct store *store, const struct store_filter *filter,
                                          store_message_visit *visit, void *context,
                                          struct why *why);
MUST_CHECK enum status store_delivery_list(struct store *store, const struct store_filter *filter,
                                           store_delivery_visit *visit, void *context,
                                           struct why *why);

struct store_attempt {
    int64_t at;
    uint64_t number;      /* from 1; 0 in a completion: given back without an attempt */
    const char *outcome;  /* word of router/delivery/outcome.h */
    uint64_t http_status; /* 0: none */
    const char *detail;   /* network error or the start of the response */
    int64_t duration_ms;
};
typedef void store_attempt_visit(void *context, const struct store_attempt *attempt);
MUST_CHECK enum status store_attempts(struct store *store, const char *delivery_id,
                                      store_attempt_visit *visit, void *context, struct why *why);

/* ---- evidence: why a message was judged as it was ---------------------------------------------
 */

enum {
    STORE_EVIDENCE_MAX = 64 * 1024,                /* bytes of one; more is not kept */
    STORE_EVIDENCE_REFUSED_MAX = 256 * 1024 * 1024 /* of all refused mail; the oldest goes first */
};

/** With a message it is durable with it, and stays when the message is purged. */
struct store_evidence {
    struct id id; /* of the message, or of its refusal */
    bool refused; /* there is no message */
    const char *tenant;
    const char *domain;
    const char *data; /* JSON of common/evidence.h */
};

/** ST_OK: it can be read now. ST_TOO_LARGE, ST_NO_SPACE, ST_AGAIN, ST_IO: it is not kept. */
typedef void store_evidence_done(void *context, enum status status, const struct why *why);

/**
 * Keep the evidence of a message that was refused. Asynchronous and copied; without a sync of its
 * own: a power cut may lose that of the last seconds.
 *
 * @done  called once, on a thread of the store, or before this returns; must not block
 */
void store_evidence_put(struct store *store, const struct store_evidence *evidence,
                        store_evidence_done *done, void *context);

/** Read it; its strings belong to the block *owner_out, which free() releases. ST_NOT_FOUND. */
MUST_CHECK enum status store_evidence_get(struct store *store, const char *id,
                                          struct store_evidence *evidence_out, void **owner_out,
                                          struct why *why);

/**
 * Delete the evidence of ids made before this moment, and the oldest of refused mail while there is
 * more of it than STORE_EVIDENCE_REFUSED_MAX. At most `limit` a call.
 */
MUST_CHECK enum status store_evidence_purge(struct store *store, int64_t before_ms, size_t limit,
                                            uint64_t *count_out, struct why *why);

/* ---- deliveries --------------------------------------------------------------------------------
 */

struct store_due {
    char destination[STORE_NAME_SIZE + DOMAIN_NAME_SIZE];
    int64_t due_at; /* the earliest of that destination */
};
typedef void store_due_visit(void *context, const struct store_due *due);

/** Each destination that has queued or unknown deliveries, with its earliest due time. */
MUST_CHECK enum status store_due_list(struct store *store, store_due_visit *visit, void *context,
                                      struct why *why);

struct store_claim {
    const char *owner;       /* this process */
    const char *destination; /* key */
    size_t most;
    int64_t lease_ms;
    /** `deliveries` are borrowed for the call. `next_due_at`: the earliest that is left, or 0. */
    void (*done)(void *context, enum status status, const struct store_delivery *deliveries,
                 size_t count, int64_t next_due_at);
    void *context;
};

/**
 * Lease due deliveries of one destination, oldest due first (asynchronous; durable only with the
 * next durable write: a lease lost in a crash only means an earlier repeat). A lease that runs out
 * goes back to queued, due at once, within about a second; all of them do at open.
 *
 * @claim  borrowed until `done` was called
 */
void store_claim(struct store *store, const struct store_claim *claim);

struct store_completion {
    struct id delivery_id;
    uint64_t fence; /* as claimed: a late worker changes nothing */
    enum delivery_state state;
    const char *reason;
    int64_t due_at; /* of QUEUED and UNKNOWN */
    struct store_attempt attempt;
    bool can_wait;                                   /* see STORE_PATIENCE_MS */
    void (*done)(void *context, enum status status); /* ST_CONFLICT: the fence is old */
    void *context;
};

/** Record an attempt and the state it led to (asynchronous). The completion is copied. */
void store_complete(struct store *store, const struct store_completion *completion);

/** The recipients of a message in this domain that go to this destination, one a line, owned.
 *  ST_NOT_FOUND when there are none. */
MUST_CHECK enum status store_recipients_for(struct store *store, const struct id *message_id,
                                            const char *domain, const char *destination,
                                            char **recipients_out, struct why *why);

/**
 * Queue again, due now, with fresh attempts: what is dead, blocked, unknown, queued later, or done
 * (replay), as selected; an empty filter is refused (ST_INVALID). The webhook-id stays. Done ones
 * only when asked for by state, message or delivery.
 *
 * @count_out  how many
 */
MUST_CHECK enum status store_delivery_retry(struct store *store, const struct store_filter *filter,
                                            uint64_t *count_out, struct why *why);

/** Held deliveries → queued. By message_id or delivery_id, domain, tenant (and reason); empty:
 *  ST_INVALID. */
MUST_CHECK enum status store_hold_release(struct store *store, const struct store_filter *filter,
                                          uint64_t *count_out, struct why *why);

/** Held deliveries → dead, with `reason`. */
MUST_CHECK enum status store_hold_discard(struct store *store, const struct store_filter *filter,
                                          const char *reason, uint64_t *count_out, struct why *why);

/** Held deliveries whose hold is over: dead with reason "hold expired". Held before `before_ms`. */
MUST_CHECK enum status store_hold_expire(struct store *store, int64_t before_ms,
                                         uint64_t *count_out, struct why *why);

/** All waiting deliveries of a destination → blocked with `reason`. */
MUST_CHECK enum status store_block(struct store *store, const char *destination, const char *reason,
                                   struct why *why);

/** Deliveries of a destination blocked with exactly this reason (NULL: any) → queued. */
MUST_CHECK enum status store_unblock(struct store *store, const char *destination,
                                     const char *reason, uint64_t *count_out, struct why *why);

/* ---- backup ----------------------------------------------------------------------------------
 */

struct store_backup_result {
    uint64_t bytes;
    int64_t duration_ms;
};

/**
 * Copy the whole store to a new file, synced, while it works. The copy is of one moment: the end.
 * To restore it, put it in the store's place while no daemon runs (docs/operations.md).
 *
 * @path    absolute; created with mode 0600
 * @return  ST_OK; ST_INVALID; ST_CONFLICT the file exists; ST_NO_SPACE; ST_IO. On failure no file
 *          is left
 * @thread  any; blocks for the whole copy, but nothing else does
 */
MUST_CHECK enum status store_backup(struct store *store, const char *path,
                                    struct store_backup_result *result_out, struct why *why);

/* ---- room --------------------------------------------------------------------------------------
 */

struct store_usage {
    uint64_t messages;
    uint64_t bytes;
};

/** What a tenant ("" = all) keeps in the store. From memory, never blocks on the writer. */
void store_usage(struct store *store, const char *tenant, struct store_usage *out);

struct store_room {
    uint64_t database_bytes; /* in use; room inside the file that new messages can take is not */
    uint64_t wal_bytes;
    uint64_t free_disk_bytes;
};

/** Sizes on disk, at most a second old. Never blocks on the writer. */
void store_room(struct store *store, struct store_room *out);

struct store_counts {
    uint64_t messages;
    uint64_t deliveries[DELIVERY_DEAD + 1]; /* by state */
    uint64_t oldest_queued_ms;              /* age of the oldest due one; 0: none */
    uint64_t commits;                       /* durable transactions since the start */
    uint64_t submitted;                     /* messages committed since the start */
};
MUST_CHECK enum status store_counts(struct store *store, struct store_counts *out, struct why *why);

/**
 * Delete messages whose deliveries are all done since `done_before_ms`, or done/dead since
 * `dead_before_ms` (0: keep the dead), and expired dedupe keys. At most `limit` messages a call,
 * and a bounded number of keys; at most 64 MB are given back to the file system.
 */
MUST_CHECK enum status store_purge(struct store *store, int64_t done_before_ms,
                                   int64_t dead_before_ms, size_t limit, uint64_t *count_out,
                                   struct why *why);

#endif
