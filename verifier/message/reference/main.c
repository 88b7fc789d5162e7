// SPDX-License-Identifier: Apache-2.0
// mailspur-reference: SPF and DKIM by libspf2 and libopendkim, one message at a time, in a process
// that owns nothing: no files, no network, no environment. Started by the milter, which holds the
// other end of descriptor 3; it ends when that is closed.
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "common/address.h"
#include "common/cleanup.h"
#include "common/unixsock.h"
#include "verifier/message/reference/dkim.h"
#include "verifier/message/reference/sandbox.h"
#include "verifier/message/reference/spf.h"
#include "verifier/message/reference/wire.h"

enum { EXIT_START = 2 };

static void
check_spf(const struct reference_check *check)
{
    struct network_address client;
    bool usable = network_parse_address(check->client, &client, NULL) == ST_OK;
    char postmaster[DOMAIN_NAME_SIZE + 16];
    (void)snprintf(postmaster, sizeof(postmaster), "postmaster@%s", check->helo);
    const char *identities[] = {check->sender, check->helo[0] == '\0' ? "" : postmaster};
    for (size_t i = 0; i < ARRAY_LEN(identities); i++) {
        if (usable && identities[i][0] != '\0') {
            struct reference_spf result = {.is_helo = i};
            reference_spf_check(&client, check->helo[0] == '\0' ? "unknown" : check->helo,
                                identities[i], &result);
            wire_send(&REFERENCE_SPF_LAYOUT, &result);
        }
    }
}

static void
check_message(void)
{
    struct reference_check check;
    AUTO_FD int fd = wire_receive(&REFERENCE_CHECK_LAYOUT, &check);
    // The packet's texts go with the next packet, so they are kept aside.
    static char client[64];
    static char helo[DOMAIN_NAME_SIZE];
    static char sender[LOCAL_PART_SIZE + DOMAIN_NAME_SIZE + 1];
    (void)snprintf(client, sizeof(client), "%s", check.client);
    (void)snprintf(helo, sizeof(helo), "%s", check.helo);
    (void)snprintf(sender, sizeof(sender), "%s", check.sender);
    check.client = client;
    check.helo = helo;
    check.sender = sender;
    sandbox_grant_cpu();
    check_spf(&check);
    struct reference_done done = {.ignored = verify_signatures(fd, &check)};
    wire_send(&REFERENCE_DONE_LAYOUT, &done);
}

// OpenSSL reads its files and fetches its algorithms at first use, which must be before the
// sandbox.
static bool
warm_up(void)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_PKEY_CTX *rsa = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY_CTX *ed25519 = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    bool good =
        rsa != NULL && ed25519 != NULL && EVP_Digest("", 0, out, &length, EVP_sha256(), NULL) == 1;
    EVP_PKEY_CTX_free(rsa);
    EVP_PKEY_CTX_free(ed25519);
    return good;
}

int
main(void)
{
    struct why why;
    unixsock_allow_large_packets(REFERENCE_FD);
    if (!warm_up() || !spf_start() || !verify_start()) {
        (void)fputs("mailspur-reference: a library could not be started\n", stderr);
        return EXIT_START;
    }
    if (sandbox_enter(&why) != ST_OK) {
        (void)fprintf(stderr, "mailspur-reference: %s\n", why.text);
        return EXIT_START;
    }
    wire_send(&REFERENCE_READY_LAYOUT, &(struct reference_ready){.version = REFERENCE_VERSION});
    for (;;) {
        check_message();
    }
}
