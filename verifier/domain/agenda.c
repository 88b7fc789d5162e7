// SPDX-License-Identifier: Apache-2.0
// A heap by due time. What is due but may not run yet is parked with its provider, and goes back
// into the heap when one of its kind ends or turns out to be of another kind. Slow providers take
// turns.
#include "verifier/domain/agenda.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/xalloc.h"

struct entry;

struct provider {
    size_t entries;
    size_t under_way;
    bool is_slow;
    struct entry *first; /* that waits */
    struct entry *last;
    bool is_in_line; /* of slow ones with entries that wait */
    struct provider *next_in_line;
    char name[]; /* "": of those whose provider is not known */
};

enum place { IN_HEAP, PARKED, UNDER_WAY };

struct entry {
    struct id id;
    int64_t due;
    enum place place;
    size_t index;       /* in the heap */
    struct entry *next; /* parked behind it */
    struct provider *provider;
    bool counts_as_slow; /* under way as a slow one */
    bool was_put;        /* while parked or under way: `due` was set anew */
    bool is_gone;        /* taken out while parked or under way */
};

struct agenda {
    size_t workers;
    struct map *entries;   /* by id, owned */
    struct map *providers; /* by name, owned */
    struct provider *unknown;
    struct entry **heap;
    size_t heap_count;
    size_t heap_room;
    struct provider *first_in_line;
    struct provider *last_in_line;
    size_t slow_under_way;
    size_t under_way;
};

static size_t
share(const struct agenda *agenda, unsigned percent)
{
    size_t part = agenda->workers * percent / 100;
    return part == 0 ? 1 : part;
}

/* ---- heap ------------------------------------------------------------------------------------ */

static void
place_at(struct agenda *agenda, size_t index, struct entry *entry)
{
    agenda->heap[index] = entry;
    entry->index = index;
}

static void
sift_up(struct agenda *agenda, struct entry *entry)
{
    size_t index = entry->index;
    while (index > 0 && agenda->heap[(index - 1) / 2]->due > entry->due) {
        place_at(agenda, index, agenda->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place_at(agenda, index, entry);
}

static void
sift_down(struct agenda *agenda, struct entry *entry)
{
    size_t index = entry->index;
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < agenda->heap_count &&
            agenda->heap[child + 1]->due < agenda->heap[child]->due) {
            child++;
        }
        if (child >= agenda->heap_count || agenda->heap[child]->due >= entry->due) {
            break;
        }
        place_at(agenda, index, agenda->heap[child]);
        index = child;
    }
    place_at(agenda, index, entry);
}

static void
heap_push(struct agenda *agenda, struct entry *entry)
{
    if (agenda->heap_count == agenda->heap_room) {
        agenda->heap_room = agenda->heap_room == 0 ? 64 : agenda->heap_room * 2;
        agenda->heap = xreallocarray(agenda->heap, agenda->heap_room, sizeof(struct entry *));
    }
    entry->place = IN_HEAP;
    entry->index = agenda->heap_count++;
    sift_up(agenda, entry);
}

static void
heap_remove(struct agenda *agenda, const struct entry *entry)
{
    struct entry *last = agenda->heap[--agenda->heap_count];
    if (last == entry) {
        return;
    }
    place_at(agenda, entry->index, last);
    sift_up(agenda, last);
    sift_down(agenda, last);
}

/* ---- providers ------------------------------------------------------------------------------- */

static bool
is_known(const struct provider *provider)
{
    return provider->name[0] != '\0';
}

static struct provider *
find_provider(struct agenda *agenda, const char *name)
{
    struct provider *provider = map_get(agenda->providers, name);
    if (provider == NULL) {
        size_t size = strlen(name) + 1;
        provider = xcalloc(1, sizeof(*provider) + size);
        memcpy(provider->name, name, size);
        provider->is_slow = strcmp(name, AGENDA_DEAD) == 0;
        (void)map_put(agenda->providers, name, provider);
    }
    return provider;
}

static void
forget_unused(struct agenda *agenda, struct provider *provider)
{
    if (is_known(provider) && provider->entries == 0 && !provider->is_in_line) {
        (void)map_remove(agenda->providers, provider->name);
        free(provider);
    }
}

static void
drop_entry(struct agenda *agenda, struct entry *entry)
{
    struct provider *provider = entry->provider;
    provider->entries--;
    forget_unused(agenda, provider);
    (void)map_remove(agenda->entries, entry->id.text);
    free(entry);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void
park(struct entry *entry)
{
    struct provider *provider = entry->provider;
    entry->place = PARKED;
    entry->was_put = false;
    entry->next = NULL;
    *(provider->first == NULL ? &provider->first : &provider->last->next) = entry;
    provider->last = entry;
}

// The first that waits may try again; those that were moved meanwhile make room for the next.
// False: none waits. The caller sees to it that the provider has an entry left.
static bool
unpark(struct agenda *agenda, struct provider *provider)
{
    bool found = false;
    while (provider->first != NULL && !found) {
        struct entry *entry = provider->first;
        provider->first = entry->next;
        found = !entry->was_put;
        if (entry->is_gone) {
            drop_entry(agenda, entry);
        } else {
            heap_push(agenda, entry);
        }
    }
    return found;
}

static void
stand_in_line(struct agenda *agenda, struct provider *provider)
{
    if (!provider->is_in_line) {
        provider->is_in_line = true;
        provider->next_in_line = NULL;
        *(agenda->first_in_line == NULL ? &agenda->first_in_line
                                        : &agenda->last_in_line->next_in_line) = provider;
        agenda->last_in_line = provider;
    }
}

// One of the next slow provider may try again.
static void
unpark_slow(struct agenda *agenda)
{
    bool found = false;
    while (agenda->first_in_line != NULL && !found) {
        struct provider *provider = agenda->first_in_line;
        agenda->first_in_line = provider->next_in_line;
        provider->is_in_line = false;
        provider->entries++; // not forgotten meanwhile
        found = unpark(agenda, provider) && provider->is_slow;
        if (provider->first != NULL && provider->is_slow) {
            stand_in_line(agenda, provider);
        }
        provider->entries--;
        forget_unused(agenda, provider);
    }
}

// A place of this provider's, or of the slow ones, may be free.
static void
wake_next(struct agenda *agenda, struct provider *provider)
{
    if (!provider->is_slow) {
        (void)unpark(agenda, provider);
    } else if (provider->first != NULL) {
        stand_in_line(agenda, provider);
    }
    if (agenda->slow_under_way < share(agenda, AGENDA_SLOW_PERCENT)) {
        unpark_slow(agenda);
    }
}

/* ---- the agenda ------------------------------------------------------------------------------ */

struct agenda *
agenda_new(unsigned workers)
{
    struct agenda *agenda = xcalloc(1, sizeof(*agenda));
    agenda->workers = workers;
    agenda->entries = map_new();
    agenda->providers = map_new();
    agenda->unknown = find_provider(agenda, "");
    return agenda;
}

void
agenda_free(struct agenda *agenda)
{
    if (agenda == NULL) {
        return;
    }
    map_free(agenda->entries, free);
    map_free(agenda->providers, free);
    free(agenda->heap);
    free(agenda);
}

static void
move_entry(struct agenda *agenda, struct entry *entry, int64_t due)
{
    entry->is_gone = due == 0;
    entry->due = due;
    switch (entry->place) {
    case IN_HEAP:
        wake_next(agenda, entry->provider); // it may have been its turn
        heap_remove(agenda, entry);
        if (entry->is_gone) {
            drop_entry(agenda, entry);
        } else {
            heap_push(agenda, entry);
        }
        break;
    case PARKED:
    case UNDER_WAY:
        entry->was_put = true;
        break;
    }
}

void
agenda_put(struct agenda *agenda, const struct id *id, int64_t due_mono_ms)
{
    struct entry *entry = map_get(agenda->entries, id->text);
    if (entry != NULL) {
        move_entry(agenda, entry, due_mono_ms);
        return;
    }
    if (due_mono_ms == 0) {
        return;
    }
    entry = xcalloc(1, sizeof(*entry));
    *entry = (struct entry){.id = *id, .due = due_mono_ms, .provider = agenda->unknown};
    entry->provider->entries++;
    (void)map_put(agenda->entries, id->text, entry);
    heap_push(agenda, entry);
}

// Under way, or parked because too many of its kind are.
static bool
start_entry(struct agenda *agenda, struct entry *entry)
{
    struct provider *provider = entry->provider;
    if (provider->under_way >= share(agenda, AGENDA_PROVIDER_PERCENT)) {
        park(entry);
        return false;
    }
    if (provider->is_slow && agenda->slow_under_way >= share(agenda, AGENDA_SLOW_PERCENT)) {
        park(entry);
        stand_in_line(agenda, provider);
        return false;
    }
    entry->place = UNDER_WAY;
    entry->was_put = false;
    entry->counts_as_slow = provider->is_slow;
    agenda->slow_under_way += provider->is_slow ? 1 : 0;
    agenda->under_way++;
    provider->under_way++;
    return true;
}

bool
agenda_take(struct agenda *agenda, int64_t now_mono_ms, struct id *id_out)
{
    while (agenda->heap_count > 0 && agenda->heap[0]->due <= now_mono_ms) {
        struct entry *entry = agenda->heap[0];
        heap_remove(agenda, entry);
        if (start_entry(agenda, entry)) {
            *id_out = entry->id;
            return true;
        }
    }
    return false;
}

// No longer under way; those that waited for its place may try again.
static struct provider *
leave(struct agenda *agenda, struct entry *entry)
{
    struct provider *provider = entry->provider;
    provider->under_way--;
    agenda->under_way--;
    agenda->slow_under_way -= entry->counts_as_slow ? 1 : 0;
    wake_next(agenda, provider);
    return provider;
}

static void
put_back(struct agenda *agenda, struct entry *entry)
{
    if (entry->due == 0) {
        drop_entry(agenda, entry);
    } else {
        heap_push(agenda, entry);
    }
}

bool
agenda_meet(struct agenda *agenda, const struct id *id, const char *provider)
{
    struct entry *entry = map_get(agenda->entries, id->text);
    assert(entry != NULL && entry->place == UNDER_WAY);
    if (strcmp(entry->provider->name, provider) == 0) {
        return true;
    }
    struct provider *before = leave(agenda, entry);
    before->entries--;
    entry->provider = find_provider(agenda, provider);
    entry->provider->entries++;
    forget_unused(agenda, before);
    if (entry->was_put) {
        put_back(agenda, entry);
        return false;
    }
    return start_entry(agenda, entry);
}

// No longer slow, it may have more under way at once.
static void
judge(struct agenda *agenda, struct provider *provider, int64_t took_ms)
{
    if (!is_known(provider) || strcmp(provider->name, AGENDA_DEAD) == 0) {
        return;
    }
    bool was_slow = provider->is_slow;
    provider->is_slow = took_ms > AGENDA_SLOW_MS;
    for (size_t i = 0; was_slow && !provider->is_slow && i < agenda->workers; i++) {
        (void)unpark(agenda, provider);
    }
}

void
agenda_done(struct agenda *agenda, const struct id *id, int64_t due_mono_ms, int64_t took_ms)
{
    struct entry *entry = map_get(agenda->entries, id->text);
    assert(entry != NULL && entry->place == UNDER_WAY);
    judge(agenda, entry->provider, took_ms);
    (void)leave(agenda, entry);
    if (!entry->was_put) {
        entry->due = due_mono_ms;
    }
    put_back(agenda, entry);
}

int64_t
agenda_next_due(const struct agenda *agenda)
{
    return agenda->heap_count == 0 ? INT64_MAX : agenda->heap[0]->due;
}

size_t
agenda_count(const struct agenda *agenda)
{
    return map_count(agenda->entries);
}

size_t
agenda_under_way(const struct agenda *agenda)
{
    return agenda->under_way;
}
