// SPDX-License-Identifier: Apache-2.0
#include "config/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/address.h"
#include "common/cleanup.h"
#include "common/network.h"
#include "common/parse.h"
#include "common/unixsock.h"
#include "common/xalloc.h"

enum { READ_SIZE = 16 * 1024, HOST_SIZE = 256 };

static enum status
read_all(int fd, struct strbuf *out, struct why *why)
{
    for (;;) {
        char buffer[READ_SIZE];
        ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return why_errno(why, ST_IO, "cannot be read");
        }
        if (got == 0) {
            return ST_OK;
        }
        strbuf_append(out, buffer, (size_t)got);
        if (out->overflow) {
            return why_set(why, ST_TOO_LARGE, "is larger than %zu bytes", out->cap);
        }
    }
}

enum status
text_read_file(const char *path, struct strbuf *out, mode_t *mode_out, struct why *why)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not block us
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return why_errno(why, ST_IO, "cannot be read");
    }
    if (!S_ISREG(info.st_mode)) {
        return why_set(why, ST_IO, "is not a regular file");
    }
    enum status status = read_all(fd, out, why);
    if (status == ST_OK && mode_out != NULL) {
        *mode_out = info.st_mode & 07777;
    }
    return status;
}

char *
text_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return xstrdup(".");
    }
    return slash == path ? xstrdup("/") : xmemdup(path, (size_t)(slash - path));
}

char *
text_resolve(const char *folder, const char *path)
{
    if (path[0] == '/') {
        return xstrdup(path);
    }
    AUTO_STRBUF out = STRBUF_INIT(strlen(folder) + strlen(path) + 1);
    strbuf_printf(&out, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", path);
    return strbuf_steal(&out);
}

enum status
text_check_name(const char *text, struct why *why)
{
    size_t length = strlen(text);
    bool good = length > 0 && length <= CONFIG_NAME_MAX && isalnum((unsigned char)text[0]);
    for (const char *c = text; good && *c != '\0'; c++) {
        good = isalnum((unsigned char)*c) || strchr("-_.", *c) != NULL;
    }
    if (!good) {
        return why_set(why, ST_INVALID,
                       "'%.80s' is not a name: letters and digits, then also - _ ., at most %d",
                       text, CONFIG_NAME_MAX);
    }
    return ST_OK;
}

enum status
text_check_printable(const char *text, struct why *why)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') {
            return why_set(why, ST_INVALID, "only printable ASCII characters can stand here");
        }
    }
    return text[0] == '\0' ? why_set(why, ST_INVALID, "an empty text cannot stand here") : ST_OK;
}

enum status
text_check_reply(const char *text, struct why *why)
{
    size_t length = strlen(text);
    if (length > CONFIG_REPLY_MAX) {
        return why_set(why, ST_INVALID, "the text has %zu bytes; at most %d are taken", length,
                       CONFIG_REPLY_MAX);
    }
    return text_check_printable(text, why);
}

enum status
text_check_line(const char *text, struct why *why)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (iscntrl((unsigned char)*c)) {
            return why_set(why, ST_INVALID, "control characters cannot stand here");
        }
    }
    return ST_OK;
}

static bool
is_port(const char *text, size_t length)
{
    AUTO_FREE char *port = xmemdup(text, length);
    uint64_t number = 0;
    return parse_uint(port, UINT16_MAX, &number, NULL) == ST_OK && number > 0;
}

// "host", "host:port", "v4", "v4:port", "[v6]", "[v6]:port" → host without brackets.
static bool
split_host_port(const char *text, size_t length, char host[HOST_SIZE], bool *is_bracketed_out)
{
    bool bracketed = length > 0 && text[0] == '[';
    const char *start = text + (bracketed ? 1 : 0);
    const char *end = memchr(start, bracketed ? ']' : ':', length - (size_t)(start - text));
    if (end == NULL && bracketed) {
        return false;
    }
    size_t host_length = end == NULL ? length : (size_t)(end - start);
    size_t used = host_length + (bracketed ? 2 : 0);
    if (host_length == 0 || host_length >= HOST_SIZE) {
        return false;
    }
    if (used < length) {
        if (text[used] != ':' || !is_port(text + used + 1, length - used - 1)) {
            return false;
        }
    }
    memcpy(host, start, host_length);
    host[host_length] = '\0';
    *is_bracketed_out = bracketed;
    return true;
}

static bool
is_host(const char *host, bool bracketed)
{
    struct network_address address;
    if (network_parse_address(host, &address, NULL) == ST_OK) {
        return bracketed == (strchr(host, ':') != NULL);
    }
    char name[DOMAIN_NAME_SIZE];
    return !bracketed && address_normalize_domain(host, name, NULL) == ST_OK;
}

enum status
text_check_url(const char *text, struct why *why)
{
    if (strlen(text) > CONFIG_URL_MAX) {
        return why_set(why, ST_INVALID, "a URL longer than %d bytes", CONFIG_URL_MAX);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~') {
            return why_set(why, ST_INVALID,
                           "a URL cannot hold blanks, control characters or other "
                           "than ASCII; percent-encode them");
        }
    }
    const char *scheme_end = strstr(text, "://");
    size_t scheme = scheme_end == NULL ? 0 : (size_t)(scheme_end - text);
    if (!(scheme == 5 && memcmp(text, "https", 5) == 0) &&
        !(scheme == 4 && memcmp(text, "http", 4) == 0)) {
        return why_set(why, ST_INVALID, "'%.80s' does not begin with https:// or http://", text);
    }
    const char *authority = scheme_end + 3;
    size_t length = strcspn(authority, "/?#");
    if (memchr(authority, '@', length) != NULL) { // the value may be a secret: do not repeat it
        return why_set(why, ST_INVALID,
                       "a URL cannot hold a user or password; use authorization_file");
    }
    if (strchr(text, '#') != NULL) {
        return why_set(why, ST_INVALID, "'%.80s' has a fragment (#), which is never sent", text);
    }
    char host[HOST_SIZE];
    bool bracketed = false;
    if (!split_host_port(authority, length, host, &bracketed) || !is_host(host, bracketed)) {
        return why_set(why, ST_INVALID, "'%.*s' is not a host, or host:port",
                       (int)(length < 80 ? length : 80), authority);
    }
    return ST_OK;
}

enum status
text_check_server(const char *text, struct why *why)
{
    struct network_address address;
    char host[HOST_SIZE];
    bool bracketed = false;
    if (network_parse_address(text, &address, NULL) == ST_OK ||
        (split_host_port(text, strlen(text), host, &bracketed) &&
         network_parse_address(host, &address, NULL) == ST_OK)) {
        return ST_OK;
    }
    return why_set(why, ST_INVALID,
                   "'%.60s' is not a DNS server such as 127.0.0.1, 192.0.2.1:5353 or [::1]:53",
                   text);
}

enum status
text_check_socket_path(const char *text, struct why *why)
{
    size_t length = strlen(text);
    if (length == 0 || length > UNIXSOCK_PATH_MAX) {
        return why_set(why, ST_INVALID, "the path of a socket has 1 to %d bytes, not %zu",
                       UNIXSOCK_PATH_MAX, length);
    }
    return ST_OK;
}

static bool
is_port_at_host(const char *text)
{
    const char *at = strchr(text, '@');
    size_t length = at == NULL ? strlen(text) : (size_t)(at - text);
    return is_port(text, length) && (at == NULL || at[1] != '\0');
}

enum status
text_check_milter_socket(const char *text, struct why *why)
{
    const char *colon = strchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    const char *rest = colon == NULL ? text : colon + 1;
    bool is_unix = length > 0 && (strncmp(text, "unix:", length + 1) == 0 ||
                                  strncmp(text, "local:", length + 1) == 0);
    bool is_inet = length > 0 && (strncmp(text, "inet:", length + 1) == 0 ||
                                  strncmp(text, "inet6:", length + 1) == 0);
    if (is_unix && rest[0] == '/') {
        return text_check_socket_path(rest, why);
    }
    if (is_inet && is_port_at_host(rest)) {
        return ST_OK;
    }
    return why_set(why, ST_INVALID, "'%.80s' is neither unix:/path nor inet:port@host", text);
}

static bool
is_label(const char *text, size_t length)
{
    size_t good = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= CONFIG_LABEL_MAX && good >= length && text[0] != '-' &&
           text[length - 1] != '-';
}

enum status
text_check_label(const char *text, struct why *why)
{
    if (!is_label(text, strlen(text))) {
        return why_set(why, ST_INVALID,
                       "'%.70s' is not one label of a domain name: lower-case letters, digits, and "
                       "hyphens inside, at most %d",
                       text, CONFIG_LABEL_MAX);
    }
    return ST_OK;
}

enum status
text_check_region(const char *text, struct why *why)
{
    if (strlen(text) > CONFIG_REGION_MAX || !is_label(text, strlen(text))) {
        return why_set(why, ST_INVALID, "'%.40s' is not a region such as us-east-1", text);
    }
    return ST_OK;
}

// The domain of a report's address, where "{domain}" may stand at the end.
static bool
is_report_domain(const char *text)
{
    static const char PLACE[] = "{domain}";
    size_t length = strlen(text);
    size_t place = strlen(PLACE);
    char name[DOMAIN_NAME_SIZE];
    if (length < place || strcmp(text + length - place, PLACE) != 0) {
        return address_normalize_domain(text, name, NULL) == ST_OK;
    }
    length -= place;
    if (length == 0) {
        return true;
    }
    AUTO_FREE char *front = xmemdup(text, length - 1);
    return text[length - 1] == '.' && address_normalize_domain(front, name, NULL) == ST_OK;
}

enum status
text_check_report_address(const char *text, struct why *why)
{
    const char *at = strchr(text, '@');
    size_t local = at == NULL ? 0 : (size_t)(at - text);
    // RFC 7489, 6.4: "," and "!" end an address, and what a URI would need to escape is not taken.
    size_t good =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-");
    if (local == 0 || good != local || strlen(text) > CONFIG_REPORT_MAX ||
        !is_report_domain(at + 1)) {
        return why_set(why, ST_INVALID,
                       "'%.60s' is not an address such as dmarc@example.com or dmarc@{domain}",
                       text);
    }
    return ST_OK;
}
