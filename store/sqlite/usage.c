// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/map.h"
#include "common/xalloc.h"

struct usage {
    struct usage_change *staged; /* of the writer thread, as are count and size */
    size_t staged_count;
    size_t staged_size;
    pthread_mutex_t mutex; /* protects what follows */
    struct map *tenants;   /* name -> struct store_usage */
    struct store_usage total;
    uint64_t deliveries;
    uint64_t submitted;
};

struct usage *
usage_new(void)
{
    struct usage *usage = xcalloc(1, sizeof(*usage));
    usage->tenants = map_new();
    (void)pthread_mutex_init(&usage->mutex, NULL);
    return usage;
}

void
usage_free(struct usage *usage)
{
    if (usage == NULL) {
        return;
    }
    map_free(usage->tenants, free);
    (void)pthread_mutex_destroy(&usage->mutex);
    free(usage->staged);
    free(usage);
}

static void
add(struct store_usage *usage, const struct usage_change *change)
{
    usage->messages += (uint64_t)change->messages; // wraps back for negative numbers
    usage->bytes += (uint64_t)change->bytes;
}

static void
apply_one(struct usage *usage, const struct usage_change *change)
{
    struct store_usage *tenant = map_get(usage->tenants, change->tenant);
    if (tenant == NULL) {
        tenant = xcalloc(1, sizeof(*tenant));
        (void)map_put(usage->tenants, change->tenant, tenant);
    }
    add(tenant, change);
    add(&usage->total, change);
    usage->deliveries += (uint64_t)change->deliveries;
}

enum status
usage_load(struct usage *usage, struct sql *sql, struct why *why)
{
    AUTO_QUERY *query = NULL;
    enum status status =
        sql_query(sql, "SELECT tenant, count(*), sum(size) FROM message GROUP BY tenant",
                  SQL_NO_VALUES, &query, why);
    AUTO_LOCK(lock, &usage->mutex);
    while (status == ST_OK && (status = query_next(query, why)) == ST_OK) {
        struct usage_change change = {.messages = query_int(query, 1),
                                      .bytes = query_int(query, 2)};
        (void)snprintf(change.tenant, sizeof(change.tenant), "%s", query_text(query, 0));
        apply_one(usage, &change);
    }
    if (status != ST_NOT_FOUND) {
        return status;
    }
    int64_t deliveries = 0;
    status = sql_number(sql, "SELECT count(*) FROM delivery", SQL_NO_VALUES, &deliveries, why);
    usage->deliveries = (uint64_t)deliveries;
    return status;
}

void
usage_stage(struct usage *usage, const struct usage_change *change)
{
    if (usage->staged_count == usage->staged_size) {
        usage->staged_size = usage->staged_size == 0 ? 64 : usage->staged_size * 2;
        usage->staged = xreallocarray(usage->staged, usage->staged_size, sizeof(*usage->staged));
    }
    usage->staged[usage->staged_count++] = *change;
}

size_t
usage_mark(const struct usage *usage)
{
    return usage->staged_count;
}

void
usage_rewind(struct usage *usage, size_t mark)
{
    usage->staged_count = mark;
}

void
usage_apply(struct usage *usage)
{
    if (usage->staged_count == 0) {
        return;
    }
    AUTO_LOCK(lock, &usage->mutex);
    for (size_t i = 0; i < usage->staged_count; i++) {
        const struct usage_change *change = &usage->staged[i];
        apply_one(usage, change);
        usage->submitted += change->messages > 0 ? (uint64_t)change->messages : 0;
    }
    usage->staged_count = 0;
}

void
usage_get(struct usage *usage, const char *tenant, struct store_usage *out)
{
    AUTO_LOCK(lock, &usage->mutex);
    const struct store_usage *found =
        tenant[0] == '\0' ? &usage->total : map_get(usage->tenants, tenant);
    *out = found == NULL ? (struct store_usage){.messages = 0} : *found;
}

void
usage_totals(struct usage *usage, uint64_t *deliveries_out, uint64_t *submitted_out)
{
    AUTO_LOCK(lock, &usage->mutex);
    *deliveries_out = usage->deliveries;
    *submitted_out = usage->submitted;
}
