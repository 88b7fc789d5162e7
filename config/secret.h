// SPDX-License-Identifier: Apache-2.0
// Files with secrets. Their content never shows in a diagnostic.
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "config/config.h"
#include "config/schema.h"

enum {
    SECRET_BYTES_MIN = 24,    /* of a decoded key (Standard Webhooks) */
    SECRET_FILE_MAX = 4096,   /* bytes */
    AUTHORIZATION_MAX = 4000, /* bytes of the header's value */
};

/**
 * Read a file of signing keys: one "whsec_" + base64 a line, at most CONFIG_SECRETS_MAX, the
 * current one first. Blank lines are passed over.
 *
 * @source       of the file that names it; faults inside are told with the secret file's own place
 * @node         where it is named
 * @destination  gets the secrets if all of them are good
 */
void secret_read_keys(const struct source *source, const struct node *node, const char *path,
                      struct config_destination *destination);

/** Read the one line of a file that is the whole value of an Authorization header. */
void secret_read_authorization(const struct source *source, const struct node *node,
                               const char *path, struct config_destination *destination);

#endif
