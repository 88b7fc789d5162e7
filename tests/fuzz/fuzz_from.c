// SPDX-License-Identifier: Apache-2.0
// From fields from a stranger: an author's domain is a domain name, and comes out of the bytes that
// are there.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/message/from.h"

static void
check(enum from_status status, const char *domain)
{
    char again[DOMAIN_NAME_SIZE];
    if ((from_problem(status)[0] == '\0') != (status == FROM_OK)) {
        abort();
    }
    if (status != FROM_OK) {
        return;
    }
    if (address_normalize_domain(domain, again, NULL) != ST_OK || strcmp(domain, again) != 0) {
        abort();
    }
}

// As the value of a field, and as a whole header block.
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char domain[DOMAIN_NAME_SIZE] = "";
    check(from_parse((const char *)data, size, domain), domain);
    check(from_find_domain((const char *)data, size, domain), domain);
    return 0;
}
