// SPDX-License-Identifier: Apache-2.0
// mailspur auth explain: why a message was accepted, held or refused; and whether it would be
// today.
#include <stdio.h>
#include <string.h>

#include "control/cli/auth_check.h"
#include "control/cli/auth_recheck.h"
#include "control/cli/auth_story.h"
#include "control/cli/client.h"
#include "control/cli/handlers.h"
#include "control/cli/listing.h"
#include "control/cli/mail_file.h"
#include "control/cli/url.h"

static void
message_url(const char *id, const char *part, struct strbuf *url)
{
    strbuf_puts(url, "/v1/messages");
    url_append_segment(url, id);
    strbuf_puts(url, part);
}

// ---- telling

static void
print_envelope(const struct cli *cli, const json_t *evidence)
{
    const json_t *client = json_object_get(evidence, "client");
    const json_t *recipients = json_object_get(evidence, "recipients");
    const char *sender = call_text(evidence, "sender");
    listing_print_moment(cli, "checked", call_text(evidence, "checked_at"));
    listing_print_pair(cli, "queue id", call_text(evidence, "queue_id"));
    listing_print_pair(cli, "from", sender[0] == '\0' ? "<>" : sender);
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        listing_print_pair(cli, i == 0 ? "to" : "",
                           json_string_value(json_array_get(recipients, i)));
    }
    screen_line(&cli->screen, "  %-12s %s [%s], HELO %s", "client", call_text(client, "name"),
                call_text(client, "address"), call_text(client, "helo"));
    (void)fputc('\n', cli->screen.out);
}

static void
print_explanation(const struct cli *cli, const json_t *answer)
{
    const json_t *evidence = json_object_get(answer, "evidence");
    bool refused = json_is_true(json_object_get(answer, "refused"));
    screen_line(&cli->screen, "%s %s", refused ? "refused message" : "message",
                call_text(answer, "id"));
    print_envelope(cli, evidence);
    auth_story_print(cli, evidence);
}

// ---- judging again

// The message from a file, or as it is kept; *found_out false when there is none.
static enum cli_exit
get_message(const struct cli *cli, const char *id, const char *path, struct strbuf *bytes,
            bool *found_out)
{
    struct why why;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    *found_out = true;
    if (path != NULL) {
        enum status status = mail_file_read(path, bytes, &why);
        return status == ST_OK ? CLI_OK
                               : cli_complain(cli, CLI_FAILED, "auth explain: %s", why.text);
    }
    message_url(id, "/raw", &url);
    enum cli_exit code = call_fetch(cli, &url, bytes);
    *found_out = code == CLI_OK;
    return code == CLI_NOT_FOUND ? CLI_OK : code;
}

static void
show_json(const struct cli *cli, const char *id, const struct recheck *recheck)
{
    AUTO_JSON *root = json_pack("{s:s, s:b, s:s, s:O, s:O}", "id", id, "agrees",
                                json_array_size(recheck->differences) == 0, "checked",
                                recheck->spf_only ? "spf" : "all", "differences",
                                recheck->differences, "verdict", recheck->verdict);
    (void)json_dumpf(root, cli->screen.out, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)fputc('\n', cli->screen.out);
}

static void
show_text(const struct cli *cli, const struct recheck *recheck)
{
    size_t count = json_array_size(recheck->differences);
    (void)fputc('\n', cli->screen.out);
    screen_line(&cli->screen, count == 0 ? "Judged again from the recorded answers: it agrees."
                                         : "Judged again from the recorded answers: it differs.");
    for (size_t i = 0; i < count; i++) {
        screen_line(&cli->screen, "  %s",
                    json_string_value(json_array_get(recheck->differences, i)));
    }
    if (recheck->spf_only) {
        screen_line(&cli->screen, "  Only SPF was judged: the message itself is not kept. If you "
                                  "have it, give it with --message FILE.");
    }
}

static void
recheck_cleanup(struct recheck *recheck)
{
    recheck_done(recheck);
}

static enum cli_exit
judge_again(const struct cli *cli, const json_t *answer, const char *path)
{
    AUTO_STRBUF bytes = STRBUF_INIT(CHECK_MESSAGE_MAX);
    AUTO(recheck_cleanup) struct recheck recheck = {.verdict = NULL};
    const char *id = call_text(answer, "id");
    const json_t *evidence = json_object_get(answer, "evidence");
    bool found;
    struct why why;
    if (json_is_true(json_object_get(json_object_get(evidence, "verdict"), "local"))) {
        return cli_complain(cli, CLI_FAILED, "message %s was not judged: nothing to repeat", id);
    }
    enum cli_exit code = get_message(cli, id, path, &bytes, &found);
    if (code != CLI_OK) {
        return code;
    }
    if (recheck_run(evidence, found ? &bytes : NULL, &recheck, &why) != ST_OK) {
        return cli_complain(cli, CLI_FAILED, "auth explain: %s", why.text);
    }
    if (cli->json) {
        show_json(cli, id, &recheck);
    } else {
        show_text(cli, &recheck);
    }
    return json_array_size(recheck.differences) == 0 ? CLI_OK : CLI_FAILED;
}

enum cli_exit
run_auth_explain(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    bool again = args_value(args, "--recheck") != NULL;
    const char *path = args_value(args, "--message");
    if (path != NULL && !again) {
        return cli_complain(cli, CLI_USAGE, "--message is of use with --recheck only");
    }
    message_url(args->operands[0], "/evidence", &url);
    struct cli asking = *cli;
    asking.json = cli->json && !again; // then the answer is not what is to be printed
    enum cli_exit code = call_api(&asking, "GET", &url, NULL, &answer);
    if (code != CLI_OK) {
        return code;
    }
    if (!cli->json) {
        print_explanation(cli, answer);
    }
    return again ? judge_again(cli, answer, path) : CLI_OK;
}
