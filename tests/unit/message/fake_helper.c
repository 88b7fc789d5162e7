// SPDX-License-Identifier: Apache-2.0
// A helper that misbehaves as the local part of the sender says: what a taken-over or broken
// mailspur-reference might do.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/unixsock.h"
#include "verifier/message/reference/protocol.h"

static void
send_bytes(const void *data, size_t length)
{
    (void)!write(REFERENCE_FD, data, length);
}

static void
send_packet(const struct frame_layout *layout, const void *packet)
{
    AUTO_STRBUF out = STRBUF_INIT(FRAME_MAX);
    if (frame_encode(layout, packet, &out, NULL) == ST_OK) {
        send_bytes(out.data, out.length);
    }
}

static void
do_die(void)
{
    abort();
}

static void
do_hang(void)
{
    for (;;) {
        (void)pause();
    }
}

static void
do_garbage(void)
{
    send_bytes("\x63garbage", 8);
}

static void
do_cut(void)
{
    send_bytes("\x06\x02", 2); // DKIM, and the packet ends inside a field
}

static void
do_huge(void)
{
    static char bytes[100000];
    send_bytes(bytes, sizeof(bytes));
}

static void
do_wrong(void)
{
    send_packet(&REFERENCE_SPF_LAYOUT, &(struct reference_spf){.result = 99});
}

static void
do_many(void)
{
    for (int i = 0; i < 11; i++) {
        send_packet(&REFERENCE_DKIM_LAYOUT,
                    &(struct reference_dkim){.domain = "example.org", .reason = ""});
    }
}

static void
do_ask(void)
{
    static char answer[FRAME_MAX];
    for (;;) {
        send_packet(&REFERENCE_QUESTION_LAYOUT,
                    &(struct reference_question){.name = "example.org", .type = DNS_TXT});
        if (read(REFERENCE_FD, answer, sizeof(answer)) <= 0) {
            exit(0);
        }
    }
}

static void
do_type(void)
{
    send_packet(&REFERENCE_QUESTION_LAYOUT,
                &(struct reference_question){.name = "example.org", .type = DNS_SOA});
}

static void
do_inject(void)
{
    send_packet(&REFERENCE_DKIM_LAYOUT, &(struct reference_dkim){.result = 1,
                                                                 .domain = "a\r\nX-Evil: 1",
                                                                 .selector = "s; dmarc=pass",
                                                                 .algorithm = "\"x\\",
                                                                 .reason = "\xff\x01"});
    send_packet(&REFERENCE_DONE_LAYOUT, &(struct reference_done){.ignored = 0});
}

static void
do_good(void)
{
    send_packet(&REFERENCE_SPF_LAYOUT, &(struct reference_spf){.result = 1});
    send_packet(&REFERENCE_DONE_LAYOUT, &(struct reference_done){.ignored = 0});
}

struct behaviour {
    const char *name;
    void (*act)(void);
};

static const struct behaviour BEHAVIOURS[] = {
    {"die@", do_die},   {"hang@", do_hang},     {"garbage@", do_garbage}, {"cut@", do_cut},
    {"huge@", do_huge}, {"wrong@", do_wrong},   {"many@", do_many},       {"ask@", do_ask},
    {"type@", do_type}, {"inject@", do_inject}, {"good@", do_good},
};

int
main(void)
{
    static char packet[FRAME_MAX];
    send_packet(&REFERENCE_READY_LAYOUT, &(struct reference_ready){.version = REFERENCE_VERSION});
    for (;;) {
        size_t length = 0;
        int fd = -1;
        struct reference_check check;
        if (unixsock_receive(REFERENCE_FD, packet, sizeof(packet), &length, &fd, NULL) != ST_OK ||
            frame_decode(&REFERENCE_CHECK_LAYOUT, packet, length, &check, NULL) != ST_OK) {
            return 0;
        }
        (void)close(fd);
        for (size_t i = 0; i < ARRAY_LEN(BEHAVIOURS); i++) {
            if (strncmp(check.sender, BEHAVIOURS[i].name, strlen(BEHAVIOURS[i].name)) == 0) {
                BEHAVIOURS[i].act();
            }
        }
    }
}
