// SPDX-License-Identifier: Apache-2.0
// The cases of zones.txt: what is published, by whom, and what the check has to say of it.
#ifndef TESTS_UNIT_DOMAIN_ZONES_H
#define TESTS_UNIT_DOMAIN_ZONES_H

#include "common/strbuf.h"
#include "tests/unit/domain/script.h"

enum { ZONE_RECORD_WORDS_MAX = 32 };

struct zone_case {
    char label[128];
    char records[128]; /* words */
    char domain[64];
    char cut[64]; /* "-": the zone cannot be found */
    char servers[8];
    char resolver_is[16];
    char expected[256];
    char says[256];
    struct strbuf zone; /* lines */
    struct strbuf old;
    struct strbuf resolver; /* empty: as the zone */
};

struct zones {
    size_t count;
    struct zone_case *cases;
    struct strbuf world;
    size_t word_count;
    struct {
        char word[32];
        struct domain_record record; /* its name without the domain */
    } words[ZONE_RECORD_WORDS_MAX];
};

/** Read the file; a mistake in it ends the process with its line. zones_free() releases it. */
struct zones *zones_read(const char *path);
void zones_free(struct zones *zones);

/** The records of a case, named below its domain. domain_records_done() releases them. */
struct domain_records zones_records(const struct zones *zones, const struct zone_case *zone_case);

/** Its servers. script_done() releases them. */
struct script zones_script(const struct zones *zones, const struct zone_case *zone_case);
void zones_script_done(struct script *script);

#endif
