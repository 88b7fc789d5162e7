// SPDX-License-Identifier: Apache-2.0
// Postfix's question "is this recipient ours?": socketmap_table(5), map `access`.
#ifndef ROUTER_SOCKETMAP_H
#define ROUTER_SOCKETMAP_H

#include "config/config.h"
#include "verifier/domain/registry.h"

/** One for each smtpd; Postfix runs 100 unless told otherwise. */
enum { SOCKETMAP_CONNECTIONS_MAX = 4000 };

struct socketmap;

/** Listen and start the thread. Registry and holder must outlive it. */
MUST_CHECK enum status socketmap_open(struct registry *registry, struct config_holder *holder,
                                      const struct config_socket *socket,
                                      struct socketmap **socketmap_out, struct why *why);
void socketmap_close(struct socketmap *socketmap);

#endif
