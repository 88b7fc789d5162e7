// SPDX-License-Identifier: Apache-2.0
// mailspur backup
#include <stdlib.h>

#include "control/cli/call.h"
#include "control/cli/handlers.h"
#include "control/cli/human.h"
#include "control/cli/url.h"

enum { PATIENCE_S = 24 * 60 * 60 }; /* a large store, a slow disk */

enum cli_exit
run_backup(struct cli *cli, const struct args *args)
{
    AUTO_JSON *answer = NULL;
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/backup");
    json_t *body = json_object();
    call_put_text(body, "path", args->operands[0]);
    cli->patience_s = PATIENCE_S;
    enum cli_exit code = call_api(cli, "POST", &url, body, &answer);
    if (code == CLI_OK && !cli->json) {
        char size[HUMAN_SIZE];
        screen_line(&cli->screen, "%s: %s in %lld ms", call_text(answer, "path"),
                    human_bytes((uint64_t)call_number(answer, "bytes"), size),
                    (long long)call_number(answer, "duration_ms"));
    }
    return code;
}
