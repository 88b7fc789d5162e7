// SPDX-License-Identifier: Apache-2.0
// libmilter's callbacks: each one translates, calls the session, translates back.
#ifndef MILTER_CALLBACKS_H
#define MILTER_CALLBACKS_H

#include "milter/host.h"

struct smfiDesc;

/** The table for smfi_register. `host` serves all sessions from now on. */
const struct smfiDesc *callbacks_table(const struct host *host);

#endif
