// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/writer.h"

#include <stdatomic.h>

#include "common/clock.h"
#include "common/condition.h"
#include "common/xalloc.h"

enum {
    GROUP_OPERATIONS = 256,
    GROUP_BYTES = 8 * 1024 * 1024,
    TICK_MS = 1000,
    PASSIVE_FRAMES = 2048,  /* each 16 MB of WAL: copy what readers allow */
    TRUNCATE_FRAMES = 16384 /* 128 MB: wait a moment for readers, so that it starts over */
};

struct queue {
    struct operation *first;
    struct operation **last;
};

struct writer {
    struct writer_settings settings;
    pthread_t thread;
    /* of the writer thread */
    bool sync_is_full;
    bool is_suspect; /* a sync failed: the WAL may have a hole on the disk, see recover() */
    int64_t ticked_mono_ms;
    uint64_t checkpointed_frames;
    struct queue put_off;
    bool is_draining; /* nothing is put off any more */
    atomic_uint_fast64_t commits;
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t changed;
    struct queue waiting;
    size_t urgent;            /* operations among them that cannot wait */
    int64_t patience_mono_ms; /* the others may wait until then; counts while there are some */
    bool is_dozing;           /* the writer looks again within STORE_PATIENCE_MS by itself */
    bool is_stopping;
};

static void
queue_init(struct queue *queue)
{
    *queue = (struct queue){.last = &queue->first};
}

static void
queue_push(struct queue *queue, struct operation *operation)
{
    operation->next = NULL;
    *queue->last = operation;
    queue->last = &operation->next;
}

static struct operation *
queue_pop(struct queue *queue)
{
    struct operation *operation = queue->first;
    if (operation != NULL) {
        queue->first = operation->next;
        if (queue->first == NULL) {
            queue->last = &queue->first;
        }
    }
    return operation;
}

// With the mutex held.
static void
enqueue(struct writer *writer, struct operation *operation)
{
    if (writer->waiting.first == NULL) {
        writer->patience_mono_ms = clock_mono_ms() + STORE_PATIENCE_MS;
    }
    writer->urgent += operation->can_wait ? 0 : 1;
    queue_push(&writer->waiting, operation);
}

void
writer_queue(struct writer *writer, struct operation *operation)
{
    AUTO_LOCK(lock, &writer->mutex);
    enqueue(writer, operation);
    if (!operation->can_wait || !writer->is_dozing) {
        (void)pthread_cond_signal(&writer->changed);
    }
}

bool
writer_queue_later(struct writer *writer, struct operation *operation)
{
    if (!writer->is_draining) {
        queue_push(&writer->put_off, operation);
    }
    return !writer->is_draining;
}

// Move what waits, up to the caps, to `group`; at least one if there is one.
static void
take_group(struct writer *writer, struct queue *group, bool *durable_out)
{
    size_t count = 0;
    size_t bytes = 0;
    queue_init(group);
    *durable_out = false;
    while (writer->waiting.first != NULL && count < GROUP_OPERATIONS &&
           (count == 0 || bytes + writer->waiting.first->weight <= GROUP_BYTES)) {
        if (writer->waiting.first->is_alone && count > 0) {
            return;
        }
        struct operation *operation = queue_pop(&writer->waiting);
        writer->urgent -= operation->can_wait ? 0 : 1;
        count++;
        bytes += operation->weight;
        *durable_out = *durable_out || operation->durable;
        queue_push(group, operation);
        if (operation->is_alone) {
            return;
        }
    }
}

// With FULL a commit syncs the whole WAL, also what commits with NORMAL left unsynced before it.
static enum status
set_sync(struct writer *writer, bool full, struct why *why)
{
    if (writer->settings.synchronous_off || writer->sync_is_full == full) {
        return ST_OK;
    }
    enum status status = sql_script(
        writer->settings.sql, full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", why);
    if (status == ST_OK) {
        writer->sync_is_full = full;
    }
    return status;
}

// After a failed sync the kernel may hold pages of the WAL as clean that never reached the disk,
// and a later sync would not write them again. So the content goes into the database file, which
// is written and synced anew, and the WAL starts over, before anything else is promised.
static enum status
recover(struct writer *writer, struct why *why)
{
    if (!writer->is_suspect) {
        return ST_OK;
    }
    enum status status = sql_checkpoint_truncate(writer->settings.sql, why);
    writer->is_suspect = status != ST_OK;
    return status;
}

// Undo what failed, and only that. Where nothing can be written any more behind it the whole group
// is lost, and not for what its first operation was refused for.
static void
undo(struct sql *sql, struct operation *operation, bool is_first)
{
    if (!is_first) { // if this fails the commit fails too, or undoes it
        status_ignore(sql_run(sql, "ROLLBACK TO operation", SQL_NO_VALUES, NULL));
        return;
    }
    struct why why;
    enum status status = sql_run(sql, "ROLLBACK", SQL_NO_VALUES, &why);
    if (status == ST_OK) {
        status = sql_run(sql, "BEGIN IMMEDIATE", SQL_NO_VALUES, &why);
    }
    if (status != ST_OK) {
        operation->status = status;
        operation->why = why;
    }
}

// In a savepoint of its own, for which SQLite copies each page that is changed. The first needs
// none: there is nothing before it in the transaction.
static void
run_one(struct writer *writer, struct operation *operation, bool is_first)
{
    struct sql *sql = writer->settings.sql;
    operation->usage_mark = usage_mark(writer->settings.usage);
    if (!is_first) {
        operation->status = sql_run(sql, "SAVEPOINT operation", SQL_NO_VALUES, &operation->why);
        if (operation->status != ST_OK) {
            return;
        }
    }
    operation->status = operation->run(operation->context, sql, &operation->why);
    if (!sql_in_transaction(sql)) { // a full disk may undo the whole transaction
        return;
    }
    if (operation->status != ST_OK) {
        usage_rewind(writer->settings.usage, operation->usage_mark);
        undo(sql, operation, is_first);
    }
    struct why why;
    enum status status = is_first ? ST_OK : sql_run(sql, "RELEASE operation", SQL_NO_VALUES, &why);
    if (status != ST_OK && operation->status == ST_OK) {
        operation->status = status;
        operation->why = why;
    }
}

// Run the operations. When the transaction as a whole is lost, `why` says by what.
static enum status
run_group(struct writer *writer, const struct queue *group, struct why *why)
{
    for (struct operation *each = group->first; each != NULL; each = each->next) {
        run_one(writer, each, each == group->first);
        if (!sql_in_transaction(writer->settings.sql)) {
            enum status status = each->status == ST_OK ? ST_IO : each->status;
            return why_set(why, status, "%s", each->why.text);
        }
    }
    return ST_OK;
}

static enum status
commit_group(struct writer *writer, const struct queue *group, bool durable, struct why *why)
{
    struct sql *sql = writer->settings.sql;
    enum status status = recover(writer, why);
    if (status == ST_OK) {
        status = set_sync(writer, durable, why);
    }
    if (status == ST_OK) {
        status = sql_run(sql, "BEGIN IMMEDIATE", SQL_NO_VALUES, why);
    }
    if (status != ST_OK) {
        return status;
    }
    uint64_t changes = sql_total_changes(sql);
    status = run_group(writer, group, why);
    if (status == ST_OK) {
        status = sql_run(sql, "COMMIT", SQL_NO_VALUES, why);
        writer->is_suspect = status != ST_OK;
    }
    if (sql_in_transaction(sql)) {
        status_ignore(sql_run(sql, "ROLLBACK", SQL_NO_VALUES, NULL)); // the cause is told already
    }
    if (status == ST_OK && durable && sql_total_changes(sql) != changes) {
        atomic_fetch_add(&writer->commits, 1);
    }
    return status;
}

static void
finish_group(struct queue *group, enum status status, const struct why *why)
{
    struct operation *operation = queue_pop(group);
    while (operation != NULL) {
        struct operation *next = queue_pop(group); // `finish` may release or queue the operation
        if (status != ST_OK) {
            operation->finish(operation->context, status, why);
        } else {
            operation->finish(operation->context, operation->status, &operation->why);
        }
        operation = next;
    }
}

static void
write_group(struct writer *writer, struct queue *group, bool durable)
{
    struct why why = {.text = ""};
    if (group->first->is_alone) {
        struct operation *alone = group->first;
        alone->status = alone->run(alone->context, writer->settings.sql, &alone->why);
        finish_group(group, ST_OK, &why);
        return;
    }
    enum status status = commit_group(writer, group, durable, &why);
    if (status == ST_OK) {
        usage_apply(writer->settings.usage);
    } else {
        usage_rewind(writer->settings.usage, 0);
    }
    finish_group(group, status, &why);
}

// Not done, the WAL keeps everything. But a sync of it that failed leaves what commit_group leaves.
static void
note_checkpoint(struct writer *writer, enum status status)
{
    writer->is_suspect = writer->is_suspect || (status != ST_OK && status != ST_AGAIN);
}

// Behind the answers of each group.
static void
checkpoint_passive(struct writer *writer)
{
    uint64_t frames = sql_wal_frames(writer->settings.sql);
    if (frames < writer->checkpointed_frames) { // it started over
        writer->checkpointed_frames = 0;
    }
    if (frames - writer->checkpointed_frames >= PASSIVE_FRAMES) {
        writer->checkpointed_frames = frames;
        note_checkpoint(writer, sql_checkpoint_passive(writer->settings.sql, NULL));
    }
}

static void
tick(struct writer *writer, bool is_idle)
{
    int64_t now = clock_mono_ms();
    if (now - writer->ticked_mono_ms < TICK_MS && !is_idle) {
        return;
    }
    writer->ticked_mono_ms = now;
    if (set_sync(writer, false, NULL) == ST_OK) {
        writer->settings.tick(writer->settings.context, writer->settings.sql);
    }
    if (sql_wal_frames(writer->settings.sql) > (is_idle ? 0 : TRUNCATE_FRAMES)) {
        // One that did not come to its end is repeated at the next tick.
        note_checkpoint(writer, sql_checkpoint_truncate(writer->settings.sql, NULL));
    }
    AUTO_LOCK(lock, &writer->mutex);
    for (struct operation *each; (each = queue_pop(&writer->put_off)) != NULL;) {
        enqueue(writer, each);
    }
}

// With the mutex held: something must be written now.
static bool
is_time(const struct writer *writer)
{
    return writer->urgent > 0 || writer->is_stopping ||
           (writer->waiting.first != NULL && clock_mono_ms() >= writer->patience_mono_ms);
}

// Sleep until something was queued, at most until `until_ms`.
static void
doze(struct writer *writer, int64_t now, int64_t until_ms)
{
    bool is_patient = writer->waiting.first != NULL && writer->patience_mono_ms < until_ms;
    int64_t wake_ms = is_patient ? writer->patience_mono_ms : until_ms;
    struct timespec until = condition_deadline((int)(wake_ms - now));
    writer->is_dozing = wake_ms - now <= STORE_PATIENCE_MS;
    (void)pthread_cond_timedwait(&writer->changed, &writer->mutex, &until);
    writer->is_dozing = false;
}

// Wait for operations, at most a second. What follows a group can mostly wait: the first look is a
// short one, so that it wakes nobody.
static void
wait_for_work(struct writer *writer)
{
    int64_t now = clock_mono_ms();
    int64_t end = now + TICK_MS;
    int64_t short_end = now + STORE_PATIENCE_MS;
    while (!is_time(writer) && now < end) {
        doze(writer, now, now < short_end ? short_end : end);
        now = clock_mono_ms();
    }
}

// One turn of the loop; false when the writer shall end.
static bool
step(struct writer *writer)
{
    struct queue group;
    bool durable = false;
    bool is_stopping;
    {
        AUTO_LOCK(lock, &writer->mutex);
        wait_for_work(writer);
        is_stopping = writer->is_stopping;
        take_group(writer, &group, &durable);
    }
    bool has_work = group.first != NULL;
    if (has_work) {
        write_group(writer, &group, durable);
        checkpoint_passive(writer);
    } else if (is_stopping) {
        return false;
    }
    tick(writer, !has_work);
    return true;
}

static void *
writer_main(void *argument)
{
    struct writer *writer = argument;
    while (step(writer)) {
    }
    writer->is_draining = true;
    finish_group(&writer->put_off, ST_AGAIN, &(struct why){.text = "store: closing"});
    status_ignore(
        sql_checkpoint_truncate(writer->settings.sql, NULL)); // else it is done at the next open
    return NULL;
}

enum status
writer_start(const struct writer_settings *settings, struct writer **writer_out, struct why *why)
{
    AUTO_FREE struct writer *writer = xcalloc(1, sizeof(*writer));
    writer->settings = *settings;
    writer->sync_is_full = true; // as sql_open leaves it
    writer->ticked_mono_ms = clock_mono_ms();
    queue_init(&writer->waiting);
    queue_init(&writer->put_off);
    condition_init(&writer->changed);
    (void)pthread_mutex_init(&writer->mutex, NULL);
    if (settings->synchronous_off) {
        enum status status = sql_script(settings->sql, "PRAGMA synchronous=OFF", why);
        if (status != ST_OK) {
            return status;
        }
    }
    if (pthread_create(&writer->thread, NULL, writer_main, writer) != 0) {
        return why_set(why, ST_AGAIN, "store: no thread for the writer");
    }
    *writer_out = STEAL(writer);
    return ST_OK;
}

void
writer_stop(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    {
        AUTO_LOCK(lock, &writer->mutex);
        writer->is_stopping = true;
        (void)pthread_cond_signal(&writer->changed);
    }
    (void)pthread_join(writer->thread, NULL);
    (void)pthread_cond_destroy(&writer->changed);
    (void)pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

struct call {
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t ended;
    bool is_ended;
    enum status status;
    struct why why;
    const struct operation *operation;
};

static enum status
run_call(void *context, struct sql *sql, struct why *why)
{
    const struct operation *operation = ((struct call *)context)->operation;
    return operation->run(operation->context, sql, why);
}

static void
finish_call(void *context, enum status status, const struct why *why)
{
    struct call *call = context;
    AUTO_LOCK(lock, &call->mutex);
    call->status = status;
    call->why = *why;
    call->is_ended = true;
    (void)pthread_cond_signal(&call->ended);
}

enum status
writer_call(struct writer *writer, struct operation *operation, struct why *why)
{
    struct call call = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                        .ended = PTHREAD_COND_INITIALIZER,
                        .operation = operation};
    struct operation queued = {.run = run_call,
                               .finish = finish_call,
                               .context = &call,
                               .durable = operation->durable,
                               .is_alone = operation->is_alone,
                               .weight = operation->weight};
    writer_queue(writer, &queued);
    {
        AUTO_LOCK(lock, &call.mutex);
        while (!call.is_ended) {
            (void)pthread_cond_wait(&call.ended, &call.mutex);
        }
    }
    (void)pthread_mutex_destroy(&call.mutex);
    (void)pthread_cond_destroy(&call.ended);
    return call.status == ST_OK ? ST_OK : why_set(why, call.status, "%s", call.why.text);
}

uint64_t
writer_commits(const struct writer *writer)
{
    return atomic_load(&writer->commits);
}
