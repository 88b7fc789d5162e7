// SPDX-License-Identifier: Apache-2.0
// Key pairs for DKIM over OpenSSL, whose types stay inside key_pair.c.
#ifndef VERIFIER_DOMAIN_KEY_PAIR_H
#define VERIFIER_DOMAIN_KEY_PAIR_H

#include "common/status.h"
#include "common/strbuf.h"

enum key_pair_kind { KEY_PAIR_RSA_2048, KEY_PAIR_ED25519 };

/**
 * Make a private key and append it as PKCS#8 PEM. The caller wipes it.
 *
 * @return ST_OK; ST_IO the library refused; ST_TOO_LARGE `out` has too small a cap
 * @thread any; tenths of a second for RSA
 */
MUST_CHECK enum status key_pair_make(enum key_pair_kind kind, struct strbuf *out, struct why *why);

/**
 * Append what stands behind "p=" in its key record: base64 of the SubjectPublicKeyInfo with RSA
 * (RFC 6376, 3.6.1), of the bare key with Ed25519 (RFC 8463, 4).
 *
 * @pem    PKCS#8, without passphrase
 * @return ST_OK; ST_INVALID no key of this kind and size; ST_TOO_LARGE
 */
MUST_CHECK enum status key_pair_public_text(enum key_pair_kind kind, const char *pem, size_t length,
                                            struct strbuf *out, struct why *why);

#endif
