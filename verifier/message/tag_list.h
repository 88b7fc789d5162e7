// SPDX-License-Identifier: Apache-2.0
// Lists of the form "v=1; a=b" that DKIM signatures, DKIM keys and DMARC records share
// (RFC 6376, 3.2; RFC 9989, 4.8), as spans of the text.
#ifndef VERIFIER_MESSAGE_TAG_LIST_H
#define VERIFIER_MESSAGE_TAG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

enum {
    TAG_LIST_MAX = 48,             /* tags; all that are defined are fewer than 20 */
    TAG_LIST_TEXT_MAX = 64 * 1024, /* bytes of a whole list */
};

/** One tag. Spans are borrowed from the text; white space around them is gone. */
struct tag {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

struct tag_list {
    struct tag tags[TAG_LIST_MAX];
    size_t count;
};

enum tag_list_mode {
    TAG_LIST_STRICT,      /* every part must be name=value (DKIM) */
    TAG_LIST_STRICT_UTF8, /* as strict; values may have bytes above ASCII (RFC 8616) */
    TAG_LIST_LENIENT      /* parts that are not are passed over (DMARC) */
};

/**
 * Take a list apart.
 *
 * @return ST_OK; ST_INVALID: a tag twice, no name=value (strict), a byte no value may hold
 * (strict); ST_TOO_LARGE: over the caps
 */
MUST_CHECK enum status tag_list_parse(const char *text, size_t length, enum tag_list_mode mode,
                                      struct tag_list *list_out, struct why *why);

/** The tag of this name (case matters), or NULL. */
const struct tag *tag_list_find(const struct tag_list *list, const char *name);

/** True if the tag's value is exactly this text. */
bool tag_is(const struct tag *tag, const char *text);

/** As tag_is, without regard to case. */
bool tag_is_word(const struct tag *tag, const char *word);

/** True if the value is a list of words with `separator` between them and holds `word`. */
bool tag_has_word(const struct tag *tag, char separator, const char *word);

/** The value without any white space, NUL-terminated; false if it does not fit. */
bool tag_copy(const struct tag *tag, char *out, size_t size);

#endif
