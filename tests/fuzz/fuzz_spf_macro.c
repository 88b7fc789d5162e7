// SPDX-License-Identifier: Apache-2.0
// Macro strings and the values they expand, both from a stranger: the first line is the string, the
// second the local part, the third the HELO name, the rest the domain.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/message/spf_macro.h"

enum { TEXT_SIZE = 512 };

static const struct network_address CLIENT = {.bytes = {192, 0, 2, 1}, .length = 4};

// The next line, cut to `size`; `*at` moves behind it.
static void
take_line(const uint8_t **at, const uint8_t *end, char *out, size_t size)
{
    size_t left = (size_t)(end - *at);
    const uint8_t *stop = left == 0 ? NULL : memchr(*at, '\n', left);
    size_t length = stop == NULL ? left : (size_t)(stop - *at);
    size_t taken = length < size ? length : size - 1;
    if (taken > 0) {
        memcpy(out, *at, taken);
    }
    out[taken] = '\0';
    *at += length + (stop != NULL);
}

static void
check(const char *text, size_t length, enum spf_macro_use use, const struct spf_values *values)
{
    struct spf_string string;
    char name[SPF_NAME_SIZE];
    char out[TEXT_SIZE];
    if (spf_string_parse(text, length, use, &string) != ST_OK) {
        return;
    }
    spf_string_expand_name(&string, values, name);
    spf_string_expand_text(&string, values, out, sizeof(out));
    if (memchr(name, '\0', sizeof(name)) == NULL || memchr(out, '\0', sizeof(out)) == NULL) {
        abort();
    }
    spf_string_done(&string);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *stop = size == 0 ? NULL : memchr(data, '\n', size);
    size_t length = stop == NULL ? size : (size_t)(stop - data);
    const uint8_t *at = data + length + (stop != NULL);
    char local_part[SPF_LOCAL_PART_SIZE];
    char helo[SPF_HELO_SIZE];
    char domain[SPF_NAME_SIZE];
    take_line(&at, data + size, local_part, sizeof(local_part));
    take_line(&at, data + size, helo, sizeof(helo));
    take_line(&at, data + size, domain, sizeof(domain));
    struct spf_values values = {.client = &CLIENT,
                                .local_part = local_part,
                                .sender_domain = domain,
                                .helo = helo,
                                .domain = domain,
                                .receiver = "mx.example.org",
                                .validated = domain};
    check((const char *)data, length, SPF_MACRO_TERM, &values);
    check((const char *)data, length, SPF_MACRO_EXPLANATION, &values);
    struct spf_string string;
    if (spf_domain_spec_parse((const char *)data, length, &string) == ST_OK) {
        spf_string_done(&string);
    }
    return 0;
}
