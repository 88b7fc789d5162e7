// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/header.h"
#include "common/strbuf.h"

static void
read_fixture(const char *name, struct strbuf *out)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", FIXTURES, name);
    AUTO_FILE FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("no fixture %s", path);
        return;
    }
    char buffer[4096];
    for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), file)) > 0;) {
        strbuf_append(out, buffer, got);
    }
}

struct dns *
support_fixture_zone(void)
{
    AUTO_STRBUF lines = STRBUF_INIT(1024 * 1024);
    read_fixture("names.zone", &lines);
    read_fixture("keys.zone", &lines);
    return support_zone(strbuf_text(&lines));
}

void
support_message_text(const char *text, size_t length, struct auth_message *message_out)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), (ssize_t)length);
    *message_out = (struct auth_message){.client_address = "192.0.2.1",
                                         .helo = "helo.example.org",
                                         .sender = "alice@example.org",
                                         .fd = fd,
                                         .size = length,
                                         .header_length = header_block_length(text, length)};
}

void
support_message(const char *fixture, struct auth_message *message_out)
{
    AUTO_STRBUF text = STRBUF_INIT(1024 * 1024);
    read_fixture(fixture, &text);
    support_message_text(text.data, text.length, message_out);
}
