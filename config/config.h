// SPDX-License-Identifier: Apache-2.0
// The configuration: mailspur.yaml and domains.d/*.yaml, read, checked and immutable. A reload
// makes a new one beside the old; users hold a reference to the one they began with.
//
// Files hold what operators decide (routes, destinations, policies); the registry in the store
// holds what happens (which domains exist, their status, inbound on or off).
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/network.h"
#include "common/policy.h"
#include "common/status.h"
#include "config/diagnostics.h"
#include "config/pattern.h"
#include "config/profile.h"

#define CONFIG_DEFAULT_PATH "/etc/mailspur/mailspur.yaml"

struct config_socket {
    char *path;
    mode_t mode;
    char *group; /* NULL: the process's own */
};

enum { CONFIG_BACKUP_MX_MAX = 4 };

struct config_networks {
    struct network *items;
    size_t count;
};

struct config_texts {
    char **items;
    size_t count;
};

struct config_store {
    char *path;           /* of the database */
    int64_t keep_done_ms; /* delivered messages stay this long, for replay */
    int64_t keep_dead_ms; /* 0: until purged by hand */
    int64_t hold_for_ms;  /* held mail expires after this */
    int64_t dedupe_for_ms;
    int64_t keep_evidence_ms; /* why a message was judged as it was; 0: none is made */
};

/** What `tenants:` says of one of them; 0: what stands in `limits`. */
struct config_tenant {
    char *name;
    uint64_t percent;
    uint64_t store_bytes; /* these two stand in the place of its share */
    uint64_t store_messages;
    bool sets_messages_per_minute; /* 0 is a value of its own here: no limit */
    bool sets_recipients_per_minute;
    bool sets_checks_per_minute;
    uint64_t messages_per_minute;
    uint64_t recipients_per_minute;
    uint64_t checks_per_minute;
};

struct config_limits {
    uint64_t message_bytes;
    uint64_t store_bytes; /* messages, database and WAL together */
    uint64_t store_messages;
    uint64_t min_free_disk;                /* refuse mail below it */
    uint64_t tenant_percent;               /* a tenant's share of store_bytes and store_messages */
    uint64_t recipients;                   /* per transaction */
    uint64_t hops;                         /* Received fields; more is a loop */
    uint64_t pending_domains;              /* per tenant */
    uint64_t domains;                      /* per tenant, removed ones apart */
    uint64_t tenant_messages_per_minute;   /* 0: no limit */
    uint64_t tenant_recipients_per_minute; /* 0: no limit */
    uint64_t tenant_checks_per_minute;     /* that are asked for by hand; 0: no limit */
    struct config_tenant *tenants;         /* those with limits of their own, sorted by name */
    size_t tenant_count;
};

/** The limits of one tenant, worked out. */
struct config_tenant_limits {
    uint64_t store_bytes;
    uint64_t store_messages;
    uint64_t messages_per_minute;   /* 0: no limit */
    uint64_t recipients_per_minute; /* 0: no limit */
    uint64_t checks_per_minute;     /* 0: no limit */
};

struct config_dns {
    struct config_texts servers; /* "address" or "address:port", "[v6]:port"; at least one */
    int64_t timeout_ms;          /* of one try */
    uint64_t tries;              /* per server */
    uint64_t cache_bytes;
    uint64_t queries_per_message;
    int64_t time_per_message_ms;
};

enum config_discovery { CONFIG_DISCOVERY_TREEWALK, CONFIG_DISCOVERY_PSL };

/** Whose mail is judged: that of our domains, or that of Postfix's own recipients too. */
enum config_authenticate { CONFIG_AUTHENTICATE_ROUTED, CONFIG_AUTHENTICATE_ALL };

/** What a verdict does to the mail of Postfix's own recipients. */
enum config_own_mail { CONFIG_OWN_MAIL_TAG, CONFIG_OWN_MAIL_ENFORCE };

struct config_milter {
    char *socket; /* "unix:/path" or "inet:port@host" as libmilter takes it */
    mode_t socket_mode;
    char *socket_group;
    char *spool;               /* folder for unlinked files of large messages */
    uint64_t messages_at_once; /* end-of-message callbacks; one more gets 451 */
    enum config_authenticate authenticate;
    enum config_own_mail own_mail;
    enum config_discovery dmarc_discovery;
    bool received_spf;      /* add the Received-SPF field (RFC 7208, 9.1) too */
    bool shadow;            /* the reference libraries judge too, and are compared with */
    char *reference_helper; /* path of mailspur-reference, which the shadow needs */
    uint64_t helpers;       /* how many of it */
};

/** What `verified` asks of the MX record. */
enum config_mx { CONFIG_MX_WATCH, CONFIG_MX_REQUIRED };
/** What a domain needs for its inbound to be switched on. */
enum config_inbound_needs { CONFIG_NEEDS_VERIFIED, CONFIG_NEEDS_OWNERSHIP };

/** Amazon SES, for domains of the profile `ses`. The files are read when they are needed. */
struct config_ses {
    char *access_key_file; /* NULL: SES is not used */
    char *secret_key_file;
    char *session_token_file; /* NULL: none */
    char *endpoint;           /* NULL: by region */
    char *ca_file;            /* NULL: the system's */
    char *installation;       /* value of the tag on identities that are ours */
    int64_t interval_ms;      /* least time between two calls in one region */
};

struct config_verification {
    char *profiles;        /* folder of the operator's profile files */
    char *default_profile; /* exists */
    char *region;          /* of domains that name none */
    char *mail_from;       /* label of the MAIL FROM domain below a tenant's */
    char *spf_include;     /* the operator's SPF zone; NULL: not set */
    char *dkim_zone;       /* where the CNAMEs of our own DKIM keys lead to; NULL: not set */
    char *dkim_keys;       /* folder of private keys */
    char *dmarc_report;    /* address, may hold {domain} */
    enum config_mx mx;
    enum config_inbound_needs inbound_needs;
    int64_t pending_for_ms;
    int64_t grace_ms; /* at_risk for so long, and `misses` checks, before failed */
    uint64_t misses;
    int64_t confirm_after_ms; /* least time between two misses that count */
    int64_t deferred_for_ms;  /* mail: 450 for so long after grace, then 550 */
    uint64_t checks_at_once;
    int64_t by_hand_every_ms;             /* a check of a domain, after some at once; 0: always */
    uint64_t queries_per_server;          /* a second, to one server address; 0: no limit */
    struct config_networks allow_private; /* name servers in these are asked nevertheless */
    struct config_texts reserved_names;   /* no tenant's, nor what is below them; A-labels */
    char *events;                         /* key of the destination for webhooks; NULL: none */
    struct config_ses ses;
};

enum destination_kind { DESTINATION_PSA, DESTINATION_CRM, DESTINATION_PORTAL };
enum destination_format { FORMAT_JSON, FORMAT_RAW };

enum { CONFIG_SECRETS_MAX = 2, CONFIG_SECRET_BYTES_MAX = 64 };

struct config_secret {
    unsigned char bytes[CONFIG_SECRET_BYTES_MAX]; /* decoded key of a whsec_ text */
    size_t length;
};

struct config_destination {
    char *key;    /* what deliveries store: "name", or "domain/name" from a domain file */
    char *tenant; /* NULL: for any; else for this tenant's mail only */
    enum destination_kind kind;
    char *url;
    enum destination_format format;
    struct config_secret secrets[CONFIG_SECRETS_MAX]; /* current first, then the one rotated out */
    size_t secret_count;
    char *authorization; /* whole Authorization header value read from a file; NULL: none */
    char *ca_file;       /* NULL: the system's */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    uint64_t concurrency;
    int64_t retry_first_ms;               /* wait after the first failure; doubles, with jitter */
    int64_t retry_most_ms;                /* longest wait */
    int64_t retry_for_ms;                 /* age at which a delivery becomes a dead letter */
    struct config_networks allow_private; /* else private and loopback addresses are refused */
    bool allow_http;                      /* else https only */
};

struct config_route {
    char *name;
    struct pattern *recipient;
    char *action; /* a word for the endpoint, such as "note"; "" when none */
    const struct config_destination **destinations;
    size_t destination_count;
    bool stop;    /* default true: later routes are not looked at */
    char *reject; /* not NULL: refuse with this text, 550 5.7.1 */
};

struct config_domain {
    char *name;   /* A-labels */
    char *file;   /* for messages */
    char *tenant; /* whose routes these are; NULL: of whoever holds the name */
    struct policy policy;
    char policy_key[65];
    struct config_networks trusted_networks; /* of the domain and the global ones together */
    char *forwarders;                        /* as common/forwarder.h writes them; "": none */
    struct config_route *routes;             /* in order */
    size_t route_count;
};

struct config {
    uint64_t generation; /* grows with each load in this process */
    char *path;
    char *hostname; /* our name: Received, events, authserv-id unless set */
    char *authserv_id;
    struct config_socket control;
    struct config_socket intake;
    struct config_socket socketmap;
    struct config_store store;
    struct config_limits limits;
    struct config_dns dns;
    struct config_milter milter;
    char *inbound_mx;              /* host that tenants point their MX at */
    struct config_texts backup_mx; /* further ones, after it in this order */
    struct config_verification verification;
    struct config_profile *profiles; /* sorted by name */
    size_t profile_count;
    struct config_destination **destinations; /* sorted by key */
    size_t destination_count;
    struct config_domain **domains; /* sorted by name */
    size_t domain_count;
};

/**
 * Read and check mailspur.yaml at `path` and its domains.d folder. Tells every error of one run.
 *
 * @diagnostics  errors and warnings are added, with file:line:column
 * @config_out   one reference for the caller; only on ST_OK
 * @return       ST_OK (there may be warnings); ST_INVALID
 */
MUST_CHECK enum status config_load(const char *path, struct diagnostics *diagnostics,
                                   struct config **config_out);

/**
 * As config_load, but only what belongs to the host itself: no destinations and no domains, so no
 * file with secrets is opened. For mailspur-milter, which may not read them.
 */
MUST_CHECK enum status config_load_host(const char *path, struct diagnostics *diagnostics,
                                        struct config **config_out);

/** Another reference. Any thread. Returns the same. */
struct config *config_ref(struct config *config);

/** Drop a reference; the last one frees. NULL-safe. Any thread. */
void config_unref(struct config *config);

/** Look up by name (A-labels) or key; NULL when there is none. Borrowed from the config. */
const struct config_domain *config_find_domain(const struct config *config, const char *name);
const struct config_destination *config_find_destination(const struct config *config,
                                                         const char *key);

/** True if requests to both are the same: where they go, how they are signed and what may become
 *  of them. (Not: how many at once, nor when they are repeated.) */
bool config_same_endpoint(const struct config_destination *a, const struct config_destination *b);
const struct config_profile *config_find_profile(const struct config *config, const char *name);

/** The same for a name that a person wrote: ST_INVALID says which profiles there are, each with its
 *  description where there is room for them. */
MUST_CHECK enum status config_get_profile(const struct config *config, const char *name,
                                          const struct config_profile **out, struct why *why);

/** What a tenant may have: its own entry of `tenants`, else its share. Any tenant has some. */
void config_tenant_limits(const struct config_limits *limits, const char *tenant,
                          struct config_tenant_limits *out);

/** Section `policy` itself, which also counts for mail that no domain's file speaks of. Borrowed.
 */
const struct policy *config_host_policy(const struct config *config);
const struct config_networks *config_host_trusted_networks(const struct config *config);

/** The configuration in force, exchanged by reload. */
struct config_holder;

struct config_holder *config_holder_new(struct config *first); /* takes the reference */
void config_holder_free(struct config_holder *holder);
struct config *config_holder_get(struct config_holder *holder); /* a reference: config_unref it */
void config_holder_set(struct config_holder *holder, struct config *next); /* takes it */

static inline void
config_cleanup(struct config **config)
{
    config_unref(*config);
}
#define AUTO_CONFIG AUTO(config_cleanup) struct config

#endif
