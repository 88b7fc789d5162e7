// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/claims.h"

#include <string.h>

bool
claims_is_below(const char *name, const char *parent)
{
    size_t name_length = strlen(name);
    size_t parent_length = strlen(parent);
    return name_length > parent_length && name[name_length - parent_length - 1] == '.' &&
           strcmp(name + name_length - parent_length, parent) == 0;
}

enum status
claims_check_beside(const struct store_domain *row, const char *tenant, const char *name,
                    struct why *why)
{
    bool is_theirs = strcmp(row->tenant, tenant) == 0;
    if (strcmp(row->name, name) == 0) {
        return why_set(why, ST_CONFLICT, "%.100s has been added already%s", name,
                       is_theirs ? "" : ", by another tenant");
    }
    if (!is_theirs && claims_is_below(name, row->name)) {
        return why_set(why, ST_REFUSED, "%.100s is part of %.100s, which another tenant holds",
                       name, row->name);
    }
    if (!is_theirs && claims_is_below(row->name, name)) {
        return why_set(why, ST_REFUSED, "%.100s contains a domain that another tenant holds", name);
    }
    return ST_OK;
}
