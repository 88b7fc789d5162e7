// SPDX-License-Identifier: Apache-2.0
// DKIM keys that mailspur itself holds, for domains of the profile `local`: two RSA-2048 and one
// Ed25519 (RFC 6376, RFC 8463). The tenant's CNAMEs lead to names in the operator's zone
// `verification.dkim_zone`, where the operator publishes the public halves.
//
// The names come from domain and token, so that a name added anew has new keys. A private key is
// PKCS#8 PEM in "FOLDER/LABEL.pem", mode 0600, made once and never overwritten.
#ifndef VERIFIER_DOMAIN_LOCAL_KEYS_H
#define VERIFIER_DOMAIN_LOCAL_KEYS_H

#include "common/address.h"
#include "common/status.h"
#include "common/strbuf.h"

enum {
    LOCAL_KEYS = 3,
    LOCAL_KEY_LABEL_SIZE = 32,  /* "a1b2c3d4e5f6g7h2-1" */
    LOCAL_KEY_TEXT_MAX = 512,   /* of one key record */
    LOCAL_KEYS_LINES_MAX = 8192 /* of local_keys_zone_lines() */
};

/** The first label of the CNAME target of one key (index below LOCAL_KEYS), and its file's name
 *  without ".pem". */
void local_key_label(const char *domain, const char *token, size_t index,
                     char out[LOCAL_KEY_LABEL_SIZE]);

/**
 * See to it that the domain's three private keys exist; those that do are left alone.
 *
 * After ST_OK they survive a crash. Two callers at once end with the same keys.
 *
 * @folder  made with mode 0700 if it is missing (its parent exists)
 * @return  ST_OK; ST_IO, ST_NO_SPACE; ST_INVALID a key file is there but holds no key of its kind
 * @thread  any; blocks for tenths of a second: never under a lock others wait for
 */
MUST_CHECK enum status local_keys_ensure(const char *folder, const char *domain, const char *token,
                                         struct why *why);

/** The text of one key's record, "v=DKIM1; k=rsa; p=...". ST_NOT_FOUND it was not made; ST_IO;
 *  ST_INVALID as above. */
MUST_CHECK enum status local_key_text(const char *folder, const char *domain, const char *token,
                                      size_t index, char out[LOCAL_KEY_TEXT_MAX], struct why *why);

/**
 * Append the lines of the operator's zone: three TXT records, a comment with the domain above.
 *
 * @dkim_zone  A-labels
 * @out        with a cap of at least LOCAL_KEYS_LINES_MAX
 * @return     as local_key_text; ST_TOO_LARGE a name gets longer than the DNS allows
 */
MUST_CHECK enum status local_keys_zone_lines(const char *folder, const char *dkim_zone,
                                             const char *domain, const char *token,
                                             struct strbuf *out, struct why *why);

/**
 * Delete the key files of a removed domain, when its watch has ended: until then mail signed with
 * them may still be checked, and a removal may have been a mistake. None there is ST_OK. ST_IO.
 */
MUST_CHECK enum status local_keys_delete(const char *folder, const char *domain, const char *token,
                                         struct why *why);

#endif
