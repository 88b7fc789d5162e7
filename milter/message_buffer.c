// SPDX-License-Identifier: Apache-2.0
#include "milter/message_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "common/xalloc.h"

struct message_buffer {
    const char *spool;
    uint64_t max_size;
    uint64_t size;
    uint64_t header_length; /* 0 until the block is complete */
    struct strbuf memory;   /* everything, while fd is -1 */
    int fd;
    enum status status; /* the first failure */
    struct why why;
};

struct message_buffer *
message_buffer_new(const char *spool, uint64_t max_size)
{
    struct message_buffer *buffer = xcalloc(1, sizeof(*buffer));
    *buffer = (struct message_buffer){
        .spool = spool,
        .max_size = max_size,
        .memory = STRBUF_INIT(MESSAGE_BUFFER_MEMORY_MAX),
        .fd = -1,
    };
    return buffer;
}

void
message_buffer_free(struct message_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    strbuf_done(&buffer->memory);
    if (buffer->fd >= 0) {
        (void)close(buffer->fd); // the reader has its own copy of the descriptor
    }
    free(buffer);
}

static enum status
write_all(int fd, const char *data, size_t length, struct why *why)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno != EINTR) {
            return why_errno(why, ST_IO, "write the message");
        }
        if (written > 0) {
            data += written;
            length -= (size_t)written;
        }
    }
    return ST_OK;
}

// A file without a name. Not every file system has O_TMPFILE (overlayfs before Linux 6.x, NFS).
static enum status
open_unlinked(const char *folder, int *fd_out, struct why *why)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        *fd_out = fd;
        return ST_OK;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
        return why_errno(why, ST_IO, "make a file in %s", folder);
    }
    AUTO_STRBUF path = STRBUF_INIT(4096);
    strbuf_printf(&path, "%s/mailspur-XXXXXX", folder);
    if (path.overflow) {
        return why_set(why, ST_INVALID, "the spool folder's name is too long");
    }
    fd = mkostemp(path.data, O_CLOEXEC);
    if (fd < 0) {
        return why_errno(why, ST_IO, "make a file in %s", folder);
    }
    (void)unlink(path.data); // ours, just made
    *fd_out = fd;
    return ST_OK;
}

static enum status
spill(struct message_buffer *buffer)
{
    enum status status = open_unlinked(buffer->spool, &buffer->fd, &buffer->why);
    if (status == ST_OK) {
        status = write_all(buffer->fd, buffer->memory.data, buffer->memory.length, &buffer->why);
    }
    strbuf_done(&buffer->memory);
    return status;
}

static void
append(struct message_buffer *buffer, const void *data, size_t length)
{
    if (buffer->status != ST_OK || length == 0) {
        return;
    }
    if (length > buffer->max_size - buffer->size) {
        buffer->status = why_set(&buffer->why, ST_TOO_LARGE, "the message has over %llu bytes",
                                 (unsigned long long)buffer->max_size);
        return;
    }
    buffer->size += length;
    if (buffer->fd < 0 && length <= MESSAGE_BUFFER_MEMORY_MAX - buffer->memory.length) {
        strbuf_append(&buffer->memory, data, length);
        return;
    }
    if (buffer->fd < 0 && buffer->memory.length > 0) {
        buffer->status = spill(buffer);
    } else if (buffer->fd < 0) {
        buffer->status = open_unlinked(buffer->spool, &buffer->fd, &buffer->why);
    }
    if (buffer->status == ST_OK) {
        buffer->status = write_all(buffer->fd, data, length, &buffer->why);
    }
}

// The value with each bare LF as CRLF.
static void
append_folded(struct message_buffer *buffer, const char *value)
{
    const char *start = value;
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n' && (c == value || c[-1] != '\r')) {
            append(buffer, start, (size_t)(c - start));
            append(buffer, "\r", 1);
            start = c;
        }
    }
    append(buffer, start, strlen(start));
}

void
message_buffer_add_field(struct message_buffer *buffer, const char *name, const char *value)
{
    append(buffer, name, strlen(name));
    append(buffer, ":", 1);
    append_folded(buffer, value);
    append(buffer, "\r\n", 2);
    if (buffer->status == ST_OK && buffer->size > MESSAGE_BUFFER_HEADER_MAX) {
        buffer->status = why_set(&buffer->why, ST_TOO_LARGE, "the header has over %d bytes",
                                 MESSAGE_BUFFER_HEADER_MAX);
    }
}

void
message_buffer_end_fields(struct message_buffer *buffer)
{
    append(buffer, "\r\n", 2);
    buffer->header_length = buffer->size;
}

void
message_buffer_add_body(struct message_buffer *buffer, const void *data, size_t length)
{
    append(buffer, data, length);
}

// The receiver maps or reads it without fear that it changes.
static enum status
seal_memory(struct message_buffer *buffer)
{
    int fd = memfd_create("mailspur-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return why_errno(&buffer->why, ST_IO, "memfd_create");
    }
    buffer->fd = fd;
    enum status status = write_all(fd, buffer->memory.data, buffer->memory.length, &buffer->why);
    if (status == ST_OK &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        status = why_errno(&buffer->why, ST_IO, "seal the message");
    }
    return status;
}

enum status
message_buffer_finish(struct message_buffer *buffer, enum message_form form,
                      struct message_bytes *bytes_out, struct why *why)
{
    if (buffer->status == ST_OK && buffer->header_length == 0) {
        message_buffer_end_fields(buffer); // an MTA that sends no end of header
    }
    bool in_memory = buffer->fd < 0;
    if (buffer->status == ST_OK && in_memory && form == MESSAGE_FORM_FILE) {
        buffer->status = seal_memory(buffer);
    }
    if (buffer->status != ST_OK) {
        return why_set(why, buffer->status, "%s", buffer->why.text);
    }
    *bytes_out = (struct message_bytes){.data = in_memory ? strbuf_text(&buffer->memory) : NULL,
                                        .fd = buffer->fd,
                                        .size = buffer->size,
                                        .header_length = buffer->header_length};
    return ST_OK;
}
