// SPDX-License-Identifier: Apache-2.0
// Macro strings of SPF (RFC 7208, 7): read once, strictly, and expanded as often as needed. What an
// expansion may become is bounded, whatever a record asks for.
#ifndef VERIFIER_MESSAGE_SPF_MACRO_H
#define VERIFIER_MESSAGE_SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/network.h"
#include "common/status.h"

enum {
    SPF_NAME_SIZE = DOMAIN_NAME_SIZE, /* an expanded name: at most 253 bytes of any value, NUL */
    SPF_LOCAL_PART_SIZE = 256,        /* more of a local part is cut off */
    SPF_HELO_SIZE = 256               /* the same */
};

/** A literal run, or one macro. */
struct spf_token {
    const char *literal; /* NULL: a macro */
    size_t length;       /* of the literal */
    char letter;         /* lower case */
    bool escapes;        /* the letter was upper case: escape as in URLs */
    bool reverses;
    uint8_t keeps;      /* the right-hand parts to keep; 0: all */
    uint8_t delimiters; /* bits by the order of SPF_DELIMITERS; 0: "." */
    bool was_percent;   /* a literal written "%%", "%_" or "%-" */
};

#define SPF_DELIMITERS ".-+,/_="

struct spf_string {
    struct spf_token *tokens; /* point into the text that was parsed */
    size_t count;
};

/** Where a macro string stands: it decides which letters and whether blanks may stand there. */
enum spf_macro_use { SPF_MACRO_TERM, SPF_MACRO_EXPLANATION };

/**
 * Read a macro-string, or an explain-string (RFC 7208, 6.2).
 *
 * @text  must outlive the string
 * @out   release with spf_string_done; untouched on failure
 * @return ST_OK; ST_INVALID
 */
MUST_CHECK enum status spf_string_parse(const char *text, size_t length, enum spf_macro_use use,
                                        struct spf_string *out);

/** The same for a domain-spec: not empty, and it ends in a top label or in a macro. */
MUST_CHECK enum status spf_domain_spec_parse(const char *text, size_t length,
                                             struct spf_string *out);

/** Release the tokens. NULL-safe. */
void spf_string_done(struct spf_string *string);

/** True if the macro `letter` (lower case) occurs. */
bool spf_string_uses(const struct spf_string *string, char letter);

/** What the letters stand for (RFC 7208, 7.2). No text is NULL. */
struct spf_values {
    const struct network_address *client;
    const char *local_part;
    const char *sender_domain;
    const char *helo;
    const char *domain;    /* being evaluated: changes with include and redirect */
    const char *receiver;  /* explanations only */
    const char *validated; /* of the letter p; "unknown" where there is none */
    int64_t wall_s;        /* explanations only */
};

/**
 * Expand to a domain name: without final dot, and without the left-hand labels that make it longer
 * than 253 bytes. It may hold any byte but NUL, and need not be a name that can be asked.
 */
void spf_string_expand_name(const struct spf_string *string, const struct spf_values *values,
                            char out[SPF_NAME_SIZE]);

/** Expand to text; what does not fit into `size` bytes is cut off. */
void spf_string_expand_text(const struct spf_string *string, const struct spf_values *values,
                            char *out, size_t size);

#endif
