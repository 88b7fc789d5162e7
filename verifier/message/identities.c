// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/identities.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/network.h"

// A name with at least two labels; anything else has no SPF record.
static bool
take_domain(const char *text, char out[DOMAIN_NAME_SIZE])
{
    char name[DOMAIN_NAME_SIZE];
    if (address_normalize_domain(text, name, NULL) != ST_OK || strchr(name, '.') == NULL) {
        return false;
    }
    memcpy(out, name, sizeof(name));
    return true;
}

// The local part matters for the macro %{l} only. Bytes that need quotes become "_".
static void
take_sender(const struct address *address, struct identities *out)
{
    char local_part[LOCAL_PART_SIZE];
    size_t length = 0;
    for (; address->local_part[length] != '\0'; length++) {
        char c = address->local_part[length];
        bool plain = isalnum((unsigned char)c) || strchr("!#$&'*+-./=?^_`{|}~", c) != NULL;
        local_part[length] = '_';
        if (plain) {
            local_part[length] = c;
        }
    }
    local_part[length] = '\0';
    (void)snprintf(out->sender, sizeof(out->sender), "%s@%s", local_part, out->sender_domain);
}

void
identities_find(const char *client_address, const char *helo, const char *sender_text,
                struct identities *out)
{
    *out = (struct identities){.client = ""};
    struct network_address client;
    struct address sender;
    if (network_parse_address(client_address, &client, NULL) == ST_OK) {
        int family = client.length == 4 ? AF_INET : AF_INET6;
        (void)inet_ntop(family, client.bytes, out->client, sizeof(out->client));
    }
    (void)take_domain(helo, out->helo);
    if (address_parse(sender_text, &sender, NULL) != ST_OK) {
        const char *at = strrchr(sender_text, '@');
        sender = (struct address){.local_part = "postmaster"}; // RFC 7208, 4.3
        if (at != NULL && take_domain(at + 1, out->sender_domain)) {
            take_sender(&sender, out);
        }
        return;
    }
    out->sender_is_null = sender.domain[0] == '\0';
    if (!out->sender_is_null && take_domain(sender.domain, out->sender_domain)) {
        take_sender(&sender, out);
    }
}
