// SPDX-License-Identifier: Apache-2.0
// mailspur auth check: judge a message as the milter would. Works without configuration and daemon.
#include <stdio.h>

#include "control/cli/auth_batch.h"
#include "control/cli/auth_check.h"
#include "control/cli/auth_show.h"
#include "control/cli/handlers.h"

static void
checker_cleanup(struct checker **checker)
{
    checker_free(*checker);
}

// A wrong value is the caller's; a file that cannot be read is not.
static enum cli_exit
complain(const struct cli *cli, enum status status, const struct why *why)
{
    return cli_complain(cli, status == ST_INVALID ? CLI_USAGE : CLI_FAILED, "auth check: %s",
                        why->text);
}

static struct check_request
read_request(const struct args *args)
{
    return (struct check_request){
        .client_ip = args_value(args, "--client-ip"),
        .helo = args_value(args, "--helo"),
        .mail_from = args_value(args, "--mail-from"),
        .engine = args_value(args, "--engine"),
        .discovery = args_value(args, "--discovery"),
        .dns_fixture = args_value(args, "--dns-fixture"),
        .dns_server = args_value(args, "--dns-server"),
        .now = args_value(args, "--now"),
        .authserv_id = args_value(args, "--authserv-id"),
        .helper = args_value(args, "--helper"),
        .forwarder = args_value(args, "--forwarder"),
        .arc_sealer = args_value(args, "--arc-sealer"),
        .forwarder_network = args_value(args, "--forwarder-network"),
        .message = args->operand_count > 0 ? args->operands[0] : NULL,
    };
}

static enum cli_exit
check_one(struct cli *cli, struct checker *checker, const struct check_request *request)
{
    struct verdict verdict;
    struct why why;
    enum status status = checker_run(checker, request, &verdict, &why);
    if (status != ST_OK) {
        return complain(cli, status, &why);
    }
    if (cli->json) {
        auth_show_json(cli, &verdict, NULL);
    } else {
        auth_show_table(cli, &verdict, request->message != NULL);
    }
    return CLI_OK;
}

enum cli_exit
run_auth_check(struct cli *cli, const struct args *args)
{
    AUTO(checker_cleanup) struct checker *checker = checker_new();
    const struct check_request request = read_request(args);
    const char *batch = args_value(args, "--batch");
    if (batch == NULL) {
        return check_one(cli, checker, &request);
    }
    if (request.message != NULL) {
        return cli_complain(cli, CLI_USAGE, "with --batch the messages are named in its lines");
    }
    struct why why;
    size_t failed = 0;
    enum status status = auth_batch_run(cli, checker, &request, batch, &failed, &why);
    if (status != ST_OK) {
        return complain(cli, status, &why);
    }
    return failed == 0 ? CLI_OK
                       : cli_complain(cli, CLI_FAILED, "auth check: no verdict for %zu line%s",
                                      failed, failed == 1 ? "" : "s");
}
