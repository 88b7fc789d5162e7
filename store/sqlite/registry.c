// SPDX-License-Identifier: Apache-2.0
// Domains.
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "store/sqlite/events.h"
#include "store/sqlite/internal.h"

enum { DOMAINS_PAGE = 100 };

struct put {
    const struct store_domain *domain;
    uint64_t expected_version;
    const struct store_event *event;
    uint64_t version; /* given to the row */
};

static enum status
next_version(struct sql *sql, uint64_t *version_out, struct why *why)
{
    int64_t version = 0;
    enum status status = sql_run(
        sql, "UPDATE counter SET value = value + 1 WHERE name = 'registry'", SQL_NO_VALUES, why);
    if (status == ST_OK) {
        status = sql_number(sql, "SELECT value FROM counter WHERE name = 'registry'", SQL_NO_VALUES,
                            &version, why);
    }
    *version_out = (uint64_t)version;
    return status;
}

// In the order of domain_values() and of read_domain().
#define DOMAIN_COLUMNS                                                                             \
    "tenant, name, profile, region, token, status, inbound, claims, needs_approval, approved,"     \
    " mail, mx_points_here, releases_identity, forgotten, checks, misses, ownership_misses,"       \
    " status_ms, ownership_missing_ms, created_at, owned_at, verified_at, checked_at,"             \
    " missing_since, ownership_missing_since, claim_seen_at, contested_at, failed_at, removed_at," \
    " next_check_at, version"
#define DOMAIN_PLACES                                                                              \
    "?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26," \
    "?27,?28,?29,?30,?31,?32"

static enum status
write_domain(const struct put *put, struct sql *sql, struct why *why)
{
    static const char INSERT[] =
        "INSERT INTO domain (id, " DOMAIN_COLUMNS ") VALUES (?1, " DOMAIN_PLACES ")";
    static const char UPDATE[] = "UPDATE domain SET (" DOMAIN_COLUMNS ") = (" DOMAIN_PLACES
                                 ") WHERE id = ?1 AND version = ?33";
    const struct store_domain *domain = put->domain;
    const struct sql_value values[] = {
        SQL_TEXT(domain->id.text),
        SQL_TEXT(domain->tenant),
        SQL_TEXT(domain->name),
        SQL_TEXT(domain->profile),
        SQL_TEXT(domain->region),
        SQL_TEXT(domain->token),
        SQL_TEXT(domain_status_name(domain->status)),
        SQL_INT(domain->inbound),
        SQL_INT(domain->claims),
        SQL_INT(domain->needs_approval),
        SQL_INT(domain->approved),
        SQL_TEXT(domain_mail_name(domain->mail)),
        SQL_INT(domain->mx_points_here),
        SQL_INT(domain->releases_identity),
        SQL_INT(domain->forgotten),
        SQL_INT(domain->checks),
        SQL_INT(domain->misses),
        SQL_INT(domain->ownership_misses),
        SQL_INT(domain->status_ms),
        SQL_INT(domain->ownership_missing_ms),
        SQL_INT(domain->created_at),
        SQL_INT(domain->owned_at),
        SQL_INT(domain->verified_at),
        SQL_INT(domain->checked_at),
        SQL_INT(domain->missing_since),
        SQL_INT(domain->ownership_missing_since),
        SQL_INT(domain->claim_seen_at),
        SQL_INT(domain->contested_at),
        SQL_INT(domain->failed_at),
        SQL_INT(domain->removed_at),
        SQL_INT(domain->next_check_at),
        SQL_INT(put->version),
        SQL_INT(put->expected_version),
    };
    bool is_new = put->expected_version == 0;
    enum status status =
        sql_run(sql, is_new ? INSERT : UPDATE, values, ARRAY_LEN(values) - (is_new ? 1 : 0), why);
    if (status == ST_CONFLICT) {
        return why_set(why, status, "domain %s exists", domain->name);
    }
    if (status == ST_OK && sql_changes(sql) == 0) {
        return why_set(why, ST_CONFLICT, "domain %s was changed meanwhile: not at version %" PRIu64,
                       domain->name, put->expected_version);
    }
    return status;
}

// "" for one that is new.
static enum status
read_status(struct sql *sql, const struct id *id, char out[EVENT_STATUS_SIZE], struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(sql, "SELECT status FROM domain WHERE id = ?",
                                   SQL_VALUES(SQL_TEXT(id->text)), &query, why);
    if (status == ST_OK) {
        status = query_next(query, why);
    }
    if (status == ST_OK) {
        (void)snprintf(out, EVENT_STATUS_SIZE, "%s", query_text(query, 0));
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

static enum status
run_put(void *context, struct sql *sql, struct why *why)
{
    struct put *put = context;
    enum status status =
        sql_run(sql,
                "INSERT INTO tenant (name, created_at) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET removed_at = 0 WHERE ?3 = 0",
                SQL_VALUES(SQL_TEXT(put->domain->tenant), SQL_INT(clock_steady_ms()),
                           SQL_INT(put->expected_version)),
                why);
    if (status == ST_OK) {
        status = next_version(sql, &put->version, why);
    }
    char previous[EVENT_STATUS_SIZE] = "";
    if (status == ST_OK) {
        status = read_status(sql, &put->domain->id, previous, why);
    }
    if (status == ST_OK) {
        status = write_domain(put, sql, why);
    }
    return status == ST_OK ? events_write(sql, put->domain, previous, put->event, why) : status;
}

enum status
store_domain_put(struct store *store, struct store_domain *domain, uint64_t expected_version,
                 const struct store_event *event, struct why *why)
{
    struct put put = {.domain = domain, .expected_version = expected_version, .event = event};
    struct operation operation = {.run = run_put, .context = &put, .durable = event != NULL};
    enum status status = writer_call(store->writer, &operation, why);
    if (status == ST_OK) {
        domain->version = put.version;
    }
    return status;
}

static enum status
read_domain(struct query *query, struct store_domain *domain_out, struct why *why)
{
    struct store_domain *domain = domain_out;
    *domain = (struct store_domain){
        .inbound = query_int(query, 7) != 0,
        .claims = query_int(query, 8) != 0,
        .needs_approval = query_int(query, 9) != 0,
        .approved = query_int(query, 10) != 0,
        .mx_points_here = query_int(query, 12) != 0,
        .releases_identity = query_int(query, 13) != 0,
        .forgotten = query_int(query, 14) != 0,
        .checks = (uint32_t)query_int(query, 15),
        .misses = (uint32_t)query_int(query, 16),
        .ownership_misses = (uint32_t)query_int(query, 17),
        .status_ms = query_int(query, 18),
        .ownership_missing_ms = query_int(query, 19),
        .created_at = query_int(query, 20),
        .owned_at = query_int(query, 21),
        .verified_at = query_int(query, 22),
        .checked_at = query_int(query, 23),
        .missing_since = query_int(query, 24),
        .ownership_missing_since = query_int(query, 25),
        .claim_seen_at = query_int(query, 26),
        .contested_at = query_int(query, 27),
        .failed_at = query_int(query, 28),
        .removed_at = query_int(query, 29),
        .next_check_at = query_int(query, 30),
        .version = (uint64_t)query_int(query, 31),
    };
    id_read(query, 0, &domain->id);
    (void)snprintf(domain->tenant, sizeof(domain->tenant), "%s", query_text(query, 1));
    (void)snprintf(domain->name, sizeof(domain->name), "%s", query_text(query, 2));
    (void)snprintf(domain->profile, sizeof(domain->profile), "%s", query_text(query, 3));
    (void)snprintf(domain->region, sizeof(domain->region), "%s", query_text(query, 4));
    (void)snprintf(domain->token, sizeof(domain->token), "%s", query_text(query, 5));
    const char *status = query_text(query, 6);
    const char *mail = query_text(query, 11);
    if (domain_status_from_name(status, &domain->status) != ST_OK ||
        domain_mail_from_name(mail, &domain->mail) != ST_OK) {
        return why_set(why, ST_IO, "store: domain %s has status \"%.20s\", mail \"%.20s\"",
                       domain->name, status, mail);
    }
    return ST_OK;
}

static enum status
domain_page(struct store *store, uint64_t after, struct store_domain *rows, size_t *count_out,
            struct why *why)
{
    AUTO_READER reader = reader_borrow(store->readers);
    AUTO_QUERY *query = NULL;
    enum status status = sql_query(reader.sql,
                                   "SELECT id, " DOMAIN_COLUMNS
                                   " FROM domain WHERE version > ? ORDER BY version LIMIT ?",
                                   SQL_VALUES(SQL_INT(after), SQL_INT(DOMAINS_PAGE)), &query, why);
    *count_out = 0;
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        status = read_domain(query, &rows[*count_out], why);
        (*count_out)++;
    }
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
store_domains_since(struct store *store, uint64_t after_version, store_domain_visit *visit,
                    void *context, struct why *why)
{
    struct store_domain rows[DOMAINS_PAGE];
    size_t count;
    do {
        count = 0;
        enum status status = domain_page(store, after_version, rows, &count, why);
        if (status != ST_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            visit(context, &rows[i]);
            after_version = rows[i].version;
        }
    } while (count == DOMAINS_PAGE);
    return ST_OK;
}
