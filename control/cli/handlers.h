// SPDX-License-Identifier: Apache-2.0
// What the commands of the table (commands.c) do, one function each.
#ifndef CONTROL_CLI_HANDLERS_H
#define CONTROL_CLI_HANDLERS_H

#include "control/cli/args.h"

typedef enum cli_exit command_run(struct cli *cli, const struct args *args);

command_run run_domain_add, run_domain_records, run_domain_verify, run_domain_check,
    run_domain_inbound, run_domain_approve, run_domain_list, run_domain_show, run_domain_remove,
    run_domain_history, run_domain_zone;
command_run run_tenant_add, run_tenant_list, run_tenant_remove;
command_run run_message_list, run_message_show;
command_run run_delivery_list, run_delivery_show, run_delivery_retry;
command_run run_hold_list, run_hold_release, run_hold_discard;
command_run run_auth_check, run_auth_explain, run_config_check, run_config_schema, run_status,
    run_doctor, run_backup, run_help;

#endif
