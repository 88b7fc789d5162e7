// SPDX-License-Identifier: Apache-2.0
// What people type as a domain: what passes is a name of the DNS and passes again unchanged; what
// does not is told in UTF-8 that is whole.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"
#include "verifier/domain/name.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = xmemdup(size == 0 ? (const uint8_t *)"" : data, size);
    char name[DOMAIN_NAME_SIZE];
    char again[DOMAIN_NAME_SIZE];
    struct why why = {.text = ""};
    if (domain_name_check(text, "mx.ours.example", name, &why) != ST_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    if (strlen(name) > DOMAIN_CHECKED_MAX || name[strspn(name, allowed)] != '\0' ||
        domain_name_check(name, NULL, again, NULL) != ST_OK || strcmp(name, again) != 0) {
        abort();
    }
    return 0;
}
