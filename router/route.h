// SPDX-License-Identifier: Apache-2.0
// Routes of a domain: recipient → destinations. Pure: no I/O, no state.
#ifndef ROUTER_ROUTE_H
#define ROUTER_ROUTE_H

#include "config/config.h"

enum { ROUTE_MATCHES_MAX = 64 };

struct route_match {
    const struct config_route *route; /* borrowed from the config */
    struct captures captures;
};

enum route_result {
    ROUTE_TAKEN,    /* at least one match */
    ROUTE_REJECTED, /* a reject route came first: its text is in *reject_out */
    ROUTE_NONE      /* no route takes this recipient */
};

/**
 * Walk the routes in order; a match with `stop` ends the walk, and so does a reject route: behind
 * an earlier match it refuses nothing, it only keeps the routes below from matching.
 *
 * @reject_out  borrowed from the config; NULL unless rejected
 */
enum route_result route_recipient(const struct config_domain *domain, const char *local_part,
                                  struct route_match matches[ROUTE_MATCHES_MAX], size_t *count_out,
                                  const char **reject_out);

#endif
