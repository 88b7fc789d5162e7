// SPDX-License-Identifier: Apache-2.0
// Provider profiles: the records a domain is created with, as data. Those we ship are built in; a
// file of the operator's with the same name takes their place.
#ifndef CONFIG_PROFILE_H
#define CONFIG_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record_kind.h"

enum {
    CONFIG_PROFILES_MAX = 64, /* files of the operator */
    CONFIG_PROFILE_RECORDS_MAX = 10,
    CONFIG_DKIM_KEYS = 3 /* {dkim1} to {dkim3} */
};

/** Where the values of {dkim1} to {dkim3} and {dkim_zone} come from. */
enum config_dkim {
    CONFIG_DKIM_NONE,  /* "none": the profile does not use them */
    CONFIG_DKIM_MADE,  /* "made": tokens made from the domain's own, always the same */
    CONFIG_DKIM_SES,   /* "ses": told by the SES API */
    CONFIG_DKIM_LOCAL, /* "local": our own keys, in verification.dkim_zone */
};

/** What is asked of the key a DKIM record leads to. */
enum config_key {
    CONFIG_KEY_REQUIRED, /* "required": it exists; a flattened CNAME passes when it is the same */
    CONFIG_KEY_OPTIONAL, /* "optional": it need not be there (yet) */
    CONFIG_KEY_BY_CNAME  /* "by_cname": it exists, and is reached through the CNAME only */
};

/** One record; name and value are templates (config/template.h). */
struct config_record {
    enum record_purpose purpose;
    enum record_for needed_for;
    bool required;
    enum record_type type;
    char *name;
    char *value; /* TXT: text; CNAME, MX: host */
    uint64_t preference;
    int64_t ttl_ms; /* whole seconds */
    enum config_key key;
};

struct config_profile {
    char *name;
    char *file; /* for messages; "built-in/NAME.yaml" of one we ship */
    char *description;
    enum config_dkim dkim;
    struct config_record *records; /* in order */
    size_t record_count;
};

/** Has it a record of this purpose? */
bool config_profile_has(const struct config_profile *profile, enum record_purpose purpose);

#endif
