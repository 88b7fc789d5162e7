// SPDX-License-Identifier: Apache-2.0
#include "stub_dns.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/xalloc.h"

enum { HEAD = 12, PACKET_SIZE = 1232, NAME_SIZE = 256, TYPE_TXT = 16, SERVFAIL = 2, NXDOMAIN = 3 };

struct stub_dns {
    int fd;
    pthread_t thread;
};

// The question's name as text; returns the length of the question, 0 when it is broken.
static size_t
read_question(const unsigned char *packet, size_t length, char name[NAME_SIZE])
{
    size_t at = HEAD;
    size_t used = 0;
    while (at < length && packet[at] != 0) {
        size_t label = packet[at];
        if (at + 1 + label >= length || used + label + 1 >= NAME_SIZE) {
            return 0;
        }
        memcpy(name + used, packet + at + 1, label);
        used += label;
        name[used++] = '.';
        at += 1 + label;
    }
    name[used > 0 ? used - 1 : 0] = '\0';
    return at + 5 <= length ? at + 5 - HEAD : 0;
}

static const char *
find_text(const char *name)
{
    if (strcasecmp(name, "_dmarc.reject.example") == 0) {
        return "v=DMARC1; p=reject";
    }
    return strcasecmp(name, "_dmarc.quarantine.example") == 0 ? "v=DMARC1; p=quarantine" : NULL;
}

static bool
is_broken(const char *name)
{
    static const char end[] = "temp.example";
    size_t length = strlen(name);
    return length >= sizeof(end) - 1 && strcasecmp(name + length - (sizeof(end) - 1), end) == 0;
}

// Turn the query into its response in place; returns its length, 0 for no response.
static size_t
respond(unsigned char *packet, size_t length)
{
    char name[NAME_SIZE] = "";
    size_t question = length > HEAD ? read_question(packet, length, name) : 0;
    if (question == 0) {
        return 0;
    }
    const char *text = find_text(name);
    unsigned type = packet[HEAD + question - 3];
    packet[2] = 0x81; // response, recursion desired
    packet[3] = (unsigned char)(0x80 | (is_broken(name) ? SERVFAIL : text == NULL ? NXDOMAIN : 0));
    memset(packet + 6, 0, 6);
    size_t end = HEAD + question;
    if (text == NULL || type != TYPE_TXT) {
        return end;
    }
    packet[7] = 1;
    size_t size = strlen(text);
    const unsigned char head[] = {0xc0,
                                  HEAD,
                                  0,
                                  TYPE_TXT,
                                  0,
                                  1,
                                  0,
                                  0,
                                  0,
                                  60,
                                  0,
                                  (unsigned char)(size + 1),
                                  (unsigned char)size};
    memcpy(packet + end, head, sizeof(head));
    memcpy(packet + end + sizeof(head), text, size);
    return end + sizeof(head) + size;
}

static void *
serve(void *argument)
{
    struct stub_dns *stub = argument;
    for (;;) {
        unsigned char packet[PACKET_SIZE + 512];
        struct sockaddr_in peer;
        socklen_t peer_size = sizeof(peer);
        ssize_t got =
            recvfrom(stub->fd, packet, PACKET_SIZE, 0, (struct sockaddr *)&peer, &peer_size);
        if (got <= 0) {
            return NULL; // shut down
        }
        size_t length = respond(packet, (size_t)got);
        if (length > 0) {
            (void)sendto(stub->fd, packet, length, 0, (struct sockaddr *)&peer, peer_size);
        }
    }
}

struct stub_dns *
stub_dns_start(uint16_t *port_out)
{
    struct stub_dns *stub = xcalloc(1, sizeof(*stub));
    stub->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    assert(bind(stub->fd, (struct sockaddr *)&address, size) == 0);
    assert(getsockname(stub->fd, (struct sockaddr *)&address, &size) == 0);
    *port_out = ntohs(address.sin_port);
    assert(pthread_create(&stub->thread, NULL, serve, stub) == 0);
    return stub;
}

void
stub_dns_stop(struct stub_dns *stub)
{
    (void)shutdown(stub->fd, SHUT_RDWR); // wakes recvfrom, also of a socket without a peer
    (void)pthread_join(stub->thread, NULL);
    (void)close(stub->fd);
    free(stub);
}
