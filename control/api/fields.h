// SPDX-License-Identifier: Apache-2.0
// What a request may say, as a table: members of its JSON body or parameters of its query, read
// into a struct. Anything the table does not name is refused.
#ifndef CONTROL_API_FIELDS_H
#define CONTROL_API_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "control/api/request.h"
#include "store/store.h"

struct json_t;

struct field_state {
    bool given;
    enum delivery_state value;
};

enum field_type {
    FIELD_TEXT,   /* const char *: not empty; borrowed from body or request; untouched if absent */
    FIELD_BOOL,   /* bool; in a query any word of parse_bool */
    FIELD_NUMBER, /* uint64_t: 1 to `max` */
    FIELD_ID,     /* const char *: an id (common/id.h) */
    FIELD_STATE   /* struct field_state: a delivery state's word */
};

struct field {
    const char *name;
    enum field_type type;
    size_t offset; /* of the member in the struct */
    bool required;
    uint64_t max; /* FIELD_NUMBER; FIELD_TEXT: most bytes, 0 for REQUEST_TEXT_SIZE - 1 */
};

/** A row's first members, for a member of a struct that is named as in the request. */
#define FIELD(type_name, member, kind)                                                             \
    .name = #member, .type = (kind), .offset = offsetof(type_name, member)

/** Read a body's members. ST_INVALID names the member and what is wrong with it. */
MUST_CHECK enum status fields_read_body(struct json_t *object, const struct field *fields,
                                        size_t count, void *target, struct why *why);

/** Read the query's parameters, none twice. */
MUST_CHECK enum status fields_read_query(const struct request *request, const struct field *fields,
                                         size_t count, void *target, struct why *why);

#endif
