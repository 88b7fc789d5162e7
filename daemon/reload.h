// SPDX-License-Identifier: Apache-2.0
// Reading the configuration at start and on SIGHUP: the whole new one is checked, then swapped in;
// a bad one is refused with all its errors and the old one stays.
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/app.h"

/** Load and log every error and warning. ST_INVALID: there were errors. */
MUST_CHECK enum status reload_read(const char *path, struct config **config_out);

/** Take the configuration at `path` into force, or keep the old one. Main thread. */
MUST_CHECK enum status reload_apply(struct app *app, const char *path);

/** Warn about what is configured and registered differently. */
void reload_compare_registry(struct config *config, struct registry *registry);

#endif
