// SPDX-License-Identifier: Apache-2.0
#include "control/api/path.h"

#include <string.h>

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool
percent_decode(const char *text, size_t length, char *out, size_t size)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '%') {
            int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = length - i > 2 ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (byte < 0x20 || byte == 0x7f || written + 1 >= size) {
            return false;
        }
        out[written++] = (char)byte;
    }
    out[written] = '\0';
    return true;
}

bool
path_match(const char *pattern, const char *path, char *id_out, size_t size)
{
    static const char VARIABLE[] = "{id}";
    while (*pattern == '/' && *path == '/') {
        size_t wanted = strcspn(++pattern, "/");
        size_t given = strcspn(++path, "/");
        if (wanted == sizeof(VARIABLE) - 1 && strncmp(pattern, VARIABLE, wanted) == 0) {
            if (given == 0 || !percent_decode(path, given, id_out, size)) {
                return false;
            }
        } else if (wanted != given || strncmp(pattern, path, given) != 0) {
            return false;
        }
        pattern += wanted;
        path += given;
    }
    return *pattern == '\0' && *path == '\0';
}
