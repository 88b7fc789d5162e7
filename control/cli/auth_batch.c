// SPDX-License-Identifier: Apache-2.0
#include "control/cli/auth_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "common/xalloc.h"
#include "control/cli/auth_show.h"
#include "control/cli/call.h"

enum { LINE_MAX_BYTES = CHECK_MESSAGE_MAX / 3 * 4 + 64 * 1024, WORD_MAX = 40, NUMBER_SIZE = 24 };

/* A line taken apart: what a request borrows from. */
struct batch_line {
    json_t *root;
    struct check_request request;
    char now[NUMBER_SIZE];
    unsigned char *bytes;
};

static void
line_done(struct batch_line *line)
{
    json_decref(line->root);
    free(line->bytes);
}

struct member {
    const char *name;
    size_t offset;
};

#define MEMBER(member)                                                                             \
    {                                                                                              \
#member, offsetof(struct check_request, member)                                            \
    }
static const struct member MEMBERS[] = {
    MEMBER(client_ip), MEMBER(helo),       MEMBER(mail_from),   MEMBER(engine),
    MEMBER(discovery), MEMBER(dns_server), MEMBER(dns_fixture), MEMBER(authserv_id),
    MEMBER(message),   MEMBER(forwarder),  MEMBER(arc_sealer),  MEMBER(forwarder_network),
};

static enum status
take_bytes(struct batch_line *line, const json_t *value, struct why *why)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return why_set(why, ST_INVALID, "message_base64 is no text");
    }
    line->bytes = xcalloc(strlen(text) / 4 * 3 + 1, 1);
    if (base64_decode(text, line->bytes, &line->request.length) != ST_OK) {
        return why_set(why, ST_INVALID, "message_base64 is no base64");
    }
    line->request.bytes = (const char *)line->bytes;
    return ST_OK;
}

static enum status
take_now(struct batch_line *line, const json_t *value, struct why *why)
{
    if (!json_is_integer(value)) {
        return why_set(why, ST_INVALID, "now is no number of seconds since 1970");
    }
    (void)snprintf(line->now, sizeof(line->now), "%" JSON_INTEGER_FORMAT,
                   json_integer_value(value));
    line->request.now = line->now;
    return ST_OK;
}

static enum status
take_text(struct batch_line *line, const struct member *member, const json_t *value,
          struct why *why)
{
    if (json_is_null(value)) {
        return ST_OK; // as if it were not there
    }
    if (!json_is_string(value)) {
        return why_set(why, ST_INVALID, "%s is no text", member->name);
    }
    const char **target = (const char **)((char *)&line->request + member->offset);
    *target = json_string_value(value);
    return ST_OK;
}

static enum status
take_member(struct batch_line *line, const char *name, const json_t *value, struct why *why)
{
    for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++) {
        if (strcmp(name, MEMBERS[i].name) == 0) {
            return take_text(line, &MEMBERS[i], value, why);
        }
    }
    if (strcmp(name, "message_base64") == 0) {
        return take_bytes(line, value, why);
    }
    if (strcmp(name, "now") == 0) {
        return take_now(line, value, why);
    }
    return strcmp(name, "id") == 0
               ? ST_OK
               : why_set(why, ST_INVALID, "unknown member '%.*s'", WORD_MAX, name);
}

static enum status
read_line(const char *text, size_t length, struct batch_line *line, struct why *why)
{
    json_error_t error;
    line->root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(line->root)) {
        return why_set(why, ST_INVALID, "the line is no JSON object%s%s",
                       line->root == NULL ? ": " : "", line->root == NULL ? error.text : "");
    }
    const char *name;
    json_t *value;
    json_object_foreach(line->root, name, value)
    {
        enum status status = take_member(line, name, value, why);
        if (status != ST_OK) {
            return status;
        }
    }
    const char *path = line->request.message;
    if (path != NULL && (line->request.bytes != NULL || strcmp(path, "-") == 0)) {
        return why_set(why, ST_INVALID, "message is a path; message_base64 stands without it");
    }
    return ST_OK;
}

static bool
answer(const struct cli *cli, struct checker *checker, const struct check_request *defaults,
       const char *text, size_t length)
{
    AUTO(line_done) struct batch_line line = {.request = *defaults};
    struct verdict verdict;
    struct why why;
    enum status status = read_line(text, length, &line, &why);
    if (status == ST_OK) {
        status = checker_run(checker, &line.request, &verdict, &why);
    }
    const json_t *id = json_object_get(line.root, "id");
    if (status == ST_OK) {
        auth_show_json(cli, &verdict, id);
    } else {
        auth_show_error(cli, why.text, id);
    }
    (void)fflush(cli->screen.out); // whoever waits for this answer writes the next line then
    return status == ST_OK;
}

static bool
is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

enum status
auth_batch_run(const struct cli *cli, struct checker *checker, const struct check_request *defaults,
               const char *path, size_t *failed_out, struct why *why)
{
    bool is_input = strcmp(path, "-") == 0;
    AUTO_FILE FILE *file = is_input ? NULL : fopen(path, "re");
    FILE *from = is_input ? stdin : file;
    if (from == NULL) {
        return why_errno(why, ST_IO, "%s", path);
    }
    AUTO_FREE char *text = NULL;
    size_t allocated = 0;
    ssize_t length;
    *failed_out = 0;
    while ((length = getline(&text, &allocated, from)) >= 0) {
        if (length > LINE_MAX_BYTES) {
            return why_set(why, ST_TOO_LARGE, "%s: a line is over %d bytes", path, LINE_MAX_BYTES);
        }
        if (!is_blank(text) && !answer(cli, checker, defaults, text, (size_t)length)) {
            (*failed_out)++;
        }
    }
    return ferror(from) != 0 ? why_errno(why, ST_IO, "%s", path) : ST_OK;
}
