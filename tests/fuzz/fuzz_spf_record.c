// SPDX-License-Identifier: Apache-2.0
// SPF records from a stranger: whatever is read as valid can be expanded, within bounds.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/message/spf_record.h"

static const struct network_address CLIENT = {
    .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
    .length = 16,
};

static void
expand(const struct spf_string *string)
{
    char name[SPF_NAME_SIZE];
    struct spf_values values = {.client = &CLIENT,
                                .local_part = "strong-bad",
                                .sender_domain = "email.example.com",
                                .helo = "mail.example.net",
                                .domain = "email.example.com",
                                .receiver = "mx.example.org",
                                .validated = "unknown"};
    spf_string_expand_name(string, &values, name);
    if (memchr(name, '\0', sizeof(name)) == NULL) {
        abort();
    }
}

static void
check_terms(const struct spf_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct spf_term *term = &record->terms[i];
        bool is_ip = term->mechanism == SPF_IP4 || term->mechanism == SPF_IP6;
        if (is_ip ? term->network.prefix > term->network.address.length * 8
                  : term->prefix4 > 32 || term->prefix6 > 128) {
            abort();
        }
        if (is_ip) {
            (void)network_contains(&term->network, &CLIENT);
        }
        expand(&term->target);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spf_record record;
    struct why why;
    if (spf_record_parse((const char *)data, size, &record, &why) != ST_OK) {
        return 0;
    }
    check_terms(&record);
    expand(&record.redirect);
    expand(&record.explanation);
    spf_record_done(&record);
    return 0;
}
