// SPDX-License-Identifier: Apache-2.0
#include "milter/outage.h"

#include <pthread.h>
#include <string.h>

#include "common/address.h"
#include "common/cleanup.h"
#include "common/map.h"
#include "common/xalloc.h"

struct outage {
    pthread_mutex_t mutex; /* of all below */
    struct map *ours;      /* domain → the map itself: a set */
    bool under_way;
    int64_t since_ms;
};

struct outage *
outage_new(void)
{
    struct outage *outage = xcalloc(1, sizeof(*outage));
    (void)pthread_mutex_init(&outage->mutex, NULL);
    outage->ours = map_new();
    return outage;
}

void
outage_free(struct outage *outage)
{
    if (outage == NULL) {
        return;
    }
    map_free(outage->ours, NULL);
    (void)pthread_mutex_destroy(&outage->mutex);
    free(outage);
}

void
outage_heard(struct outage *outage, const char *recipient, bool ours)
{
    struct address address;
    bool has_name = ours && address_parse(recipient, &address, NULL) == ST_OK;
    AUTO_LOCK(lock, &outage->mutex);
    outage->under_way = false;
    if (has_name && map_get(outage->ours, address.domain) == NULL &&
        map_count(outage->ours) < OUTAGE_NAMES_MAX) {
        (void)map_put(outage->ours, address.domain, outage->ours);
    }
}

// Postfix's transport for names in none of its classes, and Sendmail's mailers for the same.
static bool
goes_abroad(const char *mailer)
{
    return mailer[0] == '\0' || strcmp(mailer, "smtp") == 0 || strcmp(mailer, "esmtp") == 0;
}

bool
outage_must_wait(struct outage *outage, const char *recipient, const char *mailer,
                 bool authenticated, int64_t now_ms)
{
    struct address address;
    bool has_name = address_parse(recipient, &address, NULL) == ST_OK;
    AUTO_LOCK(lock, &outage->mutex);
    if (!outage->under_way) {
        outage->under_way = true;
        outage->since_ms = now_ms;
    }
    if (has_name && map_get(outage->ours, address.domain) != NULL) {
        return true;
    }
    return !authenticated && goes_abroad(mailer) && now_ms - outage->since_ms < OUTAGE_DOUBT_MS;
}
