// SPDX-License-Identifier: Apache-2.0
#include "router/route.h"

enum route_result
route_recipient(const struct config_domain *domain, const char *local_part,
                struct route_match matches[ROUTE_MATCHES_MAX], size_t *count_out,
                const char **reject_out)
{
    size_t count = 0;
    const char *reject = NULL;
    for (size_t i = 0; i < domain->route_count && count < ROUTE_MATCHES_MAX; i++) {
        const struct config_route *route = &domain->routes[i];
        if (!pattern_match(route->recipient, local_part, &matches[count].captures)) {
            continue;
        }
        if (route->reject != NULL) {
            reject = route->reject;
            break;
        }
        matches[count++].route = route;
        if (route->stop) {
            break;
        }
    }
    *count_out = count;
    *reject_out = count == 0 ? reject : NULL;
    if (count > 0) {
        return ROUTE_TAKEN;
    }
    return reject != NULL ? ROUTE_REJECTED : ROUTE_NONE;
}
