// SPDX-License-Identifier: Apache-2.0
// The gate: whose business is this recipient? One function answers socketmap, RCPT and commit, from
// memory: the registry says whether the domain takes mail, the configuration which routes take it.
#ifndef ROUTER_GATE_H
#define ROUTER_GATE_H

#include "common/intake_protocol.h"
#include "config/config.h"
#include "verifier/domain/registry.h"

struct gate_answer {
    enum gate_decision decision;
    unsigned reply_code;                /* with REFUSE and DEFER, else 0 */
    const char *reply_enhanced;         /* static; "" without a reply */
    char reply_text[200];               /* printable ASCII */
    struct address recipient;           /* normalised */
    char tenant[STORE_NAME_SIZE];       /* of the domain; "" when it is not ours */
    const struct config_domain *domain; /* with ACCEPT; borrowed from the config */
    size_t destination_count;           /* with ACCEPT: over all routes that match */
    const char *hold; /* with ACCEPT: why its mail is held; static; "": it is not */
};

/**
 * Decide for one recipient. What cannot be parsed is not ours; a subdomain is a name of its own.
 *
 * @recipient  as in RCPT TO
 * @thread     any; never blocks on the store or the network
 */
void gate_decide(const struct config *config, struct registry *registry, const char *recipient,
                 struct gate_answer *out);

/** May mail to this address be delivered, by the routes alone? For the findings of a check. */
bool gate_takes_mail_for(const struct config *config, const char *address);

/** True when the client is in the domain's trusted networks. */
bool gate_client_is_trusted(const struct config_domain *domain, const char *client_address);

#endif
