// SPDX-License-Identifier: Apache-2.0
// What SPF is asked about, in the one form that the reference libraries may see.
#ifndef VERIFIER_MESSAGE_IDENTITIES_H
#define VERIFIER_MESSAGE_IDENTITIES_H

#include <arpa/inet.h>
#include <stdbool.h>

#include "common/address.h"

/** Empty texts are not to be checked (RFC 7208, 4.3). */
struct identities {
    char client[INET6_ADDRSTRLEN]; /* never a mapped IPv4 address */
    char helo[DOMAIN_NAME_SIZE];
    char sender[LOCAL_PART_SIZE + DOMAIN_NAME_SIZE]; /* bytes that need quotes became "_" */
    char sender_domain[DOMAIN_NAME_SIZE];
    bool sender_is_null;
};

/** As auth_message has them. */
void identities_find(const char *client_address, const char *helo, const char *sender,
                     struct identities *out);

#endif
