// SPDX-License-Identifier: Apache-2.0
// The JSON forms of what the API shows (docs/api.md). Each returns a new reference.
#ifndef CONTROL_API_VIEWS_H
#define CONTROL_API_VIEWS_H

#include <stdbool.h>

#include "config/config.h"
#include "store/store.h"
#include "verifier/domain/registry.h"

struct json_t;

/**
 * A domain, as its tenant may see it and the operator does. Who else has the name, or one above or
 * below it, stands in the member `operator` alone: it is the operator's, and is to be left out of
 * what a tenant is answered. All else names no other tenant, and neither do error texts and events.
 */
struct json_t *view_domain(const struct store_domain *domain, const struct config *config,
                           struct registry *registry);

struct json_t *view_tenant(const struct store_tenant *tenant);

struct json_t *view_event(const struct store_event_row *event);

/** @whole  with the whole verdict; else only its results */
struct json_t *view_message(const struct store_message *message, bool whole);

/** ST_BUG: what is kept is no JSON object. */
MUST_CHECK enum status view_evidence(const struct store_evidence *evidence,
                                     struct json_t **view_out, struct why *why);

struct json_t *view_delivery(const struct store_delivery *delivery);
struct json_t *view_attempt(const struct store_attempt *attempt);

#endif
