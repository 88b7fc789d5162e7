// SPDX-License-Identifier: Apache-2.0
#include "control/cli/call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xalloc.h"
#include "config/config.h"
#include "control/cli/client.h"
#include "control/cli/url.h"

static const char DEFAULT_SOCKET[] = "/run/mailspur/control.sock";

struct exit_row {
    long http_status;
    enum cli_exit code;
};
static const struct exit_row EXITS[] = {
    {400, CLI_USAGE}, {404, CLI_NOT_FOUND}, {409, CLI_REFUSED},
    {422, CLI_USAGE}, {429, CLI_REFUSED},   {503, CLI_UNREACHABLE},
};

static enum cli_exit
exit_of(long http_status)
{
    for (size_t i = 0; i < ARRAY_LEN(EXITS); i++) {
        if (EXITS[i].http_status == http_status) {
            return EXITS[i].code;
        }
    }
    return http_status >= 200 && http_status < 300 ? CLI_OK : CLI_FAILED;
}

// ---- which socket

static void
diagnostics_cleanup(struct diagnostics *diagnostics)
{
    diagnostics_done(diagnostics);
}

// Owned by the caller. NULL, after a complaint, when a configuration named with -c is no good.
static char *
find_socket(const struct cli *cli)
{
    if (cli->socket_path != NULL) {
        return xstrdup(cli->socket_path);
    }
    AUTO(diagnostics_cleanup) struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = NULL;
    const char *path = cli->config_path == NULL ? CONFIG_DEFAULT_PATH : cli->config_path;
    if (config_load_host(path, &diagnostics, &config) == ST_OK) {
        return xstrdup(config->control.path);
    }
    if (cli->config_path == NULL) {
        return xstrdup(DEFAULT_SOCKET); // an administrator of the socket need not read the file
    }
    (void)cli_complain(cli, CLI_USAGE, "%s cannot be used: see mailspur config check %s", path,
                       path);
    return NULL;
}

// ---- asking

static enum cli_exit
complain_unreachable(const struct cli *cli, enum status status, const struct why *why)
{
    if (cli->json) {
        AUTO_JSON *root =
            json_pack("{s:{s:s, s:s}}", "error", "code", "unreachable", "message", why->text);
        (void)json_dumpf(root, cli->screen.out, JSON_COMPACT | JSON_ENSURE_ASCII);
        (void)fputc('\n', cli->screen.out);
        return CLI_UNREACHABLE;
    }
    return cli_complain(cli, CLI_UNREACHABLE, "%s%s", why->text,
                        status == ST_REFUSED ? "; who may ask is set by sockets.control" : "");
}

static enum cli_exit
complain_error(const struct cli *cli, long http_status, const json_t *answer)
{
    const char *message = call_text(json_object_get(answer, "error"), "message");
    if (message[0] == '\0') {
        return cli_complain(cli, CLI_FAILED, "mailspurd answered %ld without an explanation",
                            http_status);
    }
    return cli_complain(cli, exit_of(http_status), "%s", message);
}

static void
answer_cleanup(struct client_answer *answer)
{
    strbuf_done(&answer->body);
}

static enum cli_exit
ask(const struct cli *cli, struct client_request *request, struct client_answer *answer)
{
    AUTO_FREE char *socket_path = find_socket(cli);
    if (socket_path == NULL) {
        return CLI_USAGE;
    }
    request->socket_path = socket_path;
    request->patience_s = cli->patience_s;
    struct why why;
    enum status status = client_ask(request, answer, &why);
    return status == ST_OK ? CLI_OK : complain_unreachable(cli, status, &why);
}

static enum cli_exit
call(const struct cli *cli, const char *method, const struct strbuf *url, json_t *body, bool prints,
     json_t **answer_out)
{
    AUTO_FREE char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    AUTO(answer_cleanup)
    struct client_answer answer = {.body = STRBUF_INIT(CLIENT_ANSWER_MAX)};
    struct client_request request = {.method = method, .url = strbuf_text(url), .body = text};
    if (url->overflow) {
        return cli_complain(cli, CLI_USAGE, "a value is too long");
    }
    enum cli_exit code = ask(cli, &request, &answer);
    if (code != CLI_OK) {
        return code;
    }
    AUTO_JSON *root = json_loadb(strbuf_text(&answer.body), answer.body.length, 0, NULL);
    code = exit_of(answer.http_status);
    if (cli->json && (prints || code != CLI_OK)) {
        (void)fprintf(cli->screen.out, "%s\n", strbuf_text(&answer.body));
    } else if (code != CLI_OK) {
        return complain_error(cli, answer.http_status, root);
    }
    if (code == CLI_OK && !json_is_object(root)) {
        return cli_complain(cli, CLI_FAILED, "mailspurd's answer is no JSON object");
    }
    if (code == CLI_OK) {
        *answer_out = STEAL(root);
    }
    return code;
}

enum cli_exit
call_api(const struct cli *cli, const char *method, const struct strbuf *url, json_t *body,
         json_t **answer_out)
{
    return call(cli, method, url, body, true, answer_out);
}

enum cli_exit
call_look(const struct cli *cli, const struct strbuf *url, json_t **answer_out)
{
    return call(cli, "GET", url, NULL, false, answer_out);
}

enum cli_exit
call_fetch(const struct cli *cli, const struct strbuf *url, struct strbuf *body)
{
    AUTO(answer_cleanup)
    struct client_answer answer = {.body = STRBUF_INIT(CLIENT_ANSWER_MAX)};
    struct client_request request = {.method = "GET", .url = strbuf_text(url)};
    enum cli_exit code = ask(cli, &request, &answer);
    if (code == CLI_OK) {
        code = exit_of(answer.http_status);
        if (code != CLI_OK && code != CLI_NOT_FOUND) {
            AUTO_JSON *root = json_loadb(strbuf_text(&answer.body), answer.body.length, 0, NULL);
            return complain_error(cli, answer.http_status, root);
        }
    }
    if (code == CLI_OK) {
        *body = answer.body;
        answer.body = STRBUF_INIT(0);
    }
    return code;
}

static bool
write_piece(void *context, const char *data, size_t length)
{
    const struct screen *screen = context;
    if (!screen->tty) {
        return fwrite(data, 1, length, screen->out) == length;
    }
    screen_write_visible(screen, data, length);
    return ferror(screen->out) == 0;
}

enum cli_exit
call_download(const struct cli *cli, const struct strbuf *url)
{
    AUTO(answer_cleanup)
    struct client_answer answer = {.body = STRBUF_INIT(CLIENT_ANSWER_MAX)};
    struct screen screen = cli->screen;
    struct client_request request = {
        .method = "GET", .url = strbuf_text(url), .on_piece = write_piece, .context = &screen};
    enum cli_exit code = ask(cli, &request, &answer);
    if (code != CLI_OK || exit_of(answer.http_status) == CLI_OK) {
        return code;
    }
    if (cli->json) {
        (void)fprintf(cli->screen.out, "%s\n", strbuf_text(&answer.body));
        return exit_of(answer.http_status);
    }
    AUTO_JSON *root = json_loadb(strbuf_text(&answer.body), answer.body.length, 0, NULL);
    return complain_error(cli, answer.http_status, root);
}

// ---- requests and answers

void
call_add_parameters(struct strbuf *url, const struct args *args)
{
    for (size_t i = 0; i < args->command->option_count; i++) {
        if (args->command->options[i].member != NULL) {
            url_append_parameter(url, args->command->options[i].member, args->values[i]);
        }
    }
}

void
call_put_text(json_t *body, const char *member, const char *text)
{
    json_t *value = json_string(text);
    (void)json_object_set_new(body, member, value == NULL ? json_null() : value);
}

json_t *
call_make_body(const struct args *args)
{
    json_t *body = json_object();
    for (size_t i = 0; i < args->command->option_count; i++) {
        const char *member = args->command->options[i].member;
        if (member != NULL && args->values[i] != NULL) {
            call_put_text(body, member, args->values[i]);
        }
    }
    return body;
}

const char *
call_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

int64_t
call_number(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

const char *
call_number_text(const json_t *object, const char *member, char out[CALL_NUMBER_SIZE])
{
    const json_t *number = json_object_get(object, member);
    if (json_is_integer(number)) {
        (void)snprintf(out, CALL_NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    } else {
        out[0] = '\0';
    }
    return out;
}
