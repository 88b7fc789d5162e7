// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/job.h"

#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

enum { TEXTS = 8 };

// Lists the members of a delivery that are texts.
static void
list_texts(struct store_delivery *delivery, const char **texts[TEXTS])
{
    const char **list[TEXTS] = {
        &delivery->tenant, &delivery->domain,      &delivery->recipient, &delivery->route,
        &delivery->action, &delivery->destination, &delivery->captures,  &delivery->reason,
    };
    memcpy(texts, list, sizeof(list));
}

struct job *
job_new(const struct store_delivery *delivery)
{
    struct store_delivery copy = *delivery;
    const char **texts[TEXTS];
    list_texts(&copy, texts);
    size_t size = sizeof(struct job);
    for (size_t i = 0; i < TEXTS; i++) {
        size += strlen(*texts[i]) + 1;
    }
    struct job *job = xcalloc(1, size);
    char *end = (char *)(job + 1);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = strlen(*texts[i]) + 1;
        memcpy(end, *texts[i], length);
        *texts[i] = end;
        end += length;
    }
    job->delivery = copy;
    return job;
}

void
job_free(struct job *job)
{
    if (job == NULL) {
        return;
    }
    letter_unref(job->letter);
    free(job->recipients);
    free(job);
}
