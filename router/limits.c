// SPDX-License-Identifier: Apache-2.0
#include "router/limits.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/xalloc.h"

enum { MINUTE_MS = 60 * 1000 };

// What is promised and not yet in the store.
struct promised {
    uint64_t messages;
    uint64_t bytes;
};

struct taken {
    uint64_t messages;
    uint64_t recipients;
};

// What came in during this minute of the monotonic clock and the one before. The last 60 s are
// reckoned from both as if the earlier one had been even: so a limit holds over any minute, where a
// bucket that fills up would let twice as much through in its first.
struct window {
    int64_t minute;
    struct taken now;
    struct taken before;
};

struct tenant {
    struct promised promised;
    struct window window;
    uint64_t refused_for_room;
    uint64_t refused_for_rate;
};

struct limits {
    struct store *store;
    pthread_mutex_t mutex; /* protects what follows */
    struct promised all;
    struct map *tenants; /* name → struct tenant; all that were ever asked for mail */
};

static const struct smtp_reply TOO_LARGE = {552, "5.3.4", "message larger than this host takes"};
static const struct smtp_reply NO_ROOM = {452, "4.3.1", "no room for mail at the moment"};
static const struct smtp_reply SHARE_USED = {452, "4.2.2",
                                             "this domain's share of room is used up"};

// RFC 5321, 4.2.3: 450 is a mailbox temporarily blocked for policy reasons. RFC 3463: X.2.1 is a
// mailbox that takes no messages, X.2.2 one without room, and X.7.1 is permanent only.
static const struct smtp_reply TOO_MANY_MESSAGES = {
    450, "4.2.1", "this domain's messages per minute are used up; try again later"};
static const struct smtp_reply TOO_MANY_RECIPIENTS = {
    450, "4.2.1", "this domain's recipients per minute are used up; try again later"};

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

/* ---- room ------------------------------------------------------------------------------------ */

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
tenant_has_room(struct store *store, const struct config_tenant_limits *own,
                const struct limits_request *request, const struct promised *promised)
{
    struct store_usage usage;
    store_usage(store, request->tenant, &usage);
    return fits(usage.messages, promised->messages, 1, own->store_messages) &&
           fits(usage.bytes, promised->bytes, request->bytes, own->store_bytes);
}

/* ---- rate ------------------------------------------------------------------------------------ */

static void
turn(struct window *window, int64_t minute)
{
    if (minute == window->minute) {
        return;
    }
    window->before = minute == window->minute + 1 ? window->now : (struct taken){.messages = 0};
    window->now = (struct taken){.messages = 0};
    window->minute = minute;
}

// What was taken in the last 60 s, rounded up.
static struct taken
last_minute(struct window *window)
{
    int64_t now = clock_mono_ms();
    turn(window, now / MINUTE_MS);
    uint64_t left = (uint64_t)(MINUTE_MS - now % MINUTE_MS);
    return (struct taken){
        .messages =
            window->now.messages + (window->before.messages * left + MINUTE_MS - 1) / MINUTE_MS,
        .recipients =
            window->now.recipients + (window->before.recipients * left + MINUTE_MS - 1) / MINUTE_MS,
    };
}

static bool
is_over(uint64_t taken, uint64_t more, uint64_t limit)
{
    return limit > 0 && !fits(taken, 0, more, limit);
}

static const struct smtp_reply *
rate_refusal(struct window *window, const struct config_tenant_limits *own, uint64_t recipients)
{
    const struct taken taken = last_minute(window);
    if (is_over(taken.messages, 1, own->messages_per_minute)) {
        return &TOO_MANY_MESSAGES;
    }
    return is_over(taken.recipients, recipients, own->recipients_per_minute) ? &TOO_MANY_RECIPIENTS
                                                                             : NULL;
}

static void
count(struct window *window, struct reservation *reservation)
{
    turn(window, clock_mono_ms() / MINUTE_MS);
    reservation->minute = window->minute;
    window->now.messages += reservation->recipients > 0 ? 1 : 0;
    window->now.recipients += reservation->recipients;
}

// What was counted in a minute that is over by now weighs nothing any more.
static void
count_back(struct window *window, const struct reservation *reservation)
{
    struct taken *taken = reservation->minute == window->minute       ? &window->now
                          : reservation->minute == window->minute - 1 ? &window->before
                                                                      : NULL;
    if (taken != NULL && reservation->recipients > 0) {
        taken->messages--;
        taken->recipients -= reservation->recipients;
    }
}

/* ---- promises -------------------------------------------------------------------------------- */

static struct tenant *
tenant_of(struct limits *limits, const char *name)
{
    struct tenant *tenant = map_get(limits->tenants, name);
    if (tenant == NULL) {
        tenant = xcalloc(1, sizeof(*tenant));
        (void)map_put(limits->tenants, name, tenant); // nothing stood there
    }
    return tenant;
}

static void
take_back(struct limits *limits, struct reservation *reservation)
{
    if (!reservation->held) {
        return;
    }
    struct tenant *tenant = tenant_of(limits, reservation->tenant);
    limits->all.messages--;
    limits->all.bytes -= reservation->bytes;
    tenant->promised.messages--;
    tenant->promised.bytes -= reservation->bytes;
    if (!reservation->stored) {
        count_back(&tenant->window, reservation);
    }
    *reservation = (struct reservation){.held = false};
}

static void
promise(struct limits *limits, const struct limits_request *request,
        struct reservation *reservation)
{
    struct tenant *tenant = tenant_of(limits, request->tenant);
    limits->all.messages++;
    limits->all.bytes += request->bytes;
    tenant->promised.messages++;
    tenant->promised.bytes += request->bytes;
    *reservation = (struct reservation){
        .held = true, .bytes = request->bytes, .recipients = request->recipients};
    memcpy(reservation->tenant, request->tenant, strnlen(request->tenant, STORE_NAME_SIZE - 1));
    count(&tenant->window, reservation);
}

static const struct smtp_reply *
room_refusal(const struct limits *limits, const struct config_limits *settings,
             const struct config_tenant_limits *own, const struct limits_request *request,
             const struct tenant *tenant)
{
    if (!host_has_room(limits->store, settings, &limits->all, request->bytes)) {
        return &NO_ROOM;
    }
    return tenant_has_room(limits->store, own, request, &tenant->promised) ? NULL : &SHARE_USED;
}

static const struct smtp_reply *
refusal(struct limits *limits, const struct config_limits *settings,
        const struct limits_request *request)
{
    struct config_tenant_limits own;
    config_tenant_limits(settings, request->tenant, &own);
    struct tenant *tenant = tenant_of(limits, request->tenant);
    const struct smtp_reply *reply = room_refusal(limits, settings, &own, request, tenant);
    if (request->recipients == 0) {
        return reply;
    }
    if (reply != NULL) {
        tenant->refused_for_room++;
        return reply;
    }
    reply = rate_refusal(&tenant->window, &own, request->recipients);
    tenant->refused_for_rate += reply == NULL ? 0 : 1;
    return reply;
}

const struct smtp_reply *
limits_reserve(struct limits *limits, const struct config_limits *settings,
               const struct limits_request *request, struct reservation *reservation)
{
    if (request->bytes > settings->message_bytes) {
        return &TOO_LARGE;
    }
    AUTO_LOCK(lock, &limits->mutex);
    const struct reservation before = *reservation;
    take_back(limits, reservation);
    const struct smtp_reply *reply = refusal(limits, settings, request);
    if (reply == NULL) {
        promise(limits, request, reservation);
    } else if (before.held) {
        const struct limits_request again = {before.tenant, before.bytes, before.recipients};
        promise(limits, &again, reservation);
    }
    return reply;
}

void
limits_keep(struct reservation *reservation)
{
    reservation->stored = true;
}

void
limits_release(struct limits *limits, struct reservation *reservation)
{
    AUTO_LOCK(lock, &limits->mutex);
    take_back(limits, reservation);
}

void
limits_of_tenant(struct limits *limits, const char *tenant, struct limits_tenant *out)
{
    AUTO_LOCK(lock, &limits->mutex);
    struct tenant *found = map_get(limits->tenants, tenant);
    if (found == NULL) {
        *out = (struct limits_tenant){.refused_for_room = 0};
        return;
    }
    const struct taken taken = last_minute(&found->window);
    *out = (struct limits_tenant){
        .messages_in_last_minute = taken.messages,
        .recipients_in_last_minute = taken.recipients,
        .refused_for_room = found->refused_for_room,
        .refused_for_rate = found->refused_for_rate,
    };
}
