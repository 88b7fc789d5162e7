// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/exchange.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "verifier/dns/authority.h"

enum phase { PHASE_FREE, PHASE_UDP, PHASE_TCP_SEND, PHASE_TCP_RECEIVE };

enum { PREFIX_SIZE = 2 }; /* the length before a message by TCP */

/** One open socket. */
struct line {
    enum phase phase;
    int fd;
    struct dns_exchange *exchange;
    int64_t deadline_ms; /* of this try */
    bool is_last_try;
    struct dns_query query;
    size_t done; /* bytes sent or received by TCP, with the prefix */
    size_t want;
    unsigned char prefix[PREFIX_SIZE];
    unsigned char *message; /* by TCP */
};

struct run {
    int64_t deadline_ms;
    struct dns_exchange *exchanges;
    size_t count;
    size_t left;  /* not over yet */
    size_t first; /* all before are over or open */
    size_t open;
    const struct dns_cancel *cancel;
    size_t line_count;
    struct line *lines;                    /* one an exchange, at most DNS_EXCHANGES_OPEN_MAX */
    unsigned char datagram[DNS_EDNS_SIZE]; /* of a longer one nothing but the start is looked at */
};

static void
close_line(struct run *run, struct line *line)
{
    (void)close(line->fd);
    free(line->message);
    line->message = NULL;
    line->phase = PHASE_FREE;
    run->open--;
}

static void
end_exchange(struct run *run, struct dns_exchange *exchange, enum dns_exchange_end end,
             const struct dns_query *query, const unsigned char *message, size_t length)
{
    int64_t now = clock_mono_ms();
    int64_t took = exchange->tries == 0 ? 0 : now - exchange->first_sent_ms;
    struct dns_peers *peers = exchange->policy->peers;
    bool is_told =
        end < DNS_EXCHANGE_TIMEOUT || (end == DNS_EXCHANGE_TIMEOUT && !exchange->policy->is_hasty);
    if (peers != NULL && is_told) {
        dns_peers_note(peers, exchange->server->text, end != DNS_EXCHANGE_TIMEOUT, now);
    }
    exchange->is_over = true;
    run->left--;
    exchange->on_end(exchange, end, took, query, message, length);
}

static void
end_line(struct run *run, struct line *line, enum dns_exchange_end end)
{
    struct dns_exchange *exchange = line->exchange;
    close_line(run, line);
    end_exchange(run, exchange, end, NULL, NULL, 0);
}

/* ---- sending --------------------------------------------------------------------------------- */

// When the exchange may be sent, or -1.
static int64_t
turn_of(const struct run *run, const struct dns_exchange *exchange, int64_t now)
{
    struct dns_peers *peers = exchange->policy->peers;
    return peers == NULL
               ? now
               : dns_peers_reserve(peers, exchange->server->text, now, run->deadline_ms - 1);
}

static struct line *
free_line(struct run *run)
{
    for (size_t i = 0; i < run->line_count; i++) {
        if (run->lines[i].phase == PHASE_FREE) {
            return &run->lines[i];
        }
    }
    return NULL;
}

static void
set_deadline(const struct run *run, struct line *line, int64_t now)
{
    const struct dns_exchange_policy *policy = line->exchange->policy;
    bool is_dead = policy->peers != NULL &&
                   dns_peers_is_dead(policy->peers, line->exchange->server->text, now);
    int64_t try_ms = is_dead && policy->timeout_ms > AUTHORITY_SHORT_TRY_MS ? AUTHORITY_SHORT_TRY_MS
                                                                            : policy->timeout_ms;
    line->is_last_try = is_dead || line->exchange->tries >= policy->tries;
    line->deadline_ms = now + try_ms < run->deadline_ms ? now + try_ms : run->deadline_ms;
}

// What is not sent can be tried no better a moment later: the exchange is over.
static void
send_query(struct run *run, struct dns_exchange *exchange, int64_t now)
{
    struct line *line = free_line(run);
    struct why why;
    enum status status = dns_codec_build(exchange->question, dns_transport_new_id(),
                                         !exchange->without_edns, &line->query, &why);
    if (status == ST_OK) {
        status = dns_transport_open(exchange->server, SOCK_DGRAM, &line->fd, &why);
    }
    if (status != ST_OK) {
        enum dns_exchange_end end =
            status == ST_REFUSED ? DNS_EXCHANGE_NO_ROUTE : DNS_EXCHANGE_LOCAL_FAULT;
        end_exchange(run, exchange, end, NULL, NULL, 0);
        return;
    }
    line->phase = PHASE_UDP;
    line->exchange = exchange;
    line->message = NULL;
    run->open++;
    exchange->first_sent_ms = exchange->tries == 0 ? now : exchange->first_sent_ms;
    exchange->tries++;
    set_deadline(run, line, now);
    if (send(line->fd, line->query.bytes, line->query.length, MSG_NOSIGNAL) < 0) {
        end_line(run, line,
                 errno == ECONNREFUSED ? DNS_EXCHANGE_UNREACHABLE : DNS_EXCHANGE_NO_ROUTE);
    }
}

// Take the exchange's turn; false if its turn has not come yet.
static bool
start_exchange(struct run *run, struct dns_exchange *exchange, int64_t now)
{
    if (exchange->not_before_ms == 0) {
        exchange->not_before_ms = turn_of(run, exchange, now);
        if (exchange->not_before_ms < 0) {
            end_exchange(run, exchange,
                         exchange->tries > 0 ? DNS_EXCHANGE_TIMEOUT : DNS_EXCHANGE_RATE_LIMITED,
                         NULL, NULL, 0);
            return true;
        }
    }
    if (exchange->not_before_ms > now) {
        return false;
    }
    if (!dns_budget_take(exchange->policy->budget)) {
        end_exchange(run, exchange,
                     exchange->tries > 0 ? DNS_EXCHANGE_TIMEOUT : DNS_EXCHANGE_NO_QUERY, NULL, NULL,
                     0);
        return true;
    }
    exchange->is_started = true;
    send_query(run, exchange, now);
    return true;
}

// Open as many as may be; returns when the next turn comes, or the deadline.
static int64_t
start_exchanges(struct run *run, int64_t now)
{
    int64_t wake = run->deadline_ms;
    bool is_prefix = true;
    for (size_t i = run->first; i < run->count && run->open < run->line_count; i++) {
        struct dns_exchange *exchange = &run->exchanges[i];
        if (!exchange->is_over && !exchange->is_started && !start_exchange(run, exchange, now)) {
            wake = exchange->not_before_ms < wake ? exchange->not_before_ms : wake;
            is_prefix = false;
        }
        run->first = is_prefix ? i + 1 : run->first;
    }
    return wake;
}

// Its try is over; another one waits for its turn like all.
static void
try_again(struct run *run, struct line *line)
{
    struct dns_exchange *exchange = line->exchange;
    size_t index = (size_t)(exchange - run->exchanges);
    close_line(run, line);
    exchange->is_started = false;
    exchange->not_before_ms = 0;
    run->first = index < run->first ? index : run->first;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void
start_tcp(struct run *run, struct line *line)
{
    struct why why;
    int fd = -1;
    if (!dns_budget_take(line->exchange->policy->budget)) {
        end_line(run, line, DNS_EXCHANGE_NO_QUERY);
        return;
    }
    if (dns_transport_open(line->exchange->server, SOCK_STREAM, &fd, &why) != ST_OK) {
        end_line(run, line, DNS_EXCHANGE_BROKEN);
        return;
    }
    (void)close(line->fd);
    line->fd = fd;
    line->phase = PHASE_TCP_SEND;
    line->done = 0;
    line->want = PREFIX_SIZE + line->query.length;
}

static void
take_answer(struct run *run, struct line *line, const unsigned char *message, size_t length)
{
    struct dns_exchange *exchange = line->exchange;
    unsigned char *own = line->message; // `message` may be this one
    line->message = NULL;
    close_line(run, line);
    end_exchange(run, exchange, DNS_EXCHANGE_ANSWERED, &line->query, message, length);
    free(own);
}

static void
take_datagram(struct run *run, struct line *line, size_t length)
{
    const unsigned char *bytes = run->datagram;
    size_t seen = length < sizeof(run->datagram) ? length : sizeof(run->datagram);
    if (!dns_codec_is_answer(&line->query, bytes, seen)) {
        return; // forged, or late: the wait goes on
    }
    if (line->query.edns && dns_codec_dislikes_edns(bytes)) {
        line->exchange->without_edns = true;
        line->exchange->tries--;
        try_again(run, line);
    } else if (dns_codec_needs_tcp(&line->query, bytes, length)) {
        start_tcp(run, line);
    } else {
        take_answer(run, line, bytes, length);
    }
}

static void
receive_datagrams(struct run *run, struct line *line)
{
    ssize_t length = recv(line->fd, run->datagram, sizeof(run->datagram), MSG_TRUNC);
    if (length >= 0) {
        take_datagram(run, line, (size_t)length);
    } else if (errno != EAGAIN && errno != EINTR) {
        end_line(run, line, DNS_EXCHANGE_UNREACHABLE);
    }
}

static void
send_stream(struct run *run, struct line *line)
{
    unsigned char framed[PREFIX_SIZE + DNS_QUERY_MAX] = {(unsigned char)(line->query.length >> 8),
                                                         (unsigned char)line->query.length};
    memcpy(framed + PREFIX_SIZE, line->query.bytes, line->query.length);
    ssize_t sent = send(line->fd, framed + line->done, line->want - line->done, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            end_line(run, line, DNS_EXCHANGE_BROKEN);
        }
        return;
    }
    line->done += (size_t)sent;
    if (line->done == line->want) {
        line->phase = PHASE_TCP_RECEIVE;
        line->done = 0;
        line->want = PREFIX_SIZE;
    }
}

static void
receive_stream(struct run *run, struct line *line)
{
    bool in_prefix = line->done < PREFIX_SIZE;
    unsigned char *at =
        in_prefix ? line->prefix + line->done : line->message + (line->done - PREFIX_SIZE);
    ssize_t got = recv(line->fd, at, line->want - line->done, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    line->done += got > 0 ? (size_t)got : 0;
    size_t length = (size_t)line->prefix[0] << 8 | line->prefix[1];
    if (got <= 0 || (line->done == PREFIX_SIZE && length == 0)) {
        end_line(run, line, DNS_EXCHANGE_BROKEN);
    } else if (line->done == PREFIX_SIZE) {
        line->message = xcalloc(1, length);
        line->want = PREFIX_SIZE + length;
    } else if (line->done == line->want && line->want > PREFIX_SIZE) {
        if (dns_codec_is_answer(&line->query, line->message, length)) {
            take_answer(run, line, line->message, length);
        } else {
            end_line(run, line, DNS_EXCHANGE_BROKEN);
        }
    }
}

static void
step_line(struct run *run, struct line *line)
{
    switch (line->phase) {
    case PHASE_FREE:
        break;
    case PHASE_UDP:
        receive_datagrams(run, line);
        break;
    case PHASE_TCP_SEND:
        send_stream(run, line);
        break;
    case PHASE_TCP_RECEIVE:
        receive_stream(run, line);
        break;
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void
expire_line(struct run *run, struct line *line, int64_t now)
{
    if (line->phase != PHASE_UDP) {
        end_line(run, line, DNS_EXCHANGE_BROKEN); // it said "truncated", and no more
    } else if (line->is_last_try || now >= run->deadline_ms) {
        end_line(run, line, DNS_EXCHANGE_TIMEOUT);
    } else {
        try_again(run, line);
    }
}

// Poll the open lines until one is ready or `wake`.
static void
poll_lines(struct run *run, int64_t wake)
{
    struct pollfd fds[DNS_EXCHANGES_OPEN_MAX + 1]; // and behind the lines, what cancels
    struct line *lines[DNS_EXCHANGES_OPEN_MAX];
    nfds_t count = 0;
    for (size_t i = 0; i < run->line_count; i++) {
        struct line *line = &run->lines[i];
        if (line->phase != PHASE_FREE) {
            lines[count] = line;
            fds[count++] = (struct pollfd){
                .fd = line->fd, .events = line->phase == PHASE_TCP_SEND ? POLLOUT : POLLIN};
            wake = line->deadline_ms < wake ? line->deadline_ms : wake;
        }
    }
    int64_t wait = wake - clock_mono_ms();
    wait = wait < 0 ? 0 : wait;
    fds[count] = (struct pollfd){.fd = dns_cancel_fd(run->cancel), .events = POLLIN};
    int ready = poll(fds, count + 1, wait > INT_MAX ? INT_MAX : (int)wait);
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        if (fds[i].revents != 0) {
            step_line(run, lines[i]);
        }
    }
    int64_t now = clock_mono_ms();
    for (nfds_t i = 0; i < count; i++) {
        if (lines[i]->phase != PHASE_FREE && lines[i]->deadline_ms <= now) {
            expire_line(run, lines[i], now);
        }
    }
}

static void
close_lines(struct run *run)
{
    for (size_t i = 0; i < run->line_count; i++) {
        if (run->lines[i].phase != PHASE_FREE) {
            close_line(run, &run->lines[i]);
        }
    }
}

static void
end_the_rest(struct run *run)
{
    close_lines(run);
    for (size_t i = 0; i < run->count; i++) {
        struct dns_exchange *exchange = &run->exchanges[i];
        if (!exchange->is_over) {
            end_exchange(run, exchange,
                         exchange->tries > 0 ? DNS_EXCHANGE_TIMEOUT : DNS_EXCHANGE_NO_TIME, NULL,
                         NULL, 0);
        }
    }
}

void
dns_exchange_run(struct dns_exchange *exchanges, size_t count, int64_t deadline_mono_ms)
{
    size_t line_count = count < DNS_EXCHANGES_OPEN_MAX ? count : (size_t)DNS_EXCHANGES_OPEN_MAX;
    AUTO_FREE struct line *lines = xcalloc(line_count + 1, sizeof(*lines)); // PHASE_FREE
    struct run run = {
        .deadline_ms = deadline_mono_ms,
        .exchanges = exchanges,
        .count = count,
        .left = count,
        .cancel = count == 0 ? NULL : exchanges[0].policy->cancel,
        .line_count = line_count,
        .lines = lines,
    };
    while (run.left > 0) {
        int64_t now = clock_mono_ms();
        bool is_late = now >= deadline_mono_ms && run.open == 0;
        if (is_late || dns_cancel_is_thrown(run.cancel)) {
            end_the_rest(&run);
            break;
        }
        int64_t wake = now < deadline_mono_ms ? start_exchanges(&run, now) : deadline_mono_ms;
        if (run.left > 0) {
            poll_lines(&run, wake);
        }
    }
}
