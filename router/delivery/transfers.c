// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/transfers.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/xalloc.h"

enum {
    POOL_PUBLIC,
    POOL_PRIVATE,
    POOLS,
    EVENTS_AT_ONCE = 64,
    CONNECTIONS_KEPT = 256 /* idle and busy ones of a pool, beyond it the oldest idle is closed */
};

struct pool {
    CURLM *multi;
    int epoll_fd;          /* borrowed */
    uint64_t tag;          /* of the pool, in epoll's data */
    int64_t timer_mono_ms; /* curl wants to be called then; -1: never */
};

struct transfers {
    int epoll_fd;
    int wake_fd;
    struct pool pools[POOLS];
};

static const uint64_t WAKE_DATA = UINT64_MAX;

static int
on_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct pool *pool = context;
    pool->timer_mono_ms = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
    return 0;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy;
    struct pool *pool = context;
    if (what == CURL_POLL_REMOVE) {
        // The descriptor may be closed already, and gone from the set with it.
        (void)epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event event = {
        .events = ((what & CURL_POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                  ((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0),
        .data.u64 = pool->tag | (uint32_t)fd,
    };
    bool known = socket_context != NULL;
    if (epoll_ctl(pool->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
        (void)epoll_ctl(pool->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    }
    (void)curl_multi_assign(pool->multi, fd, pool);
    return 0;
}

static enum status
open_pool(struct pool *pool, int epoll_fd, unsigned index, struct why *why)
{
    pool->multi = curl_multi_init();
    if (pool->multi == NULL) {
        return why_set(why, ST_AGAIN, "curl_multi_init failed");
    }
    pool->epoll_fd = epoll_fd;
    pool->tag = (uint64_t)index << 32;
    pool->timer_mono_ms = -1;
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    return ST_OK;
}

static void
cleanup_transfers(struct transfers **transfers)
{
    transfers_close(*transfers);
}

enum status
transfers_open(struct transfers **transfers_out, struct why *why)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return why_set(why, ST_IO, "curl_global_init failed");
    }
    AUTO(cleanup_transfers) struct transfers *transfers = xcalloc(1, sizeof(*transfers));
    transfers->wake_fd = -1;
    transfers->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (transfers->epoll_fd < 0) {
        return why_errno(why, ST_IO, "epoll_create1");
    }
    transfers->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_DATA};
    if (transfers->wake_fd < 0 ||
        epoll_ctl(transfers->epoll_fd, EPOLL_CTL_ADD, transfers->wake_fd, &event) != 0) {
        return why_errno(why, ST_IO, "eventfd");
    }
    for (unsigned i = 0; i < POOLS; i++) {
        enum status status = open_pool(&transfers->pools[i], transfers->epoll_fd, i, why);
        if (status != ST_OK) {
            return status;
        }
    }
    *transfers_out = STEAL(transfers);
    return ST_OK;
}

void
transfers_close(struct transfers *transfers)
{
    if (transfers == NULL) {
        return;
    }
    for (unsigned i = 0; i < POOLS; i++) {
        (void)curl_multi_cleanup(transfers->pools[i].multi);
    }
    if (transfers->wake_fd >= 0) {
        (void)close(transfers->wake_fd);
    }
    if (transfers->epoll_fd >= 0) {
        (void)close(transfers->epoll_fd);
    }
    free(transfers);
    curl_global_cleanup(); // counted by curl
}

static CURLM *
multi_of(struct transfers *transfers, bool is_private)
{
    return transfers->pools[is_private ? POOL_PRIVATE : POOL_PUBLIC].multi;
}

enum status
transfers_add(struct transfers *transfers, CURL *easy, bool is_private, void *owner,
              struct why *why)
{
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, owner);
    CURLMcode code = curl_multi_add_handle(multi_of(transfers, is_private), easy);
    return code == CURLM_OK ? ST_OK : why_set(why, ST_BUG, "%s", curl_multi_strerror(code));
}

void
transfers_remove(struct transfers *transfers, CURL *easy, bool is_private)
{
    (void)curl_multi_remove_handle(multi_of(transfers, is_private), easy);
}

// The time until curl wants to be called, at most `timeout_ms`.
static int
wait_ms(const struct transfers *transfers, int timeout_ms)
{
    int64_t now = clock_mono_ms();
    int64_t wait = timeout_ms;
    for (unsigned i = 0; i < POOLS; i++) {
        int64_t timer = transfers->pools[i].timer_mono_ms;
        if (timer >= 0 && timer - now < wait) {
            wait = timer > now ? timer - now : 0;
        }
    }
    return (int)wait;
}

static void
run_timer(struct pool *pool)
{
    if (pool->timer_mono_ms >= 0 && pool->timer_mono_ms <= clock_mono_ms()) {
        int running = 0;
        pool->timer_mono_ms = -1; // curl sets the next one inside the call
        (void)curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

static void
handle_event(struct transfers *transfers, const struct epoll_event *event)
{
    if (event->data.u64 == WAKE_DATA) {
        uint64_t count;
        (void)!read(transfers->wake_fd, &count, sizeof(count)); // only empties it
        return;
    }
    int action = ((event->events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                 ((event->events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                 ((event->events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    (void)curl_multi_socket_action(transfers->pools[event->data.u64 >> 32].multi,
                                   (curl_socket_t)(uint32_t)event->data.u64, action, &running);
}

void
transfers_wait(struct transfers *transfers, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count =
        epoll_wait(transfers->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(transfers, timeout_ms));
    for (int i = 0; i < count; i++) {
        handle_event(transfers, &events[i]);
    }
    for (unsigned i = 0; i < POOLS; i++) {
        run_timer(&transfers->pools[i]);
    }
}

void
transfers_wake(struct transfers *transfers)
{
    uint64_t one = 1;
    (void)!write(transfers->wake_fd, &one, sizeof(one)); // full means it is awake already
}

void *
transfers_next_over(struct transfers *transfers, CURLcode *code_out)
{
    for (unsigned i = 0; i < POOLS; i++) {
        CURLMsg *message;
        int left = 0;
        while ((message = curl_multi_info_read(transfers->pools[i].multi, &left)) != NULL) {
            if (message->msg == CURLMSG_DONE) {
                void *owner = NULL;
                *code_out = message->data.result;
                (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
                return owner;
            }
        }
    }
    return NULL;
}
