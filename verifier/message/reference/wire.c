// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/reference/wire.h"

#include <string.h>
#include <unistd.h>

#include "common/unixsock.h"

enum { EXIT_PROTOCOL = 3 };

void
wire_send(const struct frame_layout *layout, const void *packet)
{
    AUTO_STRBUF out = STRBUF_INIT(FRAME_MAX);
    if (frame_encode(layout, packet, &out, NULL) != ST_OK ||
        unixsock_send(REFERENCE_FD, out.data, out.length, -1, NULL) != ST_OK) {
        _exit(EXIT_PROTOCOL);
    }
}

int
wire_receive(const struct frame_layout *layout, void *packet_out)
{
    static char buffer[FRAME_MAX];
    size_t length = 0;
    int fd = -1;
    if (unixsock_receive(REFERENCE_FD, buffer, sizeof(buffer), &length, &fd, NULL) != ST_OK) {
        _exit(EXIT_PROTOCOL);
    }
    if (length == 0) {
        _exit(0); // the milter has closed: the ordinary end
    }
    if (frame_decode(layout, buffer, length, packet_out, NULL) != ST_OK) {
        _exit(EXIT_PROTOCOL);
    }
    return fd;
}

enum dns_status
wire_ask(const char *name, enum dns_type type, struct reference_records *records_out)
{
    *records_out = (struct reference_records){.list = NULL};
    size_t length = strlen(name);
    if (length == 0 || length > REFERENCE_NAME_MAX) {
        return DNS_BAD_NAME;
    }
    wire_send(&REFERENCE_QUESTION_LAYOUT,
              &(struct reference_question){.name = name, .type = (uint64_t)type});
    struct reference_answer answer;
    int fd = wire_receive(&REFERENCE_ANSWER_LAYOUT, &answer);
    if (fd >= 0 || answer.status > DNS_BAD_NAME ||
        reference_parse_records(answer.records, answer.count, records_out) != ST_OK) {
        _exit(EXIT_PROTOCOL);
    }
    return (enum dns_status)answer.status;
}
