// SPDX-License-Identifier: Apache-2.0
#include "stub_mta.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/unixsock.h"
#include "common/xalloc.h"

enum {
    ALL_ACTIONS = 0x1ff,
    ALL_STEPS = 0x1fffff,
    NO_REPLY_DATA = 0x10000, /* SMFIP_NR_DATA */
    PROTOCOL_VERSION = 6,
    ANSWER_TIMEOUT_MS = 30000
};

static void
send_all(int fd, const void *data, size_t length)
{
    const char *from = data;
    while (length > 0) {
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL);
        assert(sent > 0);
        from += sent;
        length -= (size_t)sent;
    }
}

static void
receive_all(int fd, void *data, size_t length)
{
    char *to = data;
    while (length > 0) {
        ssize_t got = recv(fd, to, length, 0);
        assert(got > 0);
        to += got;
        length -= (size_t)got;
    }
}

void
mta_send(struct mta *mta, char command, const void *data, size_t length)
{
    char *packet = xcalloc(length + 5, 1);
    uint32_t size = htonl((uint32_t)length + 1);
    memcpy(packet, &size, 4);
    packet[4] = command;
    if (length > 0) {
        memcpy(packet + 5, data, length);
    }
    send_all(mta->fd, packet, length + 5);
    free(packet);
}

// One packet; its data with a NUL behind it is in mta->text.
static char
receive(struct mta *mta, size_t *length_out)
{
    uint32_t size;
    receive_all(mta->fd, &size, sizeof(size));
    size_t length = ntohl(size);
    char command;
    assert(length >= 1 && length <= sizeof(mta->text));
    receive_all(mta->fd, &command, 1);
    receive_all(mta->fd, mta->text, length - 1);
    mta->text[length - 1] = '\0';
    *length_out = length - 1;
    return command;
}

static void
add(char *list, const char *text, const char *end)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, MTA_TEXT_SIZE - used, "%s%s", text, end);
}

static void
negotiate(struct mta *mta)
{
    uint32_t numbers[3] = {htonl(PROTOCOL_VERSION), htonl(ALL_ACTIONS), htonl(ALL_STEPS)};
    mta_send(mta, 'O', numbers, sizeof(numbers));
    size_t length;
    assert(receive(mta, &length) == 'O');
    assert(length >= sizeof(numbers));
    memcpy(numbers, mta->text, sizeof(numbers));
    mta->actions = ntohl(numbers[1]);
    mta->steps = ntohl(numbers[2]);
    for (size_t at = sizeof(numbers); at + 4 < length;) {
        uint32_t stage;
        memcpy(&stage, mta->text + at, sizeof(stage));
        char label[16];
        (void)snprintf(label, sizeof(label), "%u=", ntohl(stage));
        add(mta->symbols, label, mta->text + at + 4);
        add(mta->symbols, ";", "");
        at += 4 + strlen(mta->text + at + 4) + 1;
    }
}

void
mta_open(struct mta *mta, const char *path)
{
    *mta = (struct mta){.fd = -1};
    assert(unixsock_connect(path, SOCK_STREAM, &mta->fd, NULL) == ST_OK);
    unixsock_set_timeout(mta->fd, ANSWER_TIMEOUT_MS);
    negotiate(mta);
    mta_macros(mta, 'C', "j", "mx.example");
    static const char client[] = "client.example\0004\0\031192.0.2.1"; // family, port 25
    mta_send(mta, 'C', client, sizeof(client));
    static const char helo[] = "helo.example";
    mta_send(mta, 'H', helo, sizeof(helo));
}

void
mta_close(struct mta *mta)
{
    mta_send(mta, 'Q', NULL, 0);
    (void)close(mta->fd);
}

void
mta_macros(struct mta *mta, char stage, const char *name, const char *value)
{
    char data[512];
    int length = snprintf(data, sizeof(data), "%c%s%c%s", stage, name, '\0', value);
    mta_send(mta, 'D', data, (size_t)length + 1);
}

// The place, then the name and the value, each with a NUL behind it.
static void
note_change(struct mta *mta, char command)
{
    uint32_t place;
    memcpy(&place, mta->text, sizeof(place));
    const char *name = mta->text + sizeof(place);
    const char *value = name + strlen(name) + 1;
    char change[1024];
    if (command == 'i') {
        (void)snprintf(change, sizeof(change), "insert %u %s:%s", ntohl(place), name, value);
    } else {
        (void)snprintf(change, sizeof(change), "%s %u %s", value[0] == '\0' ? "delete" : "change",
                       ntohl(place), name);
    }
    add(mta->changes, change, "|");
}

char
mta_answer(struct mta *mta)
{
    for (;;) {
        size_t length;
        char command = receive(mta, &length);
        if (command == '-') {
            add(mta->removed, mta->text, " ");
        } else if (command == 'i' || command == 'm') {
            note_change(mta, command);
        } else if (command != 'p') {
            return command;
        }
    }
}

static void
send_text(struct mta *mta, char command, const char *text)
{
    mta_send(mta, command, text, strlen(text) + 1);
}

void
mta_mail(struct mta *mta, const char *sender, const char *login)
{
    mta->removed[0] = '\0';
    mta->changes[0] = '\0';
    if (login != NULL) {
        mta_macros(mta, 'M', "{auth_authen}", login);
    } else {
        mta_send(mta, 'D', "M", 1);
    }
    send_text(mta, 'M', sender);
}

char
mta_rcpt(struct mta *mta, const char *recipient)
{
    // As Postfix: the transport it has chosen for the recipient's domain.
    mta_macros(mta, 'R', "{rcpt_mailer}",
               strstr(recipient, "@local.example") != NULL ? "virtual" : "smtp");
    send_text(mta, 'R', recipient);
    return mta_answer(mta);
}

char
mta_data(struct mta *mta)
{
    mta_macros(mta, 'T', "i", "4QUEUEID");
    mta_send(mta, 'T', NULL, 0);
    return (mta->steps & NO_REPLY_DATA) != 0 ? 'c' : mta_answer(mta);
}

void
mta_field(struct mta *mta, const char *name, const char *value)
{
    size_t name_size = strlen(name) + 1;
    size_t value_size = strlen(value) + 1;
    char *data = xcalloc(name_size + value_size, 1);
    memcpy(data, name, name_size);
    memcpy(data + name_size, value, value_size);
    mta_send(mta, 'L', data, name_size + value_size);
    free(data);
}

void
mta_body(struct mta *mta, const char *body, size_t length, size_t chunk)
{
    mta_send(mta, 'N', NULL, 0);
    for (size_t sent = 0; sent < length; sent += chunk) {
        mta_send(mta, 'B', body + sent, length - sent < chunk ? length - sent : chunk);
    }
}

void
mta_send_end(struct mta *mta)
{
    mta_macros(mta, 'E', "i", "4QUEUEID");
    mta_send(mta, 'E', NULL, 0);
}

char
mta_end(struct mta *mta)
{
    mta_send_end(mta);
    return mta_answer(mta);
}

char
mta_message(struct mta *mta, const char *sender, const char *recipients, const char *author)
{
    mta_mail(mta, sender, NULL);
    char words[1024];
    (void)snprintf(words, sizeof(words), "%s", recipients);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        char answer = mta_rcpt(mta, word);
        if (answer != 'c') {
            return answer;
        }
    }
    char answer = mta_data(mta);
    if (answer != 'c') {
        return answer;
    }
    char from[256];
    (void)snprintf(from, sizeof(from), " %s", author);
    mta_field(mta, "From", from);
    mta_field(mta, "Subject", " test");
    mta_body(mta, "hello\r\n", 7, 7);
    return mta_end(mta);
}
