// SPDX-License-Identifier: Apache-2.0
// The forwarders a domain's owner has registered: who passes mail on to us that was sent to another
// system first (Microsoft 365, Google, a gateway). Its mail is judged by its original
// authentication (verifier/message/forwarded.h). Read from configuration, sent to the milter.
#ifndef COMMON_FORWARDER_H
#define COMMON_FORWARDER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/network.h"
#include "common/strbuf.h"

enum {
    FORWARDERS_MAX = 16, /* of a domain */
    FORWARDER_NAME_SIZE = 64,
    FORWARDER_SEALERS_MAX = 8,
    FORWARDER_NETWORKS_MAX = 32,
    FORWARDERS_TEXT_MAX = 8 * 1024 /* all of them as text */
};

struct forwarder {
    char name[FORWARDER_NAME_SIZE];
    char sealers[FORWARDER_SEALERS_MAX][DOMAIN_NAME_SIZE]; /* d= of its ARC seals */
    size_t sealer_count;
    /* Where its mail comes from. With sealers: a seal counts only from there; none: from anywhere.
     * Without sealers: what comes from there has been forwarded. */
    struct network networks[FORWARDER_NETWORKS_MAX];
    size_t network_count;
};

struct forwarders {
    struct forwarder items[FORWARDERS_MAX];
    size_t count;
};

/** The forwarders that are known by name; NULL behind the last one. Static text. */
const char *forwarder_preset_name(size_t i);

/** Add the preset's sealers. False: there is no preset of this name. */
bool forwarder_apply_preset(const char *name, struct forwarder *forwarder);

/** Letters, digits, "-", "_" and "."; ST_INVALID, ST_TOO_LARGE with what is wrong. */
MUST_CHECK enum status forwarder_set_name(struct forwarder *forwarder, const char *name,
                                          struct why *why);

/** ST_INVALID: no domain name, or there already; ST_TOO_LARGE: over FORWARDER_SEALERS_MAX. */
MUST_CHECK enum status forwarder_add_sealer(struct forwarder *forwarder, const char *domain,
                                            struct why *why);

/** ST_INVALID: no network; ST_TOO_LARGE: over FORWARDER_NETWORKS_MAX. */
MUST_CHECK enum status forwarder_add_network(struct forwarder *forwarder, const char *network,
                                             struct why *why);

/** Add one that has a name. ST_INVALID: one of its name is there; ST_TOO_LARGE: over
 * FORWARDERS_MAX. */
MUST_CHECK enum status forwarders_add(struct forwarders *forwarders,
                                      const struct forwarder *forwarder, struct why *why);

/** True if the domain (lower-case A-labels) seals for it. */
bool forwarder_has_sealer(const struct forwarder *forwarder, const char *domain);

/** True if the address is in its networks; false for an address that is none. */
bool forwarder_has_client(const struct forwarder *forwarder, const char *client_address);

/** Append one line each: name, sealers, networks. Equal text: equal forwarders. */
void forwarders_format(const struct forwarders *forwarders, struct strbuf *out);

/**
 * Read what forwarders_format wrote.
 *
 * @forwarders_out  NULL for ""; else free() it
 * @return          ST_OK; ST_INVALID; ST_TOO_LARGE: over a cap
 */
MUST_CHECK enum status forwarders_parse(const char *text, struct forwarders **forwarders_out,
                                        struct why *why);

#endif
