// SPDX-License-Identifier: Apache-2.0
// One thread reads the packets of all connections and answers RCPT at once, from memory. COMMIT of
// a small message in memory is prepared there too, others go to workers; the connection is parked
// until the answer was sent, so that answers keep the order of the questions.
#include "router/intake.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/frame.h"
#include "common/intake_protocol.h"
#include "common/log.h"
#include "common/unixsock.h"
#include "common/workers.h"
#include "common/xalloc.h"
#include "router/commit.h"
#include "router/gate.h"
#include "router/limits.h"
#include "router/refusals.h"
#include "router/server.h"

enum {
    COMMIT_WORKERS = 4 /* for those that are not small, and not staged; the sync is the store's */
};

struct intake {
    struct commit_services services;
    struct server *server;
    struct workers *workers;
    struct workers *large_workers; /* for those above STORE_STAGE_ABOVE */
    struct refusals *refusals;     /* of the server's thread */
    pthread_mutex_t mutex;         /* protects `under_way` */
    pthread_cond_t all_answered;
    size_t under_way;           /* COMMIT and REFUSED packets taken and not answered */
    int64_t acks_until_mono_ms; /* at the end: how long acknowledgements are waited for; else 0 */
    char packet[FRAME_MAX];     /* of the server's thread */
};

/** One SMTP session. Belongs to whom its connection belongs. */
struct session {
    struct intake *intake;
    struct reservation reservation;
    size_t recipients; /* accepted in this transaction */
    size_t deliveries; /* they come to */
    struct id stored;  /* answered, and not acknowledged yet; "" when there is none */
};

static const struct smtp_reply TOO_MANY = {
    452, "4.5.3", "too many recipients; send the rest in another transaction"};

/* ---- RCPT ------------------------------------------------------------------------------------ */

// One promise of room a transaction, which grows with its recipients. One of another tenant is sent
// to a transaction of its own by the milter.
static const struct smtp_reply *
reserve_room(struct session *session, const struct config *config, const struct gate_answer *gate,
             uint64_t size)
{
    uint64_t reserved = session->reservation.held ? session->reservation.bytes : 0;
    const struct limits_request request = {.tenant = gate->tenant,
                                           .bytes = size > reserved ? size : reserved,
                                           .recipients = session->recipients + 1};
    return limits_reserve(session->intake->services.limits, &config->limits, &request,
                          &session->reservation);
}

static const struct smtp_reply *
take_recipient(struct session *session, const struct config *config, const struct gate_answer *gate,
               uint64_t size)
{
    if (session->recipients >= config->limits.recipients ||
        session->recipients >= INTAKE_RECIPIENTS_MAX ||
        session->deliveries + gate->destination_count > STORE_DELIVERIES_MAX) {
        return &TOO_MANY;
    }
    const struct smtp_reply *reply = reserve_room(session, config, gate, size);
    if (reply == NULL) {
        session->recipients++;
        session->deliveries += gate->destination_count;
    }
    return reply;
}

static void
fill_accepted(const struct intake_rcpt *question, const struct config *config,
              const struct gate_answer *gate, struct intake_rcpt_answer *answer)
{
    answer->domain = gate->domain->name;
    answer->policy_key = gate->domain->policy_key;
    answer->dmarc = (uint64_t)gate->domain->policy.dmarc;
    answer->on_temperror = (uint64_t)gate->domain->policy.on_temperror;
    answer->defer_for_ms = (uint64_t)gate->domain->policy.defer_for_ms;
    answer->forwarders = gate->domain->forwarders;
    answer->trusted = question->authenticated != 0 ||
                      gate_client_is_trusted(gate->domain, question->client_address);
    answer->max_message = config->limits.message_bytes;
}

static struct intake_rcpt_answer
decide(struct session *session, const struct intake_rcpt *question, const struct config *config,
       struct gate_answer *gate)
{
    gate_decide(config, session->intake->services.registry, question->recipient, gate);
    struct intake_rcpt_answer answer = {
        .decision = gate->decision,
        .reply = {gate->reply_code, gate->reply_enhanced, gate->reply_text},
        .tenant = gate->tenant,
    };
    if (gate->decision != GATE_ACCEPT) {
        return answer;
    }
    const struct smtp_reply *refusal = take_recipient(session, config, gate, question->size);
    if (refusal == NULL) {
        fill_accepted(question, config, gate, &answer);
        return answer;
    }
    answer.decision = refusal->code >= 500 ? GATE_REFUSE : GATE_DEFER;
    answer.reply = *refusal;
    return answer;
}

static enum status
send_frame(const struct connection *connection, const struct frame_layout *layout,
           const void *answer, struct why *why)
{
    AUTO_STRBUF packet = STRBUF_INIT(FRAME_MAX);
    enum status status = frame_encode(layout, answer, &packet, why);
    return status != ST_OK ? status
                           : unixsock_send(connection->fd, packet.data, packet.length, -1, why);
}

static enum status
on_rcpt(struct session *session, const struct connection *connection, size_t length,
        struct why *why)
{
    struct intake_rcpt question;
    enum status status =
        frame_decode(&INTAKE_RCPT_LAYOUT, session->intake->packet, length, &question, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(session->intake->services.holder);
    struct gate_answer gate;
    const struct intake_rcpt_answer answer = decide(session, &question, config, &gate);
    log_debug("intake.rcpt", LOG_STR("recipient", question.recipient),
              LOG_INT("decision", answer.decision), LOG_INT("code", answer.reply.code));
    return send_frame(connection, &INTAKE_RCPT_ANSWER_LAYOUT, &answer, why);
}

/* ---- COMMIT ---------------------------------------------------------------------------------- */

static bool
still_wanted(void *waiter)
{
    const struct connection *connection = waiter;
    struct pollfd item = {.fd = connection->fd, .events = POLLRDHUP};
    return poll(&item, 1, 0) <= 0; // any event is a peer that closed
}

static void
count_taken(struct intake *intake)
{
    AUTO_LOCK(lock, &intake->mutex);
    intake->under_way++;
}

static void
count_answered(struct intake *intake)
{
    AUTO_LOCK(lock, &intake->mutex);
    intake->under_way--;
    (void)pthread_cond_broadcast(&intake->all_answered);
}

static void
send_commit_answer(struct connection *connection, const struct intake_commit_answer *answer)
{
    struct session *session = connection->state;
    if (answer->outcome != INTAKE_NOT_STORED) {
        memcpy(session->stored.text, answer->message_id, sizeof(session->stored.text));
    }
    struct why why;
    if (send_frame(connection, &INTAKE_COMMIT_ANSWER_LAYOUT, answer, &why) != ST_OK) {
        // The sender will repeat the message, and the dedupe key finds it.
        log_warn("intake.answer_lost", LOG_STR("message", answer->message_id),
                 LOG_STR("why", why.text));
        (void)shutdown(connection->fd, SHUT_RDWR); // the server sees it and closes
    }
}

// On a worker or a thread of the store. Behind server_resume the connection, behind count_answered
// the intake may be gone.
static void
on_answered(void *waiter, const struct intake_commit_answer *answer)
{
    struct connection *connection = waiter;
    struct intake *intake = ((struct session *)connection->state)->intake;
    if (answer != NULL) {
        send_commit_answer(connection, answer);
    } else {
        (void)shutdown(connection->fd, SHUT_RDWR); // as above
    }
    server_resume(connection);
    count_answered(intake);
}

// A memfd (or a file in memory): reading it waits for no disk.
static bool
is_memory(int fd)
{
    return fcntl(fd, F_GET_SEALS) >= 0;
}

static void
start_commit(struct session *session, struct commit_order *order)
{
    struct intake *intake = session->intake;
    order->reservation = session->reservation;
    *session = (struct session){.intake = intake};
    count_taken(intake);
    bool is_large = order->fields.size > STORE_STAGE_ABOVE;
    if (order->fields.size <= COMMIT_SMALL_MAX && is_memory(order->body_fd)) {
        commit_execute(&intake->services, order); // done before a worker would be awake
    } else {
        workers_push(is_large ? intake->large_workers : intake->workers, order);
    }
}

static enum status
on_commit(struct session *session, struct connection *connection, size_t length, int *passed_fd,
          struct why *why)
{
    if (*passed_fd < 0) {
        return why_set(why, ST_INVALID, "COMMIT without a descriptor");
    }
    AUTO_FREE struct commit_order *order = xcalloc(1, sizeof(*order));
    AUTO_FREE char *packet = xmemdup(session->intake->packet, length);
    enum status status = frame_decode(&INTAKE_COMMIT_LAYOUT, packet, length, &order->fields, why);
    if (status != ST_OK) {
        return status;
    }
    order->packet = STEAL(packet);
    order->body_fd = STEAL_FD(*passed_fd);
    order->still_wanted = still_wanted;
    order->answered = on_answered;
    order->waiter = connection;
    start_commit(session, STEAL(order));
    return ST_OK;
}

static void
work_on(void *context, void *item)
{
    const struct intake *intake = context;
    commit_execute(&intake->services, item);
}

static void
drop(void *context, void *item)
{
    const struct intake *intake = context;
    commit_give_back(&intake->services, item);
}

/* ---- packets ----------------------------------------------------------------------------------
 */

static enum status
on_nothing(const struct frame_layout *layout, const struct session *session, size_t length,
           struct why *why)
{
    struct intake_nothing nothing;
    return frame_decode(layout, session->intake->packet, length, &nothing, why);
}

static enum status
on_ack(struct session *session, size_t length, struct why *why)
{
    enum status status = on_nothing(&INTAKE_ACK_LAYOUT, session, length, why);
    if (status == ST_OK && session->stored.text[0] != '\0') {
        store_acknowledge(session->intake->services.store, &session->stored);
        session->stored = (struct id){.text = ""};
    }
    return status;
}

static enum status
on_reset(struct session *session, size_t length, struct why *why)
{
    enum status status = on_nothing(&INTAKE_RESET_LAYOUT, session, length, why);
    if (status == ST_OK) {
        limits_release(session->intake->services.limits, &session->reservation);
        session->recipients = 0;
        session->deliveries = 0;
    }
    return status;
}

// On the server's thread or one of the store. Behind it connection and intake may be gone.
static void
on_kept(void *waiter, bool kept)
{
    struct connection *connection = waiter;
    struct intake *intake = ((struct session *)connection->state)->intake;
    const struct intake_refused_answer answer = {.kept = kept};
    struct why why;
    if (send_frame(connection, &INTAKE_REFUSED_ANSWER_LAYOUT, &answer, &why) != ST_OK) {
        (void)shutdown(connection->fd, SHUT_RDWR); // the server sees it and closes
    }
    server_resume(connection);
    count_answered(intake);
}

static enum status
on_refused(const struct session *session, struct connection *connection, size_t length,
           struct why *why)
{
    struct intake *intake = session->intake;
    const struct refusals_waiter waiter = {.answered = on_kept, .context = connection};
    struct intake_refused refused;
    enum status status =
        frame_decode(&INTAKE_REFUSED_LAYOUT, session->intake->packet, length, &refused, why);
    if (status != ST_OK) {
        return status;
    }
    AUTO_CONFIG *config = config_holder_get(intake->services.holder);
    count_taken(intake);
    status = refusals_keep(intake->refusals, config, &refused, clock_mono_ms(), &waiter, why);
    if (status != ST_OK) {
        count_answered(intake);
    }
    return status;
}

static enum status
on_packet(struct session *session, struct connection *connection, size_t length, int *passed_fd,
          struct why *why)
{
    unsigned kind = (unsigned char)session->intake->packet[0];
    if (kind == INTAKE_COMMIT) {
        return on_commit(session, connection, length, passed_fd, why);
    }
    if (*passed_fd >= 0) {
        return why_set(why, ST_INVALID, "a descriptor with a packet of kind %u", kind);
    }
    switch (kind) {
    case INTAKE_RCPT:
        return on_rcpt(session, connection, length, why);
    case INTAKE_ACK:
        return on_ack(session, length, why);
    case INTAKE_RESET:
        return on_reset(session, length, why);
    case INTAKE_REFUSED:
        return on_refused(session, connection, length, why);
    default:
        return why_set(why, ST_INVALID, "a packet of unknown kind %u", kind);
    }
}

static enum connection_next
on_ready(void *context, struct connection *connection)
{
    struct intake *intake = context;
    size_t length = 0;
    AUTO_FD int passed_fd = -1;
    struct why why;
    enum status status = unixsock_receive(connection->fd, intake->packet, sizeof(intake->packet),
                                          &length, &passed_fd, &why);
    if (status == ST_AGAIN) {
        return CONNECTION_READ;
    }
    if (status == ST_OK && length == 0) {
        return CONNECTION_CLOSE;
    }
    // Their answers come from elsewhere.
    bool is_parked = status == ST_OK &&
                     (intake->packet[0] == INTAKE_COMMIT || intake->packet[0] == INTAKE_REFUSED);
    if (status == ST_OK) {
        status = on_packet(connection->state, connection, length, &passed_fd, &why);
    }
    if (status != ST_OK) {
        log_warn("intake.bad_packet", LOG_INT("pid", connection->pid),
                 LOG_INT("uid", connection->uid), LOG_STR("why", why.text));
        return CONNECTION_CLOSE;
    }
    return is_parked ? CONNECTION_PARK : CONNECTION_READ;
}

static void *
on_open(void *context, struct connection *connection)
{
    unixsock_allow_large_packets(connection->fd);
    log_debug("intake.connected", LOG_INT("pid", connection->pid), LOG_INT("uid", connection->uid));
    struct session *session = xcalloc(1, sizeof(*session));
    session->intake = context;
    return session;
}

// A key whose acknowledgement nobody read would keep the next equal alert out. What is waited for
// at the end was answered when no packet was read any more; the milter acknowledges at once.
static void
take_last_ack(struct session *session, const struct connection *connection)
{
    struct intake *intake = session->intake;
    int64_t left_ms = intake->acks_until_mono_ms - clock_mono_ms();
    struct pollfd item = {.fd = connection->fd, .events = POLLIN};
    size_t length = 0;
    AUTO_FD int passed_fd = -1;
    if (session->stored.text[0] == '\0' || poll(&item, 1, left_ms > 0 ? (int)left_ms : 0) <= 0) {
        return;
    }
    enum status status = unixsock_receive(connection->fd, intake->packet, sizeof(intake->packet),
                                          &length, &passed_fd, NULL);
    if (status == ST_OK && length > 0 && intake->packet[0] == INTAKE_ACK) {
        (void)(on_ack(session, length, NULL) == ST_OK); // else as if there were none
    }
}

static void
on_close(void *context, struct connection *connection)
{
    struct intake *intake = context;
    struct session *session = connection->state;
    take_last_ack(session, connection);
    limits_release(intake->services.limits, &session->reservation);
    free(session);
}

// Nothing that has been stored waits for its acknowledgement.
static bool
is_idle(const struct connection *connection)
{
    const struct session *session = connection->state;
    return session->stored.text[0] == '\0';
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct intake *
intake_new(const struct intake_context *context)
{
    struct intake *intake = xcalloc(1, sizeof(*intake));
    intake->services = (struct commit_services){
        .store = context->store,
        .registry = context->registry,
        .holder = context->holder,
        .dispatcher = context->dispatcher,
        .limits = context->limits,
    };
    intake->refusals = refusals_new(context->store, intake->services.limits);
    (void)pthread_mutex_init(&intake->mutex, NULL); // neither can fail without attributes
    (void)pthread_cond_init(&intake->all_answered, NULL);
    return intake;
}

enum status
intake_open(const struct intake_context *context, const struct config_socket *socket,
            struct intake **intake_out, struct why *why)
{
    struct intake *intake = intake_new(context);
    const struct server_settings settings = {
        .name = "intake",
        .type = SOCK_SEQPACKET,
        .connections_max = INTAKE_CONNECTIONS_MAX,
        .on_open = on_open,
        .on_ready = on_ready,
        .on_close = on_close,
        .context = intake,
    };
    enum status status = workers_open(COMMIT_WORKERS, work_on, intake, &intake->workers, why);
    if (status == ST_OK) {
        status = workers_open(INTAKE_LARGE_AT_ONCE, work_on, intake, &intake->large_workers, why);
    }
    if (status == ST_OK) {
        status = server_open(&settings, socket, &intake->server, why);
    }
    if (status != ST_OK) {
        intake_close(intake);
        return status;
    }
    *intake_out = intake;
    return ST_OK;
}

static void
wait_until_answered(struct intake *intake)
{
    AUTO_LOCK(lock, &intake->mutex);
    while (intake->under_way > 0) {
        (void)pthread_cond_wait(&intake->all_answered, &intake->mutex);
    }
}

void
intake_close(struct intake *intake)
{
    if (intake == NULL) {
        return;
    }
    if (intake->server != NULL) {
        server_stop(intake->server); // no new commits from here on
        server_close_idle(intake->server, is_idle);
    }
    workers_close(intake->workers, drop);
    workers_close(intake->large_workers, drop);
    wait_until_answered(intake);
    intake->acks_until_mono_ms = clock_mono_ms() + INTAKE_ACKS_WAIT_MS;
    server_close(intake->server);
    refusals_free(intake->refusals);
    (void)pthread_cond_destroy(&intake->all_answered);
    (void)pthread_mutex_destroy(&intake->mutex);
    free(intake);
}
