// SPDX-License-Identifier: Apache-2.0
#include "common/unixsock.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/frame.h"

enum { BACKLOG = 512, CONNECT_TIMEOUT_MS = 2000 };

static enum status
make_address(const char *path, struct sockaddr_un *out, struct why *why)
{
    if (strlen(path) > UNIXSOCK_PATH_MAX) {
        return why_set(why, ST_INVALID, "socket path '%s' is longer than %d characters", path,
                       UNIXSOCK_PATH_MAX);
    }
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, strlen(path) + 1);
    return ST_OK;
}

enum status
unixsock_connect(const char *path, int type, int *fd_out, struct why *why)
{
    struct sockaddr_un address;
    enum status status = make_address(path, &address, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return why_errno(why, ST_IO, "socket");
    }
    unixsock_set_timeout(fd, CONNECT_TIMEOUT_MS); // a hung listener's backlog may be full
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return why_errno(why, ST_AGAIN, "connect to %s", path);
    }
    unixsock_set_timeout(fd, 0);
    *fd_out = STEAL_FD(fd);
    return ST_OK;
}

enum status
unixsock_give_rights(const char *path, const struct unixsock_rights *rights, struct why *why)
{
    if (rights->group != NULL) {
        const struct group *group = getgrnam(rights->group);
        if (group == NULL) {
            return why_set(why, ST_INVALID, "there is no group '%s'", rights->group);
        }
        if (chown(path, (uid_t)-1, group->gr_gid) != 0) {
            return why_errno(why, ST_IO, "give %s to group %s", path, rights->group);
        }
    }
    if (chmod(path, rights->mode) != 0) {
        return why_errno(why, ST_IO, "set the mode of %s", path);
    }
    return ST_OK;
}

// Only these say that nobody listens. A hung process gives a time-out, one with another type of
// socket a wrong protocol: both are alive.
static bool
is_abandoned(int connect_error)
{
    return connect_error == ECONNREFUSED || connect_error == ENOENT || connect_error == ENOTDIR ||
           connect_error == ENOTSOCK;
}

enum status
unixsock_listen(const char *path, int type, const struct unixsock_rights *rights, int *fd_out,
                struct why *why)
{
    struct sockaddr_un address;
    enum status status = make_address(path, &address, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_FD int probe = -1;
    if (unixsock_connect(path, type, &probe, NULL) == ST_OK) {
        return why_set(why, ST_CONFLICT, "another process listens on %s", path);
    }
    if (!is_abandoned(errno)) {
        return why_errno(why, ST_CONFLICT, "another process may listen on %s", path);
    }
    AUTO_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return why_errno(why, ST_IO, "socket");
    }
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
        (void)unlink(path); // if it stays, bind says so
    }
    mode_t before = umask(0177); // nobody gets in before the rights are set
    int rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    (void)umask(before);
    if (rc != 0) {
        return why_errno(why, ST_IO, "bind %s", path);
    }
    status = unixsock_give_rights(path, rights, why);
    if (status == ST_OK && listen(fd, BACKLOG) != 0) {
        status = why_errno(why, ST_IO, "listen on %s", path);
    }
    if (status != ST_OK) {
        (void)unlink(path);
        return status;
    }
    *fd_out = STEAL_FD(fd);
    return ST_OK;
}

void
unixsock_allow_large_packets(int fd)
{
    int size = FRAME_MAX + 4096;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); // a refusal shows at send
}

void
unixsock_set_timeout(int fd, int timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

enum status
unixsock_send(int fd, const void *packet, size_t length, int passed_fd, struct why *why)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct iovec part = {.iov_len = length};
    memcpy(&part.iov_base, &packet,
           sizeof(packet)); // sendmsg does not write; its type does not say so
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (passed_fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &passed_fd, sizeof(int));
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)length) {
        return ST_OK;
    }
    return why_errno(why, errno == EMSGSIZE ? ST_TOO_LARGE : ST_AGAIN, "send %zu bytes", length);
}

// The one descriptor of the message, or -1; further ones are closed and make it invalid.
static bool
take_descriptor(struct msghdr *message, int *fd_out)
{
    bool valid = true;
    *fd_out = -1;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
         head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
            if (*fd_out < 0) {
                *fd_out = fd;
            } else {
                (void)close(fd);
                valid = false;
            }
        }
    }
    return valid && (message->msg_flags & MSG_CTRUNC) == 0;
}

enum status
unixsock_receive(int fd, void *buffer, size_t size, size_t *length_out, int *passed_fd_out,
                 struct why *why)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof(control.space)};
    ssize_t received;
    do {
        received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        return why_errno(why, errno == EAGAIN ? ST_AGAIN : ST_IO, "receive");
    }
    AUTO_FD int passed = -1;
    bool valid = take_descriptor(&message, &passed);
    if ((message.msg_flags & MSG_TRUNC) != 0) {
        return why_set(why, ST_TOO_LARGE, "a packet of more than %zu bytes", size);
    }
    if (!valid) {
        return why_set(why, ST_IO, "a packet with several descriptors");
    }
    *length_out = (size_t)received;
    *passed_fd_out = STEAL_FD(passed);
    return ST_OK;
}
