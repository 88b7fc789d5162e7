// SPDX-License-Identifier: Apache-2.0
#include "milter/own_mail.h"

#include <stdlib.h>
#include <string.h>

#include "common/forged.h"
#include "common/xalloc.h"

struct policy
own_mail_policy(bool enforce, const struct policy *of_host)
{
    if (enforce) {
        struct policy policy = *of_host;
        policy.dmarc = DMARC_MODE_ENFORCE;
        return policy;
    }
    return (struct policy){.dmarc = DMARC_MODE_TAG, .on_temperror = TEMPERROR_TAG};
}

bool
own_mail_trusts(const struct own_mail *own, const char *client_address)
{
    struct network_address address;
    return network_parse_address(client_address, &address, NULL) == ST_OK &&
           network_list_contains(own->trusted, own->trusted_count, &address);
}

bool
own_mail_clashes(const struct own_mail *own, const struct policy *ours, bool excused)
{
    if (own->policy.dmarc != DMARC_MODE_ENFORCE) {
        return false;
    }
    return excused || ours->dmarc != DMARC_MODE_ENFORCE ||
           (own->policy.on_temperror == TEMPERROR_DEFER && ours->on_temperror != TEMPERROR_DEFER);
}

void
forged_list_see(struct forged_list *list, const char *authserv_id, const char *name,
                const char *value)
{
    const struct header_field field = {.name = name,
                                       .name_length = strcspn(name, " \t"), // RFC 5322, 4.5
                                       .value = value,
                                       .value_length = strlen(value)};
    if (!header_is(&field, "Authentication-Results")) {
        return;
    }
    list->fields++;
    if (!forged_is(&field, authserv_id)) {
        return;
    }
    if (list->count == OWN_MAIL_FORGED_MAX) {
        list->overflow = true;
        return;
    }
    if (list->places == NULL) {
        list->places = xcalloc(OWN_MAIL_FORGED_MAX, sizeof(*list->places));
    }
    list->places[list->count++] = list->fields;
}

void
forged_list_done(struct forged_list *list)
{
    free(list->places);
    *list = (struct forged_list){.places = NULL};
}

char *
own_mail_fold(const char *results)
{
    char *folded = xcalloc(2 * strlen(results) + 2, 1); // a fold adds one byte
    char *out = folded;
    *out++ = ' ';
    for (const char *c = results; *c != '\0'; c++) {
        *out++ = *c;
        if (c[0] == ';' && c[1] == ' ') {
            *out++ = '\n';
            *out++ = '\t';
            c++;
        }
    }
    return folded;
}
