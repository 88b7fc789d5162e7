// SPDX-License-Identifier: Apache-2.0
// `mailspur`, the command line of mailspurd.
#include "control/cli/cli.h"

int
main(int argc, char *argv[])
{
    return cli_main(argc, argv, stdout, stderr);
}
