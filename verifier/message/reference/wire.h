// SPDX-License-Identifier: Apache-2.0
// The helper's end of its socket. A peer that is gone or breaks the protocol ends the process:
// there is nothing else to live for.
#ifndef VERIFIER_MESSAGE_REFERENCE_WIRE_H
#define VERIFIER_MESSAGE_REFERENCE_WIRE_H

#include "verifier/message/reference/protocol.h"

void wire_send(const struct frame_layout *layout, const void *packet);

/**
 * Wait for a packet of this layout. Its texts stand until the next call.
 *
 * @return the descriptor that came with it, or -1
 */
int wire_receive(const struct frame_layout *layout, void *packet_out);

/** Ask the milter's DNS. Records are owned by the caller (reference_free_records). */
enum dns_status wire_ask(const char *name, enum dns_type type,
                         struct reference_records *records_out);

#endif
