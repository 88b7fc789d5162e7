// SPDX-License-Identifier: Apache-2.0
#include "router/limits.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"

// What is promised and not yet in the store.
struct promised {
    uint64_t messages;
    uint64_t bytes;
};

struct limits {
    struct store *store;
    pthread_mutex_t mutex; /* protects what follows */
    struct promised all;
    struct map *tenants; /* name → struct promised; only those that hold something */
};

static const struct smtp_reply TOO_LARGE = {552, "5.3.4", "message larger than this host takes"};
static const struct smtp_reply NO_ROOM = {452, "4.3.1", "no room for mail at the moment"};
static const struct smtp_reply SHARE_USED = {452, "4.2.2",
                                             "this domain's share of room is used up"};

struct limits *
limits_new(struct store *store)
{
    struct limits *limits = xcalloc(1, sizeof(*limits));
    limits->store = store;
    (void)pthread_mutex_init(&limits->mutex, NULL); // cannot fail without attributes
    limits->tenants = map_new();
    return limits;
}

void
limits_free(struct limits *limits)
{
    if (limits == NULL) {
        return;
    }
    map_free(limits->tenants, free);
    (void)pthread_mutex_destroy(&limits->mutex);
    free(limits);
}

static uint64_t
percent_of(uint64_t whole, uint64_t percent)
{
    return whole / 100 * percent + whole % 100 * percent / 100;
}

static bool
fits(uint64_t used, uint64_t promised, uint64_t more, uint64_t limit)
{
    return used <= limit && promised <= limit - used && more <= limit - used - promised;
}

static bool
host_has_room(struct store *store, const struct config_limits *settings,
              const struct promised *promised, uint64_t bytes)
{
    struct store_usage usage;
    struct store_room room;
    store_usage(store, "", &usage);
    store_room(store, &room);
    uint64_t on_disk = room.database_bytes + room.wal_bytes;
    uint64_t used = usage.bytes > on_disk ? usage.bytes : on_disk; // on_disk may be a second old
    uint64_t spare = room.free_disk_bytes > settings->min_free_disk
                         ? room.free_disk_bytes - settings->min_free_disk
                         : 0;
    return fits(usage.messages, promised->messages, 1, settings->store_messages) &&
           fits(used, promised->bytes, bytes, settings->store_bytes) &&
           fits(0, promised->bytes, bytes, spare);
}

static bool
tenant_has_room(struct store *store, const struct config_limits *settings, const char *tenant,
                const struct promised *promised, uint64_t bytes)
{
    struct store_usage usage;
    store_usage(store, tenant, &usage);
    uint64_t percent = settings->tenant_percent;
    return fits(usage.messages, promised->messages, 1,
                percent_of(settings->store_messages, percent)) &&
           fits(usage.bytes, promised->bytes, bytes, percent_of(settings->store_bytes, percent));
}

static struct promised
promised_to(const struct limits *limits, const char *tenant)
{
    const struct promised *found = map_get(limits->tenants, tenant);
    return found == NULL ? (struct promised){.messages = 0} : *found;
}

static void
take_back(struct limits *limits, struct reservation *reservation)
{
    if (!reservation->held) {
        return;
    }
    struct promised *tenant = map_get(limits->tenants, reservation->tenant);
    limits->all.messages--;
    limits->all.bytes -= reservation->bytes;
    tenant->messages--;
    tenant->bytes -= reservation->bytes;
    if (tenant->messages == 0) {
        free(map_remove(limits->tenants, reservation->tenant));
    }
    reservation->held = false;
}

static void
promise(struct limits *limits, const char *tenant, uint64_t bytes, struct reservation *reservation)
{
    struct promised *sum = map_get(limits->tenants, tenant);
    if (sum == NULL) {
        sum = xcalloc(1, sizeof(*sum));
        (void)map_put(limits->tenants, tenant, sum); // nothing stood there
    }
    limits->all.messages++;
    limits->all.bytes += bytes;
    sum->messages++;
    sum->bytes += bytes;
    *reservation = (struct reservation){.held = true, .bytes = bytes};
    memcpy(reservation->tenant, tenant, strnlen(tenant, STORE_NAME_SIZE - 1));
}

static const struct smtp_reply *
refusal(const struct limits *limits, const struct config_limits *settings, const char *tenant,
        uint64_t bytes)
{
    const struct promised of_tenant = promised_to(limits, tenant);
    if (!host_has_room(limits->store, settings, &limits->all, bytes)) {
        return &NO_ROOM;
    }
    if (!tenant_has_room(limits->store, settings, tenant, &of_tenant, bytes)) {
        return &SHARE_USED;
    }
    return NULL;
}

const struct smtp_reply *
limits_reserve(struct limits *limits, const struct config_limits *settings, const char *tenant,
               uint64_t bytes, struct reservation *reservation)
{
    if (bytes > settings->message_bytes) {
        return &TOO_LARGE;
    }
    AUTO_LOCK(lock, &limits->mutex);
    struct reservation before = *reservation;
    take_back(limits, reservation);
    const struct smtp_reply *reply = refusal(limits, settings, tenant, bytes);
    if (reply == NULL) {
        promise(limits, tenant, bytes, reservation);
    } else if (before.held) {
        promise(limits, before.tenant, before.bytes, reservation);
    }
    return reply;
}

void
limits_release(struct limits *limits, struct reservation *reservation)
{
    AUTO_LOCK(lock, &limits->mutex);
    take_back(limits, reservation);
}
