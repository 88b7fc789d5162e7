// SPDX-License-Identifier: Apache-2.0
// The floor of libmilter: takes every step, answers none before the end of the message, does
// nothing.
#include <stdbool.h> // before mfapi.h, which would make `bool` an int

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <sys/stat.h>

static sfsistat
on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused2,
             unsigned long unused3, unsigned long *actions_out, unsigned long *steps_out,
             unsigned long *out2, unsigned long *out3)
{
    (void)context;
    (void)actions;
    (void)unused2;
    (void)unused3;
    *actions_out = 0;
    *steps_out = steps & (SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
                          SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY);
    *out2 = 0;
    *out3 = 0;
    return SMFIS_CONTINUE;
}

// libmilter complains to the system log of each step that was to have no answer and has no function
// here: a connection for each line.
static sfsistat
on_connect(SMFICTX *context, char *name, struct sockaddr *address)
{
    (void)context;
    (void)name;
    (void)address;
    return SMFIS_NOREPLY;
}

static sfsistat
on_helo(SMFICTX *context, char *name)
{
    (void)context;
    (void)name;
    return SMFIS_NOREPLY;
}

static sfsistat
on_step(SMFICTX *context)
{
    (void)context;
    return SMFIS_NOREPLY;
}

static sfsistat
on_envelope(SMFICTX *context, char **arguments)
{
    (void)context;
    (void)arguments;
    return SMFIS_NOREPLY;
}

static sfsistat
on_header(SMFICTX *context, char *name, char *value)
{
    (void)context;
    (void)name;
    (void)value;
    return SMFIS_NOREPLY;
}

static sfsistat
on_body(SMFICTX *context, unsigned char *data, size_t length)
{
    (void)context;
    (void)data;
    (void)length;
    return SMFIS_NOREPLY;
}

static sfsistat
on_end(SMFICTX *context)
{
    (void)context;
    return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
    static char name[] = "null";
    struct smfiDesc filter = {.xxfi_name = name,
                              .xxfi_version = SMFI_VERSION,
                              .xxfi_connect = on_connect,
                              .xxfi_helo = on_helo,
                              .xxfi_envfrom = on_envelope,
                              .xxfi_envrcpt = on_envelope,
                              .xxfi_data = on_step,
                              .xxfi_header = on_header,
                              .xxfi_eoh = on_step,
                              .xxfi_body = on_body,
                              .xxfi_eom = on_end,
                              .xxfi_negotiate = on_negotiate};
    if (argc != 2) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return 2;
    }
    (void)umask(0);
    return smfi_setconn(argv[1]) == MI_SUCCESS && smfi_register(filter) == MI_SUCCESS &&
                   smfi_main() == MI_SUCCESS
               ? 0
               : 1;
}
