// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/helper_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/condition.h"
#include "common/unixsock.h"
#include "common/xalloc.h"
#include "verifier/message/reference/protocol.h"

struct slot {
    struct helper helper; /* pid 0: no process */
    bool lent;
    unsigned served;             /* messages of this process */
    unsigned deaths;             /* in a row */
    int64_t start_after_mono_ms; /* not before */
};

struct helper_pool {
    char *path;
    size_t count;
    pthread_mutex_t mutex; /* guards all below; never held while a process starts or is awaited */
    pthread_cond_t returned;
    uint64_t started;
    struct slot slots[];
};

bool
helper_wait(int fd, short events, int64_t deadline_mono_ms)
{
    for (;;) {
        int64_t left = deadline_mono_ms - clock_mono_ms();
        if (left <= 0) {
            return false;
        }
        struct pollfd item = {.fd = fd, .events = events};
        int rc = poll(&item, 1, left > 60000 ? 60000 : (int)left);
        if (rc > 0) {
            return true;
        }
        if (rc < 0 && errno != EINTR) {
            return false;
        }
    }
}

static void
kill_helper(struct helper *helper)
{
    if (helper->pid == 0) {
        return;
    }
    (void)close(helper->fd);
    (void)kill(helper->pid, SIGKILL);
    while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *helper = (struct helper){.fd = -1};
}

// All signals at their default and unblocked; nothing open but standard error and the socket.
static int
prepare_spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int fd)
{
    sigset_t all;
    sigset_t none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    int rc = posix_spawn_file_actions_adddup2(actions, fd, REFERENCE_FD);
    rc = rc != 0
             ? rc
             : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    rc = rc != 0
             ? rc
             : posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    rc = rc != 0 ? rc : posix_spawn_file_actions_addclosefrom_np(actions, REFERENCE_FD + 1);
    rc = rc != 0 ? rc : posix_spawnattr_setsigdefault(attributes, &all);
    rc = rc != 0 ? rc : posix_spawnattr_setsigmask(attributes, &none);
    return rc != 0 ? rc
                   : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                                              POSIX_SPAWN_SETSIGMASK |
                                                              POSIX_SPAWN_SETPGROUP);
}

static enum status
spawn(char *path, int fd, pid_t *pid_out, struct why *why)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return why_set(why, ST_IO, "no memory to start %s", path);
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return why_set(why, ST_IO, "no memory to start %s", path);
    }
    char *argv[] = {path, NULL};
    char *environment[] = {NULL};
    int rc = prepare_spawn(&actions, &attributes, fd);
    rc = rc != 0 ? rc : posix_spawn(pid_out, path, &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    errno = rc;
    return rc == 0 ? ST_OK : why_errno(why, ST_IO, "start %s", path);
}

static bool
is_ready(int fd)
{
    char packet[256];
    size_t length = 0;
    int passed = -1;
    if (!helper_wait(fd, POLLIN, clock_mono_ms() + HELPER_START_TIMEOUT_MS) ||
        unixsock_receive(fd, packet, sizeof(packet), &length, &passed, NULL) != ST_OK) {
        return false;
    }
    if (passed >= 0) {
        (void)close(passed);
        return false;
    }
    struct reference_ready ready;
    return frame_decode(&REFERENCE_READY_LAYOUT, packet, length, &ready, NULL) == ST_OK &&
           ready.version == REFERENCE_VERSION;
}

static enum status
start_helper(char *path, struct helper *out, struct why *why)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return why_errno(why, ST_IO, "socketpair");
    }
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0) {
        return why_errno(why, ST_IO, "fcntl");
    }
    unixsock_allow_large_packets(ours);
    struct helper helper = {.fd = -1};
    enum status status = spawn(path, theirs, &helper.pid, why);
    if (status != ST_OK) {
        return status;
    }
    (void)close(STEAL_FD(theirs)); // so that its death is seen as the end of the stream
    helper.fd = STEAL_FD(ours);
    if (!is_ready(helper.fd)) {
        kill_helper(&helper);
        return why_set(why, ST_IO, "%s was started, but does not report ready", path);
    }
    *out = helper;
    return ST_OK;
}

enum status
helper_pool_open(const char *path, size_t count, struct helper_pool **out, struct why *why)
{
    if (count == 0 || count > HELPER_POOL_MAX) {
        return why_set(why, ST_INVALID, "%zu helpers: 1 to %d can run", count, HELPER_POOL_MAX);
    }
    struct helper_pool *pool = xcalloc(1, sizeof(*pool) + count * sizeof(pool->slots[0]));
    pool->path = xstrdup(path);
    pool->count = count;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    condition_init(&pool->returned);
    enum status status = start_helper(pool->path, &pool->slots[0].helper, why);
    if (status != ST_OK) {
        helper_pool_close(pool);
        return ST_IO;
    }
    pool->started = 1;
    *out = pool;
    return ST_OK;
}

void
helper_pool_close(struct helper_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->count; i++) {
        kill_helper(&pool->slots[i].helper);
    }
    (void)pthread_cond_destroy(&pool->returned);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool->path);
    free(pool);
}

// A free slot, one with a process if there is any. NULL: none now; `starting_at` then says when
// the first one may be started again (INT64_MAX: all are lent).
static struct slot *
find_slot(struct helper_pool *pool, int64_t *starting_at)
{
    struct slot *empty = NULL;
    int64_t now = clock_mono_ms();
    *starting_at = INT64_MAX;
    for (size_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->lent) {
            continue;
        }
        if (slot->helper.pid != 0) {
            return slot;
        }
        if (slot->start_after_mono_ms <= now) {
            empty = slot;
        } else if (slot->start_after_mono_ms < *starting_at) {
            *starting_at = slot->start_after_mono_ms;
        }
    }
    return empty;
}

static void
wait_until(struct helper_pool *pool, int64_t mono_ms)
{
    int64_t left = mono_ms - clock_mono_ms();
    if (left <= 0) {
        return;
    }
    struct timespec until = condition_deadline(left);
    (void)pthread_cond_timedwait(&pool->returned, &pool->mutex, &until);
}

static struct slot *
lend_slot(struct helper_pool *pool, int64_t deadline_mono_ms)
{
    AUTO_LOCK(lock, &pool->mutex);
    for (;;) {
        int64_t starting_at;
        struct slot *slot = find_slot(pool, &starting_at);
        if (slot != NULL) {
            slot->lent = true;
            return slot;
        }
        if (clock_mono_ms() >= deadline_mono_ms) {
            return NULL;
        }
        wait_until(pool, starting_at < deadline_mono_ms ? starting_at : deadline_mono_ms);
    }
}

// Twice is no accident: from then on starts are spaced, or one message sent over and over would
// keep the host busy starting processes.
static void
note_death(struct slot *slot)
{
    slot->deaths++;
    slot->served = 0;
    int64_t delay = 0;
    if (slot->deaths > 1) {
        unsigned doublings = slot->deaths - 2 < 7 ? slot->deaths - 2 : 7;
        delay = (int64_t)HELPER_BACKOFF_FIRST_MS << doublings;
    }
    delay = delay > HELPER_BACKOFF_MAX_MS ? HELPER_BACKOFF_MAX_MS : delay;
    slot->start_after_mono_ms = clock_mono_ms() + delay;
}

static void
give_back(struct helper_pool *pool, struct slot *slot, bool died)
{
    AUTO_LOCK(lock, &pool->mutex);
    if (died) {
        note_death(slot);
    } else {
        slot->deaths = 0;
    }
    slot->lent = false;
    (void)pthread_cond_signal(&pool->returned);
}

static void
count_start(struct helper_pool *pool)
{
    AUTO_LOCK(lock, &pool->mutex);
    pool->started++;
}

// Between messages a helper says nothing: what can be read then is its end.
static bool
has_ended(const struct helper *helper)
{
    struct pollfd item = {.fd = helper->fd, .events = POLLIN};
    return poll(&item, 1, 0) != 0;
}

enum status
helper_pool_lend(struct helper_pool *pool, int64_t deadline_mono_ms, struct helper *helper_out,
                 struct why *why)
{
    struct slot *slot = lend_slot(pool, deadline_mono_ms);
    if (slot == NULL) {
        return why_set(why, ST_AGAIN, "no helper was free in time");
    }
    if (slot->helper.pid != 0 && has_ended(&slot->helper)) {
        kill_helper(&slot->helper);
        slot->served = 0;
    }
    if (slot->helper.pid == 0) {
        count_start(pool);
        if (start_helper(pool->path, &slot->helper, why) != ST_OK) {
            give_back(pool, slot, true);
            return ST_AGAIN;
        }
    }
    *helper_out = slot->helper;
    helper_out->slot = (size_t)(slot - pool->slots);
    return ST_OK;
}

void
helper_pool_return(struct helper_pool *pool, const struct helper *helper, bool healthy)
{
    struct slot *slot = &pool->slots[helper->slot]; // the caller's alone while it is lent
    bool worn = ++slot->served >= HELPER_MESSAGES_MAX;
    if (!healthy || worn) {
        kill_helper(&slot->helper);
        slot->served = 0;
    }
    give_back(pool, slot, !healthy);
}

uint64_t
helper_pool_started(struct helper_pool *pool)
{
    AUTO_LOCK(lock, &pool->mutex);
    return pool->started;
}
