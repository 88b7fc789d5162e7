// SPDX-License-Identifier: Apache-2.0
#include "config/secret.h"

#include <string.h>
#include <sys/stat.h>

#include "common/base64.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "config/text.h"

static const char KEY_PREFIX[] = "whsec_";
enum { KEY_TEXT_MAX = 88 }; /* base64 of CONFIG_SECRET_BYTES_MAX bytes */

// Clears the text before the buffer is freed.
static void
wipe(struct strbuf *text)
{
    if (text->data != NULL) {
        explicit_bzero(text->data, text->allocated);
    }
    strbuf_done(text);
}

static bool
read_secret_file(const struct source *source, const struct node *node, const char *path,
                 struct strbuf *text)
{
    struct why why;
    mode_t mode = 0;
    if (text_read_file(path, text, &mode, &why) != ST_OK) {
        SOURCE_ERROR(source, node, "'%s': %s %s", node->key, path, why.text);
        return false;
    }
    if ((mode & S_IRWXO) != 0) {
        SOURCE_WARNING(source, node,
                       "'%s': everybody on this host can get at %s (mode %04o); chmod o= it",
                       node->key, path, mode);
    }
    if (memchr(strbuf_text(text), '\0', text->length) != NULL) {
        SOURCE_ERROR(source, node, "'%s': %s holds a NUL byte", node->key, path);
        return false;
    }
    return true;
}

// The next line that is not blank, trimmed in place; NULL at the end.
static char *
next_line(char **at, unsigned *line)
{
    while (*at != NULL) {
        char *start = strsep(at, "\n");
        ++*line;
        start += strspn(start, " \t\r");
        size_t length = strlen(start);
        while (length > 0 && strchr(" \t\r", start[length - 1]) != NULL) {
            start[--length] = '\0';
        }
        if (length > 0) {
            return start;
        }
    }
    return NULL;
}

static const char *
parse_key(const char *line, struct config_secret *out)
{
    if (strncmp(line, KEY_PREFIX, strlen(KEY_PREFIX)) != 0) {
        return "a line does not begin with whsec_";
    }
    const char *text = line + strlen(KEY_PREFIX);
    unsigned char bytes[KEY_TEXT_MAX / 4 * 3];
    size_t length = 0;
    if (strlen(text) > KEY_TEXT_MAX) {
        return "a key is longer than 64 bytes";
    }
    if (base64_decode(text, bytes, &length) != ST_OK) {
        return "what follows whsec_ is not base64";
    }
    if (length < SECRET_BYTES_MIN || length > CONFIG_SECRET_BYTES_MAX) {
        explicit_bzero(bytes, sizeof(bytes));
        return "a key must have 24 to 64 bytes before base64";
    }
    memcpy(out->bytes, bytes, length);
    out->length = length;
    explicit_bzero(bytes, sizeof(bytes));
    return NULL;
}

void
secret_read_keys(const struct source *source, const struct node *node, const char *path,
                 struct config_destination *destination)
{
    AUTO(wipe) struct strbuf text = STRBUF_INIT(SECRET_FILE_MAX);
    if (!read_secret_file(source, node, path, &text)) {
        return;
    }
    size_t count = 0;
    unsigned line = 0;
    char *at = text.data;
    for (const char *key = next_line(&at, &line); key != NULL; key = next_line(&at, &line)) {
        const char *fault = count == CONFIG_SECRETS_MAX
                                ? "more than two keys: the current one, then the one rotated out"
                                : parse_key(key, &destination->secrets[count]);
        if (fault != NULL) {
            diagnostics_error(source->diagnostics, path, line, 1, "%s", fault);
            return;
        }
        count++;
    }
    if (count == 0) {
        SOURCE_ERROR(source, node,
                     "'%s': %s holds no key; make one with: "
                     "echo whsec_$(openssl rand -base64 32)",
                     node->key, path);
        return;
    }
    destination->secret_count = count;
}

void
secret_read_authorization(const struct source *source, const struct node *node, const char *path,
                          struct config_destination *destination)
{
    AUTO(wipe) struct strbuf text = STRBUF_INIT(SECRET_FILE_MAX);
    if (!read_secret_file(source, node, path, &text)) {
        return;
    }
    unsigned line = 0;
    char *at = text.data;
    const char *value = next_line(&at, &line);
    unsigned value_line = line;
    if (value == NULL || strlen(value) > AUTHORIZATION_MAX || next_line(&at, &line) != NULL) {
        SOURCE_ERROR(source, node, "'%s': %s must hold one line of at most %d bytes", node->key,
                     path, AUTHORIZATION_MAX);
        return;
    }
    struct why why;
    if (text_check_printable(value, &why) != ST_OK) {
        diagnostics_error(source->diagnostics, path, value_line, 1, "%s", why.text);
        return;
    }
    destination->authorization = xstrdup(value);
}
