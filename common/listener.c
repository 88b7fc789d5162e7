// SPDX-License-Identifier: Apache-2.0
#include "common/listener.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "common/xalloc.h"

// The descriptor the service manager listens on at `path`, or -1.
static int
find_inherited(const char *path, int type)
{
    int count = sd_listen_fds(0);
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        if (sd_is_socket_unix(fd, type, 1, path, 0) > 0) {
            return fd;
        }
    }
    return -1;
}

static enum status
inherit(struct listener *listener, const char *path, int fd, struct why *why)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return why_errno(why, ST_IO, "take over the socket %s", path);
    }
    *listener = (struct listener){.fd = fd, .path = xstrdup(path), .inherited = true};
    return ST_OK;
}

enum status
listener_open(struct listener *listener, const char *path, int type,
              const struct unixsock_rights *rights, struct why *why)
{
    int fd = find_inherited(path, type);
    if (fd >= 0) {
        return inherit(listener, path, fd, why);
    }
    enum status status = unixsock_listen(path, type, rights, &fd, why);
    if (status != ST_OK) {
        return status;
    }
    struct stat info;
    *listener = (struct listener){
        .fd = fd, .path = xstrdup(path), .inode = stat(path, &info) == 0 ? info.st_ino : 0};
    return ST_OK;
}

void
listener_close(struct listener *listener)
{
    struct stat info;
    bool is_ours = listener->path != NULL && !listener->inherited &&
                   stat(listener->path, &info) == 0 && info.st_ino == listener->inode;
    if (is_ours) {
        (void)unlink(listener->path); // a left-over is replaced at the next start
    }
    if (listener->fd >= 0) {
        (void)close(listener->fd);
    }
    free(listener->path);
    *listener = (struct listener)LISTENER_INIT;
}
