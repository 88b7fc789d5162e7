// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/message/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"

struct dns *
support_zone(const char *lines)
{
    char path[] = "/tmp/mailspur-zone-XXXXXX";
    AUTO_FD int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
    struct dns *dns = NULL;
    struct why why = {.text = ""};
    enum status status = dns_open_fixture(path, &dns, &why);
    (void)unlink(path);
    if (status != ST_OK) {
        fail_msg("zone: %s", why.text);
    }
    return dns;
}
