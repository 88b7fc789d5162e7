// SPDX-License-Identifier: Apache-2.0
// All keys of all files, with their defaults and limits, and the structs they fill. To add a key:
// a member, a line in keys.c, a line in conf/mailspur.yaml (a test compares the two).
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdatomic.h>

#include "config/config.h"
#include "config/schema.h"

/** `policy`, of the host or of one domain. */
struct policy_keys {
    struct policy policy;
    struct config_networks trusted_networks;
    const struct node *forwarders; /* while loading */
};

/** One entry of `forwarders`. */
struct forwarder_keys {
    char *name;
    struct config_texts arc_sealers;
    struct config_texts networks;
};

/** mailspur.yaml. The configuration comes first: a pointer to it is one to this. */
struct host_keys {
    struct config config;
    atomic_uint references;
    char *domains; /* folder */
    struct policy_keys policy;
    char *forwarders;                /* of the host's policy, as common/forwarder.h writes them */
    const struct node *destinations; /* while loading */
    const struct node *tenants;      /* while loading */
};

/** One entry of `tenants`. */
struct tenant_keys {
    struct config_tenant tenant;
};

/** One entry of `destinations`. */
struct destination_keys {
    struct config_destination destination;
    char *secret_file;
    char *authorization_file;
};

/** A file in the domains' folder. */
struct domain_keys {
    char *domain;
    char *tenant;
    const struct node *policy;
    const struct node *destinations;
    const struct node *routes;
};

/** One entry of `routes`. */
struct route_keys {
    struct config_route route;
    char *recipient;
    const struct node *destinations;
};

/** A file of a profile. */
struct profile_keys {
    struct config_profile profile;
    const struct node *records;
};

const struct section *keys_of_host(void);
const struct section *keys_of_policy(void);
const struct section *keys_of_forwarder(void);
const struct section *keys_of_tenant(void);
const struct section *keys_of_destination(void);
const struct section *keys_of_domain(void);
const struct section *keys_of_route(void);
const struct section *keys_of_profile(void);
const struct section *keys_of_record(void);

#endif
