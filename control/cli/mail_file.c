// SPDX-License-Identifier: Apache-2.0
#include "control/cli/mail_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/header.h"

enum status
mail_file_read(const char *path, struct strbuf *out, struct why *why)
{
    bool is_input = strcmp(path, "-") == 0;
    AUTO_FILE FILE *file = is_input ? NULL : fopen(path, "re");
    FILE *from = is_input ? stdin : file;
    if (from == NULL) {
        return why_errno(why, ST_IO, "%s", path);
    }
    char buffer[16 * 1024];
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), from)) > 0;) {
        strbuf_append(out, buffer, got);
    }
    if (ferror(from) != 0) {
        return why_errno(why, ST_IO, "%s", path);
    }
    return out->overflow ? why_set(why, ST_TOO_LARGE, "%s is larger than %zu bytes", path, out->cap)
                         : ST_OK;
}

static void
convert_lines(const char *bytes, size_t length, struct strbuf *out)
{
    const char *end = bytes + length;
    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = newline == NULL ? end : newline;
        strbuf_append(out, bytes, (size_t)(stop - bytes));
        if (newline != NULL) {
            strbuf_puts(out, "\r\n");
        }
        bytes = newline == NULL ? end : newline + 1;
    }
}

static enum status
write_file(const char *bytes, size_t length, struct mail_file *out, struct why *why)
{
    AUTO_FD int fd = memfd_create("message", MFD_CLOEXEC);
    if (fd < 0) {
        return why_errno(why, ST_IO, "no memory for the message");
    }
    for (size_t done = 0; done < length;) {
        ssize_t put = write(fd, bytes + done, length - done);
        if (put < 0) {
            return why_errno(why, ST_IO, "no memory for the message");
        }
        done += (size_t)put;
    }
    *out = (struct mail_file){
        .fd = STEAL_FD(fd), .size = length, .header_length = header_block_length(bytes, length)};
    return ST_OK;
}

enum status
mail_file_store(const char *bytes, size_t length, struct mail_file *out, struct why *why)
{
    if (memmem(bytes, length, "\r\n", 2) != NULL) {
        return write_file(bytes, length, out, why);
    }
    AUTO_STRBUF lines = STRBUF_INIT(2 * length + 1);
    convert_lines(bytes, length, &lines);
    return write_file(strbuf_text(&lines), lines.length, out, why);
}
