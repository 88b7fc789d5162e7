// SPDX-License-Identifier: Apache-2.0
#include "router/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/header.h"
#include "common/log.h"
#include "common/strbuf.h"
#include "common/xalloc.h"
#include "router/dedupe.h"
#include "router/jsontext.h"
#include "router/plan.h"

static const struct smtp_reply TEMPORARY = {451, "4.3.0", "mail was not stored; try again later"};
static const struct smtp_reply NO_ROOM = {452, "4.3.1", "no room for mail at the moment"};
static const struct smtp_reply HEADER_TOO_LARGE = {552, "5.3.4",
                                                   "header larger than this host takes"};
static const struct smtp_reply LOOP = {554, "5.4.6", "too many Received fields: a mail loop"};

// All that the store borrows until it has answered.
struct work {
    const struct commit_services *services;
    struct commit_order *order;
    struct config *config;
    struct plan plan;
    char *data;            /* the header block, of a small message all; NULL: the letter has it */
    struct letter *letter; /* with deliveries that have a place; else NULL */
    char *recipients;      /* one a line */
    char subject[COMMIT_FIELD_MAX];
    char message_id_field[COMMIT_FIELD_MAX];
    struct store_message message;
    struct store_submission submission;
};

static void
order_free(struct commit_order *order)
{
    (void)close(order->body_fd); // only read from
    free(order->packet);
    free(order);
}

static void
work_free(struct work *work)
{
    plan_done(&work->plan);
    config_unref(work->config);
    free(work->data);
    letter_unref(work->letter);
    free(work->recipients);
    order_free(work->order);
    free(work);
}

// The last step. The waiter may go away, with the services, as soon as it has its answer.
static void
finish(struct work *work, const struct intake_commit_answer *answer)
{
    void (*answered)(void *, const struct intake_commit_answer *) = work->order->answered;
    void *waiter = work->order->waiter;
    limits_release(work->services->limits, &work->order->reservation);
    work_free(work);
    answered(waiter, answer);
}

static void
refuse(struct work *work, const struct smtp_reply *reply)
{
    log_info("message.refused", LOG_STR("queue_id", work->order->fields.queue_id),
             LOG_STR("from", work->order->fields.sender), LOG_INT("code", reply->code),
             LOG_STR("enhanced", reply->enhanced), LOG_STR("text", reply->text));
    finish(work, &(struct intake_commit_answer){
                     .outcome = INTAKE_NOT_STORED, .reply = *reply, .message_id = ""});
}

static void
log_stored(const struct work *work, const char *event, const struct id *id)
{
    const struct intake_commit *fields = &work->order->fields;
    log_info(event, LOG_STR("id", id->text), LOG_STR("queue_id", fields->queue_id),
             LOG_STR("tenant", work->plan.tenant), LOG_STR("domain", work->plan.domain),
             LOG_STR("from", fields->sender), LOG_INT("recipients", work->plan.recipient_count),
             LOG_INT("deliveries", work->plan.delivery_count), LOG_INT("bytes", fields->size),
             LOG_STR("client", fields->client_address), LOG_STR("held", fields->hold));
}

static bool
has_queued(const struct plan *plan, const char *destination)
{
    for (size_t i = 0; i < plan->delivery_count; i++) {
        const struct store_delivery *delivery = &plan->deliveries[i];
        if (delivery->destination == destination && delivery->state == DELIVERY_QUEUED) {
            return true;
        }
    }
    return false;
}

// The recipients of this delivery's domain that go to the same destination, one a line.
static char *
list_recipients(const struct plan *plan, const struct store_delivery *delivery)
{
    AUTO_STRBUF list = STRBUF_INIT(plan->delivery_count * (2 * (size_t)ADDRESS_MAX + 1));
    for (size_t i = 0; i < plan->delivery_count; i++) {
        const struct store_delivery *other = &plan->deliveries[i];
        if (strcmp(other->destination, delivery->destination) == 0 &&
            strcmp(other->domain, delivery->domain) == 0) {
            strbuf_puts(&list, list.length == 0 ? "" : "\n");
            strbuf_puts(&list, other->recipient);
        }
    }
    return strbuf_steal(&list);
}

// What has a place is sent at once; whoever has others to send is told.
static void
pass_on(const struct work *work)
{
    struct dispatcher *dispatcher = work->services->dispatcher;
    for (size_t i = 0; i < work->plan.delivery_count; i++) {
        struct store_delivery delivery = work->plan.deliveries[i];
        if (delivery.state == DELIVERY_LEASED) {
            AUTO_FREE char *recipients = list_recipients(&work->plan, &delivery);
            delivery.message_id = work->message.id;
            dispatcher_hand_over(dispatcher, &delivery, recipients, work->letter);
        }
    }
    for (size_t i = 0; i < work->plan.destination_count; i++) {
        if (has_queued(&work->plan, work->plan.destinations[i])) {
            dispatcher_kick(dispatcher, work->plan.destinations[i]);
        }
    }
}

static void
return_places(const struct work *work)
{
    for (size_t i = 0; i < work->plan.delivery_count; i++) {
        const struct store_delivery *delivery = &work->plan.deliveries[i];
        if (delivery->state == DELIVERY_LEASED) {
            dispatcher_return_place(work->services->dispatcher, delivery->destination);
        }
    }
}

static void
finish_stored(struct work *work, const struct store_submit_result *result)
{
    if (!result->duplicate) {
        limits_keep(&work->order->reservation);
        pass_on(work);
    }
    log_stored(work, result->duplicate ? "message.duplicate" : "message.stored",
               &result->message_id);
    const struct id id = result->message_id;
    finish(work, &(struct intake_commit_answer){.outcome = result->duplicate ? INTAKE_DUPLICATE
                                                                             : INTAKE_STORED,
                                                .reply = {.enhanced = "", .text = ""},
                                                .message_id = id.text});
}

// On a thread of the store.
static void
on_stored(void *context, const struct store_submit_result *result)
{
    struct work *work = context;
    if (result->status != ST_OK || result->duplicate) {
        return_places(work);
    }
    if (result->status == ST_OK) {
        finish_stored(work, result);
        return;
    }
    if (result->status == ST_REFUSED) {
        log_info("message.abandoned", LOG_STR("queue_id", work->order->fields.queue_id));
        finish(work, NULL); // the milter is gone, nothing was stored
        return;
    }
    log_err("message.not_stored", LOG_STR("queue_id", work->order->fields.queue_id),
            LOG_STR("status", status_name(result->status)), LOG_STR("why", result->why.text));
    refuse(work, result->status == ST_NO_SPACE ? &NO_ROOM : &TEMPORARY);
}

static bool
on_still_wanted(void *context)
{
    const struct work *work = context;
    return work->order->still_wanted(work->order->waiter);
}

// The descriptor is the milter's: a regular file (or memfd) of the stated size, nothing that could
// block or change its end under us. It is only ever read with pread: a mapping could fault.
static enum status
check_descriptor(const struct commit_order *order, struct why *why)
{
    const struct intake_commit *fields = &order->fields;
    struct stat info;
    if (fstat(order->body_fd, &info) != 0) {
        return why_errno(why, ST_INVALID, "fstat");
    }
    if (!S_ISREG(info.st_mode)) {
        return why_set(why, ST_INVALID, "the descriptor is no regular file");
    }
    if ((uint64_t)info.st_size != fields->size || fields->size == 0) {
        return why_set(why, ST_INVALID, "the file has %lld bytes, the packet says %" PRIu64,
                       (long long)info.st_size, fields->size);
    }
    if (fields->header_length > fields->size) {
        return why_set(why, ST_INVALID,
                       "a header block of %" PRIu64 " bytes in a message of %" PRIu64,
                       fields->header_length, fields->size);
    }
    if (!jsontext_is_object(fields->verdict)) {
        return why_set(why, ST_INVALID, "the verdict is no JSON object");
    }
    return ST_OK;
}

static bool
is_small(const struct work *work)
{
    return work->order->fields.size <= COMMIT_SMALL_MAX;
}

// The header block; a small message whole, so that it need not be read again.
static enum status
read_start(struct work *work, struct why *why)
{
    const struct intake_commit *fields = &work->order->fields;
    size_t length = (size_t)(is_small(work) ? fields->size : fields->header_length);
    work->data = xcalloc(length + 1, 1);
    size_t offset = 0;
    while (offset < length) {
        ssize_t got =
            pread(work->order->body_fd, work->data + offset, length - offset, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return why_errno(why, ST_IO, "read the message");
        }
        if (got == 0) {
            return why_set(why, ST_IO, "the message ends after %zu of %zu bytes", offset, length);
        }
        offset += (size_t)got;
    }
    return ST_OK;
}

static void
copy_field(const struct work *work, const char *name, char out[COMMIT_FIELD_MAX])
{
    struct header_field field;
    if (header_find(work->data, (size_t)work->order->fields.header_length, name, &field)) {
        header_copy_value(&field, out, COMMIT_FIELD_MAX);
    }
}

static char *
join_lines(char *const *texts, size_t count)
{
    AUTO_STRBUF joined = STRBUF_INIT(count * (2 * (size_t)ADDRESS_MAX + 1));
    for (size_t i = 0; i < count; i++) {
        strbuf_puts(&joined, i == 0 ? "" : "\n");
        strbuf_puts(&joined, texts[i]);
    }
    return strbuf_steal(&joined);
}

static void
fill_message(struct work *work)
{
    const struct intake_commit *fields = &work->order->fields;
    copy_field(work, "Subject", work->subject);
    copy_field(work, "Message-ID", work->message_id_field);
    work->recipients = join_lines(work->plan.recipients, work->plan.recipient_count);
    work->message = (struct store_message){
        .id = id_new(),
        .tenant = work->plan.tenant,
        .domain = work->plan.domain,
        .sender = fields->sender,
        .recipients = work->recipients,
        .queue_id = fields->queue_id,
        .client_address = fields->client_address,
        .client_name = fields->client_name,
        .helo = fields->helo,
        .subject = work->subject,
        .message_id_field = work->message_id_field,
        .verdict = fields->verdict,
        .received_at = (int64_t)fields->received_at,
        .size = fields->size,
        .header_length = fields->header_length,
    };
}

static enum status
fill_submission(struct work *work, struct why *why)
{
    const struct commit_order *order = work->order;
    const char *whole = is_small(work) ? work->data : NULL;
    work->submission = (struct store_submission){
        .message = &work->message,
        .body = whole,
        .body_fd = order->body_fd,
        .evidence = order->fields.evidence,
        .deliveries = work->plan.deliveries,
        .delivery_count = work->plan.delivery_count,
        .still_wanted = on_still_wanted,
        .done = on_stored,
        .context = work,
    };
    const struct dedupe_message message = {
        .commit = &order->fields,
        .recipients = (const char *const *)work->plan.recipients,
        .recipient_count = work->plan.recipient_count,
        .header = work->data,
        .header_length = (size_t)order->fields.header_length,
        .body = whole == NULL ? NULL : whole + order->fields.header_length,
        .body_fd = order->body_fd,
    };
    enum status status = dedupe_key(&message, &work->submission.dedupe, why);
    work->submission.dedupe.keep_ms = work->config->store.dedupe_for_ms;
    return status;
}

// What the routes, the limits and the header say; NULL when the message may be stored.
static const struct smtp_reply *
decide(struct work *work)
{
    struct commit_order *order = work->order;
    const struct plan_question question = {
        .recipients = order->fields.recipients,
        .hold = order->fields.hold,
        .policy_key = order->fields.policy_key,
        .now_ms = store_now_ms(work->services->store),
    };
    const struct smtp_reply *reply =
        plan_make(work->config, work->services->registry, &question, &work->plan);
    if (reply == NULL) {
        const struct limits_request request = {.tenant = work->plan.tenant,
                                               .bytes = order->fields.size,
                                               .recipients = work->plan.recipient_count};
        reply = limits_reserve(work->services->limits, &work->config->limits, &request,
                               &order->reservation);
    }
    if (reply == NULL && order->fields.header_length > COMMIT_HEADER_MAX) {
        reply = &HEADER_TOO_LARGE;
    }
    return reply;
}

static bool
is_loop(const struct work *work)
{
    return header_count(work->data, (size_t)work->order->fields.header_length, "Received") >
           work->config->limits.hops;
}

static void
refuse_unread(struct work *work, const struct why *why)
{
    log_err("message.unreadable", LOG_STR("queue_id", work->order->fields.queue_id),
            LOG_STR("why", why->text));
    refuse(work, &TEMPORARY);
}

// What can be sent at once is stored as leased: it needs no claim, and is not read back.
static void
take_places(struct work *work)
{
    struct dispatcher *dispatcher = work->services->dispatcher;
    bool has_place = false;
    if (!is_small(work) || work->plan.delivery_count > COMMIT_HANDED_MAX) {
        return;
    }
    for (size_t i = 0; i < work->plan.delivery_count; i++) {
        struct store_delivery *delivery = &work->plan.deliveries[i];
        const struct config_destination *destination =
            config_find_destination(work->config, delivery->destination);
        if (delivery->state != DELIVERY_QUEUED || destination == NULL ||
            !dispatcher_take_place(dispatcher, delivery->destination)) {
            continue;
        }
        has_place = true;
        delivery->state = DELIVERY_LEASED;
        delivery->fence = 1;
        int64_t lease_ms = dispatcher_lease_ms(destination);
        work->submission.lease_ms =
            lease_ms > work->submission.lease_ms ? lease_ms : work->submission.lease_ms;
    }
    if (has_place) {
        work->submission.lease_owner = dispatcher_owner(dispatcher);
        work->letter = letter_new(&work->message, STEAL(work->data));
    }
}

static void
prepare_and_submit(struct work *work)
{
    struct why why;
    const struct smtp_reply *reply = decide(work);
    if (reply != NULL) {
        refuse(work, reply);
        return;
    }
    if (read_start(work, &why) != ST_OK) {
        refuse_unread(work, &why);
        return;
    }
    if (is_loop(work)) {
        refuse(work, &LOOP);
        return;
    }
    fill_message(work);
    if (fill_submission(work, &why) != ST_OK) {
        refuse_unread(work, &why);
        return;
    }
    take_places(work);
    store_submit(work->services->store, &work->submission);
}

static struct work *
work_new(const struct commit_services *services, struct commit_order *order)
{
    struct work *work = xcalloc(1, sizeof(*work));
    work->services = services;
    work->order = order;
    work->config = config_holder_get(services->holder);
    return work;
}

void
commit_execute(const struct commit_services *services, struct commit_order *order)
{
    struct work *work = work_new(services, order);
    struct why why;
    if (check_descriptor(order, &why) != ST_OK) {
        log_err("intake.bad_commit", LOG_STR("queue_id", order->fields.queue_id),
                LOG_STR("why", why.text));
        finish(work, NULL);
        return;
    }
    prepare_and_submit(work);
}

void
commit_give_back(const struct commit_services *services, struct commit_order *order)
{
    finish(work_new(services, order), NULL);
}
