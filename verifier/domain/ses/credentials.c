// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char BLANKS[] = {' ', '\t', '\r', '\n'};

// A file as read, with room for the end of the line, and for one byte too much to show.
struct raw {
    char bytes[SES_SESSION_TOKEN_MAX + 3];
    size_t length;
};

static void
wipe_raw(struct raw *raw)
{
    explicit_bzero(raw, sizeof(*raw));
}

void
ses_credentials_wipe(struct ses_credentials *credentials)
{
    explicit_bzero(credentials, sizeof(*credentials));
}

static enum status
read_file(const char *path, struct raw *raw, struct why *why)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not block us
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return why_errno(why, ST_IO, "%s: cannot be read", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return why_set(why, ST_IO, "%s: is not a regular file", path);
    }
    while (raw->length < sizeof(raw->bytes)) {
        ssize_t length = read(fd, raw->bytes + raw->length, sizeof(raw->bytes) - raw->length);
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length < 0) {
            return why_errno(why, ST_IO, "%s: cannot be read", path);
        }
        if (length == 0) {
            break;
        }
        raw->length += (size_t)length;
    }
    return ST_OK;
}

static bool
is_printable(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] <= 0x20 || bytes[i] >= 0x7f) {
            return false;
        }
    }
    return length > 0;
}

// The one line of a file; `out` holds `most` + 1 bytes.
static enum status
read_line(const char *path, const char *what, size_t most, char *out, struct why *why)
{
    AUTO(wipe_raw) struct raw raw = {.length = 0};
    enum status status = read_file(path, &raw, why);
    if (status != ST_OK) {
        return status;
    }
    size_t length = raw.length;
    while (length > 0 && memchr(BLANKS, raw.bytes[length - 1], sizeof(BLANKS)) != NULL) {
        length--;
    }
    if (raw.length == sizeof(raw.bytes) || length > most || !is_printable(raw.bytes, length)) {
        return why_set(why, ST_INVALID,
                       "%s: must hold %s and nothing else: one line of at most %zu printable "
                       "characters without blanks",
                       path, what, most);
    }
    memcpy(out, raw.bytes, length);
    out[length] = '\0';
    return ST_OK;
}

enum status
ses_credentials_read(const struct ses_settings *settings, struct ses_credentials *out,
                     struct why *why)
{
    AUTO_CREDENTIALS found = {.session_token = ""};
    enum status status = read_line(settings->access_key_id_file, "the access key id",
                                   SES_ACCESS_KEY_ID_MAX, found.access_key_id, why);
    if (status == ST_OK) {
        status = read_line(settings->secret_key_file, "the secret access key", SES_SECRET_KEY_MAX,
                           found.secret_key, why);
    }
    if (status == ST_OK && settings->session_token_file != NULL) {
        status = read_line(settings->session_token_file, "the session token", SES_SESSION_TOKEN_MAX,
                           found.session_token, why);
    }
    if (status == ST_OK) {
        *out = found;
    }
    return status;
}
