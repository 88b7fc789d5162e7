// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/local_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/digest.h"
#include "config/text.h"
#include "verifier/domain/key_pair.h"
#include "verifier/domain/record_format.h"

enum {
    LABEL_HEX = 16, /* characters of the hash */
    PEM_MAX = 4096,
    PUBLIC_MAX = 480,                     /* base64 of a public key */
    FILE_SIZE = LOCAL_KEY_LABEL_SIZE + 4, /* ".pem" */
    TEMPORARY_SIZE = FILE_SIZE + 40,
    ZONE_LINE_TTL = 3600
};

static const enum key_pair_kind KINDS[LOCAL_KEYS] = {KEY_PAIR_RSA_2048, KEY_PAIR_RSA_2048,
                                                     KEY_PAIR_ED25519};

void
local_key_label(const char *domain, const char *token, size_t index, char out[LOCAL_KEY_LABEL_SIZE])
{
    AUTO_DIGEST *digest = digest_new_sha256();
    unsigned char hash[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    static const char what[] = "mailspur local key";
    digest_update(digest, what, sizeof(what));
    digest_update(digest, domain, strlen(domain) + 1);
    digest_update(digest, token, strlen(token) + 1);
    digest_finish(digest, hash);
    digest_hex(hash, hex);
    (void)snprintf(out, LOCAL_KEY_LABEL_SIZE, "%.*s-%zu", LABEL_HEX, hex, index + 1);
}

// ---- files

static void
wipe(struct strbuf *text)
{
    if (text->data != NULL) {
        explicit_bzero(text->data, text->allocated);
    }
    strbuf_done(text);
}
#define AUTO_SECRET AUTO(wipe) struct strbuf

static enum status
open_folder(const char *folder, int *fd_out, struct why *why)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return why_errno(why, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%.200s", folder);
    }
    *fd_out = fd;
    return ST_OK;
}

static enum status
make_folder(const char *folder, int *fd_out, struct why *why)
{
    if (mkdir(folder, S_IRWXU) != 0 && errno != EEXIST) {
        return why_errno(why, ST_IO, "%.200s cannot be made", folder);
    }
    return open_folder(folder, fd_out, why);
}

// The folder's own name, which may be as new as the keys in it.
static enum status
sync_parent(int folder_fd, const char *folder, struct why *why)
{
    AUTO_FD int fd = openat(folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) {
        return ST_OK; // not ours: somebody else made the folder, and long ago
    }
    return fd >= 0 && fsync(fd) == 0
               ? ST_OK
               : why_errno(why, ST_IO, "the folder above %.200s cannot be synced", folder);
}

static enum status
write_all(int fd, const struct strbuf *text, const char *name, struct why *why)
{
    for (size_t at = 0; at < text->length;) {
        ssize_t count = write(fd, text->data + at, text->length - at);
        if (count < 0 && errno != EINTR) {
            return why_errno(why, ST_IO, "%s cannot be written", name);
        }
        at += count > 0 ? (size_t)count : 0;
    }
    return fsync(fd) == 0 ? ST_OK : why_errno(why, ST_IO, "%s cannot be synced", name);
}

// A new file with a name of its own: "." + file + "." + something.
static enum status
write_temporary(int folder, const char *file, const struct strbuf *text, char name[TEMPORARY_SIZE],
                struct why *why)
{
    (void)snprintf(name, TEMPORARY_SIZE, ".%s.%d.%lx", file, getpid(),
                   (unsigned long)pthread_self());
    AUTO_FD int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                            S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return why_errno(why, ST_IO, "%s cannot be made", name);
    }
    enum status status = write_all(fd, text, name, why);
    if (close(STEAL_FD(fd)) != 0 && status == ST_OK) {
        status = why_errno(why, ST_IO, "%s cannot be closed", name);
    }
    return status;
}

// Under its name a file is whole from the first moment, and the first one stays.
static enum status
publish(int folder, const char *file, const struct strbuf *text, bool *is_new, struct why *why)
{
    char temporary[TEMPORARY_SIZE];
    enum status status = write_temporary(folder, file, text, temporary, why);
    if (status == ST_OK) {
        *is_new = linkat(folder, temporary, folder, file, 0) == 0;
        if (!*is_new && errno != EEXIST) {
            status = why_errno(why, ST_IO, "%s cannot be made", file);
        }
    }
    (void)unlinkat(folder, temporary, 0); // a rest would do no harm
    if (status == ST_OK && fsync(folder) != 0) {
        status = why_errno(why, ST_IO, "the folder of %s cannot be synced", file);
    }
    return status;
}

static void
file_name(const char *domain, const char *token, size_t index, char out[FILE_SIZE])
{
    char label[LOCAL_KEY_LABEL_SIZE];
    local_key_label(domain, token, index, label);
    (void)snprintf(out, FILE_SIZE, "%s.pem", label);
}

static enum status
read_key(const char *folder, const char *file, struct strbuf *out, struct why *why)
{
    AUTO_FREE char *path = text_resolve(folder, file);
    struct why inner;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return why_set(why, ST_NOT_FOUND, "%.200s: no such key", path);
    }
    enum status status = text_read_file(path, out, NULL, &inner);
    return status == ST_OK ? ST_OK : why_set(why, status, "%.200s %.100s", path, inner.text);
}

static enum status
public_text(const char *folder, const char *file, size_t index, struct strbuf *out, struct why *why)
{
    AUTO_SECRET pem = STRBUF_INIT(PEM_MAX);
    enum status status = read_key(folder, file, &pem, why);
    if (status == ST_TOO_LARGE) {
        return ST_INVALID; // no key is that long
    }
    if (status != ST_OK) {
        return status;
    }
    struct why inner;
    status = key_pair_public_text(KINDS[index], strbuf_text(&pem), pem.length, out, &inner);
    return status == ST_OK ? ST_OK : why_set(why, status, "%.200s/%s %s", folder, file, inner.text);
}

static enum status
ensure_one(const char *folder, int folder_fd, const char *file, size_t index, bool *is_new,
           struct why *why)
{
    AUTO_STRBUF text = STRBUF_INIT(PUBLIC_MAX);
    enum status status = public_text(folder, file, index, &text, why);
    if (status != ST_NOT_FOUND) {
        return status;
    }
    AUTO_SECRET pem = STRBUF_INIT(PEM_MAX);
    status = key_pair_make(KINDS[index], &pem, why);
    return status == ST_OK ? publish(folder_fd, file, &pem, is_new, why) : status;
}

// What is not safe is not left for the next call, which would take it for safe.
static void
drop_new(int folder_fd, const char *domain, const char *token, const bool is_new[LOCAL_KEYS])
{
    for (size_t i = 0; i < LOCAL_KEYS; i++) {
        char file[FILE_SIZE];
        file_name(domain, token, i, file);
        if (is_new[i]) {
            (void)unlinkat(folder_fd, file, 0);
        }
    }
}

enum status
local_keys_ensure(const char *folder, const char *domain, const char *token, struct why *why)
{
    AUTO_FD int fd = -1;
    bool is_new[LOCAL_KEYS] = {false};
    bool has_new = false;
    enum status status = make_folder(folder, &fd, why);
    for (size_t i = 0; i < LOCAL_KEYS && status == ST_OK; i++) {
        char file[FILE_SIZE];
        file_name(domain, token, i, file);
        status = ensure_one(folder, fd, file, i, &is_new[i], why);
        has_new |= is_new[i];
    }
    if (status == ST_OK && has_new) {
        status = sync_parent(fd, folder, why);
    }
    if (status != ST_OK) {
        drop_new(fd, domain, token, is_new);
    }
    return status;
}

enum status
local_keys_delete(const char *folder, const char *domain, const char *token, struct why *why)
{
    AUTO_FD int fd = -1;
    enum status status = open_folder(folder, &fd, why);
    if (status != ST_OK) {
        return status == ST_NOT_FOUND ? ST_OK : status;
    }
    for (size_t i = 0; i < LOCAL_KEYS; i++) {
        char file[FILE_SIZE];
        file_name(domain, token, i, file);
        if (unlinkat(fd, file, 0) != 0 && errno != ENOENT) {
            return why_errno(why, ST_IO, "%.200s/%s cannot be deleted", folder, file);
        }
    }
    return fsync(fd) == 0 ? ST_OK : why_errno(why, ST_IO, "%.200s cannot be synced", folder);
}

// ---- records

enum status
local_key_text(const char *folder, const char *domain, const char *token, size_t index,
               char out[LOCAL_KEY_TEXT_MAX], struct why *why)
{
    char file[FILE_SIZE];
    file_name(domain, token, index, file);
    AUTO_STRBUF key = STRBUF_INIT(PUBLIC_MAX);
    enum status status = public_text(folder, file, index, &key, why);
    if (status == ST_OK) {
        (void)snprintf(out, LOCAL_KEY_TEXT_MAX, "v=DKIM1; k=%s; p=%s",
                       KINDS[index] == KEY_PAIR_RSA_2048 ? "rsa" : "ed25519", strbuf_text(&key));
    }
    return status;
}

enum status
local_keys_zone_lines(const char *folder, const char *dkim_zone, const char *domain,
                      const char *token, struct strbuf *out, struct why *why)
{
    AUTO_STRBUF lines = STRBUF_INIT(LOCAL_KEYS_LINES_MAX);
    strbuf_printf(&lines, "; %s\n", domain);
    for (size_t i = 0; i < LOCAL_KEYS; i++) {
        char label[LOCAL_KEY_LABEL_SIZE];
        char text[LOCAL_KEY_TEXT_MAX];
        local_key_label(domain, token, i, label);
        if (strlen(label) + 1 + strlen(dkim_zone) > DOMAIN_NAME_MAX) {
            return why_set(why, ST_TOO_LARGE, "%s.%.100s... is longer than the DNS allows", label,
                           dkim_zone);
        }
        enum status status = local_key_text(folder, domain, token, i, text, why);
        if (status != ST_OK) {
            return status;
        }
        strbuf_printf(&lines, "%s.%s. %d IN TXT ", label, dkim_zone, ZONE_LINE_TTL);
        record_format_txt(text, &lines);
        strbuf_putc(&lines, '\n');
    }
    strbuf_puts(out, strbuf_text(&lines));
    return lines.overflow || out->overflow
               ? why_set(why, ST_TOO_LARGE, "the lines of %.100s do not fit", domain)
               : ST_OK;
}
