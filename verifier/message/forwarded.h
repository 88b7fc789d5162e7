// SPDX-License-Identifier: Apache-2.0
// Mail that comes through a forwarder which the recipients' domain has registered is judged by its
// original authentication: a signature that survived, or what the forwarder saw and sealed (ARC,
// RFC 8617). Mail that only claims to come through it is marked.
#ifndef VERIFIER_MESSAGE_FORWARDED_H
#define VERIFIER_MESSAGE_FORWARDED_H

#include "common/forwarder.h"
#include "common/verdict.h"
#include "verifier/dns/dns.h"
#include "verifier/message/arc.h"
#include "verifier/message/dmarc.h"

struct forwarded_case {
    const struct forwarders *forwarders; /* registered ones; NULL: none */
    const char *client_address;
    const struct arc_trail *trail; /* of the message's chain */
    struct dns *dns;
    struct dns_budget *budget;
    enum dmarc_discovery discovery;
};

/**
 * True if the client is in the networks of a registered forwarder: SPF then only says that the
 * forwarder may send for a domain, whoever wrote the message, and must not count for DMARC.
 */
bool forwarded_hides_client(const struct forwarders *forwarders, const char *client_address);

/**
 * Fill verdict->forwarder, and change what DMARC says where it is a fail:
 *
 *   trusted    the disposition becomes none
 *   temperror  it becomes a temperror: what the DNS does not tell is no fail. Only where the chain,
 *              if it held, would make it trusted
 *   unproven, from its network, and no sealer of it tells of a fail: reject becomes quarantine,
 * since a refusal would make the forwarder bounce to a sender who may be a forged one
 *
 * @verdict  SPF, DKIM, ARC and DMARC are there
 * @thread   any; may block on the DNS up to the budget's deadline
 */
void forwarded_judge(const struct forwarded_case *input, struct verdict *verdict);

#endif
