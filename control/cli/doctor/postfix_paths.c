// SPDX-License-Identifier: Apache-2.0
// Sockets, as Postfix names them.
#include <string.h>
#include <sys/stat.h>

#include "control/cli/doctor/postfix.h"

static const char *
queue_of(const struct postfix_settings *settings)
{
    return postfix_setting_text(settings, "queue_directory");
}

// What follows the queue directory; NULL when the path lies elsewhere.
static const char *
below_queue(const struct postfix_settings *settings, const char *path)
{
    const char *queue = queue_of(settings);
    size_t length = strlen(queue);
    if (length == 0 || strncmp(path, queue, length) != 0 || path[length] != '/') {
        return NULL;
    }
    return path + length + strspn(path + length, "/");
}

void
postfix_real_path(const struct postfix_settings *settings, const char *path, struct strbuf *out)
{
    if (path[0] != '/') {
        strbuf_printf(out, "%s/%s", queue_of(settings), path);
    } else if (postfix_is_chrooted(settings)) {
        strbuf_printf(out, "%s%s", queue_of(settings), path);
    } else {
        strbuf_puts(out, path);
    }
}

const char *
postfix_own_path(const struct postfix_settings *settings, const char *path)
{
    const char *below = below_queue(settings, path);
    return below == NULL ? path : below;
}

bool
postfix_can_enter(const struct postfix_settings *settings, const char *path)
{
    return !postfix_is_chrooted(settings) || below_queue(settings, path) != NULL;
}

bool
postfix_is_same_file(const char *a, const char *b)
{
    struct stat first;
    struct stat second;
    return strcmp(a, b) == 0 || (stat(a, &first) == 0 && stat(b, &second) == 0 &&
                                 first.st_dev == second.st_dev && first.st_ino == second.st_ino);
}

const char *
postfix_unix_path(const char *socket)
{
    static const char *const PREFIXES[] = {"unix:", "local:"};
    for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
        size_t length = strlen(PREFIXES[i]);
        if (strncmp(socket, PREFIXES[i], length) == 0) {
            return socket + length;
        }
    }
    return NULL;
}
