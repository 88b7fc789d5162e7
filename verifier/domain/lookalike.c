// SPDX-License-Identifier: Apache-2.0
// Tables of the scripts and letters that matter in practice (after Unicode TS 39).
#include "verifier/domain/lookalike.h"

#include <stdbool.h>
#include <string.h>

enum script {
    SCRIPT_COMMON, /* digits, hyphens, marks: belong to any */
    SCRIPT_LATIN,
    SCRIPT_GREEK,
    SCRIPT_CYRILLIC,
    SCRIPT_ARMENIAN,
    SCRIPT_HEBREW,
    SCRIPT_ARABIC,
    SCRIPT_CHEROKEE,
    SCRIPT_HAN,
    SCRIPT_KANA,
    SCRIPT_BOPOMOFO,
    SCRIPT_HANGUL,
    SCRIPT_OTHER
};

static const char *const NAMES[] = {
    [SCRIPT_COMMON] = "no script",    [SCRIPT_LATIN] = "Latin",       [SCRIPT_GREEK] = "Greek",
    [SCRIPT_CYRILLIC] = "Cyrillic",   [SCRIPT_ARMENIAN] = "Armenian", [SCRIPT_HEBREW] = "Hebrew",
    [SCRIPT_ARABIC] = "Arabic",       [SCRIPT_CHEROKEE] = "Cherokee", [SCRIPT_HAN] = "Chinese",
    [SCRIPT_KANA] = "Japanese",       [SCRIPT_BOPOMOFO] = "Bopomofo", [SCRIPT_HANGUL] = "Korean",
    [SCRIPT_OTHER] = "another script"};

static const struct {
    uint32_t first;
    uint32_t last;
    enum script script;
} RANGES[] = {
    {0x0030, 0x0039, SCRIPT_COMMON},   {0x0061, 0x007a, SCRIPT_LATIN},
    {0x00b7, 0x00b7, SCRIPT_COMMON},   {0x00df, 0x024f, SCRIPT_LATIN},
    {0x0250, 0x02af, SCRIPT_LATIN},    {0x0300, 0x036f, SCRIPT_COMMON},
    {0x0370, 0x03ff, SCRIPT_GREEK},    {0x0400, 0x052f, SCRIPT_CYRILLIC},
    {0x0531, 0x058f, SCRIPT_ARMENIAN}, {0x0591, 0x05ff, SCRIPT_HEBREW},
    {0x0600, 0x06ff, SCRIPT_ARABIC},   {0x0750, 0x077f, SCRIPT_ARABIC},
    {0x13a0, 0x13ff, SCRIPT_CHEROKEE}, {0x1100, 0x11ff, SCRIPT_HANGUL},
    {0x1e00, 0x1eff, SCRIPT_LATIN},    {0x1f00, 0x1fff, SCRIPT_GREEK},
    {0x2c60, 0x2c7f, SCRIPT_LATIN},    {0x3005, 0x3007, SCRIPT_HAN},
    {0x3041, 0x30ff, SCRIPT_KANA},     {0x3105, 0x312f, SCRIPT_BOPOMOFO},
    {0x3400, 0x4dbf, SCRIPT_HAN},      {0x4e00, 0x9fff, SCRIPT_HAN},
    {0xa720, 0xa7ff, SCRIPT_LATIN},    {0xab70, 0xabbf, SCRIPT_CHEROKEE},
    {0xac00, 0xd7a3, SCRIPT_HANGUL},   {0x20000, 0x323af, SCRIPT_HAN},
};

// Lower case; the Latin letter each one looks like. Of those that are `exact`, a whole label cannot
// be told from Latin.
static const struct letter {
    uint32_t character;
    char latin;
    bool exact;
} LETTERS[] = {
    {0x0430, 'a', true},  {0x0435, 'e', true},  {0x043e, 'o', true},  {0x0440, 'p', true},
    {0x0441, 'c', true},  {0x0443, 'y', true},  {0x0445, 'x', true},  {0x0432, 'b', false},
    {0x043a, 'k', false}, {0x043c, 'm', false}, {0x043d, 'h', false}, {0x0442, 't', false},
    {0x0433, 'r', false}, {0x043f, 'n', false}, {0x0455, 's', true},  {0x0456, 'i', true},
    {0x0457, 'i', false}, {0x0458, 'j', true},  {0x0475, 'v', true},  {0x04bb, 'h', true},
    {0x04cf, 'l', true},  {0x0501, 'd', true},  {0x051b, 'q', true},  {0x051d, 'w', true},
    {0x03b1, 'a', false}, {0x03b5, 'e', false}, {0x03b9, 'i', false}, {0x03ba, 'k', false},
    {0x03bd, 'v', true},  {0x03bf, 'o', true},  {0x03c1, 'p', false}, {0x03c4, 't', false},
    {0x03c5, 'u', false}, {0x03c7, 'x', false}, {0x03b7, 'n', false}, {0x03f2, 'c', true},
    {0x03f3, 'j', true},  {0x0561, 'w', false}, {0x0563, 'q', false}, {0x0566, 'q', false},
    {0x0570, 'h', true},  {0x0575, 'j', false}, {0x0578, 'n', false}, {0x057c, 'n', false},
    {0x057d, 'u', true},  {0x0581, 'g', false}, {0x0584, 'p', false}, {0x0585, 'o', true},
    {0x0251, 'a', false}, {0x0261, 'g', false},
};

static const struct {
    uint32_t first;
    uint32_t last;
    char meant;
} PUNCTUATION[] = {
    {0x00a0, 0x00a0, ' '},  {0x00ad, 0x00ad, '\0'}, {0x2000, 0x200a, ' '},  {0x200b, 0x200f, '\0'},
    {0x00ab, 0x00ab, '\0'}, {0x00bb, 0x00bb, '\0'}, {0x2018, 0x201f, '\0'}, {0x2039, 0x203a, '\0'},
    {0x2010, 0x2015, '-'},  {0x2024, 0x2024, '.'},  {0x202a, 0x202e, '\0'}, {0x2044, 0x2044, '/'},
    {0x2060, 0x2064, '\0'}, {0x2066, 0x2069, '\0'}, {0x2212, 0x2212, '-'},  {0x2215, 0x2215, '/'},
    {0xfeff, 0xfeff, '\0'},
};

static enum script
script_of(uint32_t character)
{
    for (size_t i = 0; i < ARRAY_LEN(RANGES); i++) {
        if (character >= RANGES[i].first && character <= RANGES[i].last) {
            return RANGES[i].script;
        }
    }
    return character < 0x80 ? SCRIPT_COMMON : SCRIPT_OTHER;
}

static const struct letter *
find_letter(uint32_t character)
{
    for (size_t i = 0; i < ARRAY_LEN(LETTERS); i++) {
        if (LETTERS[i].character == character) {
            return &LETTERS[i];
        }
    }
    return NULL;
}

int
lookalike_punctuation(uint32_t character)
{
    for (size_t i = 0; i < ARRAY_LEN(PUNCTUATION); i++) {
        if (character >= PUNCTUATION[i].first && character <= PUNCTUATION[i].last) {
            return PUNCTUATION[i].meant;
        }
    }
    return -1;
}

// The whole name in Latin letters; "" if one of them looks like none.
static void
make_meant(const uint32_t *name, char out[DOMAIN_NAME_SIZE])
{
    size_t length = 0;
    for (; name[length] != 0; length++) {
        const struct letter *letter = find_letter(name[length]);
        if ((letter == NULL && name[length] >= 0x80) || length == DOMAIN_NAME_MAX) {
            out[0] = '\0';
            return;
        }
        out[length] = letter != NULL ? letter->latin : (char)name[length];
    }
    out[length] = '\0';
}

static bool
is_east_asian(enum script script)
{
    return script == SCRIPT_HAN || script == SCRIPT_KANA || script == SCRIPT_BOPOMOFO ||
           script == SCRIPT_HANGUL;
}

static bool
go_together(enum script one, enum script other)
{
    if (one == other) {
        return true;
    }
    bool is_one = is_east_asian(one);
    bool is_other = is_east_asian(other);
    if ((is_one && other == SCRIPT_LATIN) || (is_other && one == SCRIPT_LATIN)) {
        return true;
    }
    return is_one && is_other && (one == SCRIPT_HAN || other == SCRIPT_HAN);
}

/** What one label holds. */
struct label {
    size_t length;
    enum script script; /* of its first letter that is not Latin, or Latin; COMMON: no letters */
    uint32_t stranger;  /* does not go with that; 0: none */
    uint32_t unwritten; /* a letter no language writes; 0: none */
    uint32_t first;     /* its first letter */
    bool looks_latin;   /* not Latin, but all its letters look like it */
};

static struct label
look_at(const uint32_t *text)
{
    struct label label = {.script = SCRIPT_COMMON, .looks_latin = true};
    for (; text[label.length] != 0 && text[label.length] != '.'; label.length++) {
        uint32_t character = text[label.length];
        enum script script = script_of(character);
        if (script == SCRIPT_COMMON) {
            continue;
        }
        const struct letter *letter = find_letter(character);
        label.looks_latin =
            label.looks_latin && script != SCRIPT_LATIN && letter != NULL && letter->exact;
        if (script == SCRIPT_LATIN && letter != NULL) {
            label.unwritten = character;
        }
        if (label.script == SCRIPT_COMMON) {
            label.script = script;
            label.first = character;
        } else if (!go_together(label.script, script)) {
            // Beside Latin letters the other one is the stranger, wherever it stands.
            bool is_first_strange = script == SCRIPT_LATIN;
            label.stranger = is_first_strange ? label.first : character;
        } else if (label.script == SCRIPT_LATIN) {
            label.script = script;
        }
    }
    label.looks_latin = label.looks_latin && label.script != SCRIPT_COMMON;
    return label;
}

static bool
has_latin_top(const uint32_t *name)
{
    const uint32_t *top = name;
    for (const uint32_t *c = name; *c != 0; c++) {
        top = *c == '.' ? c + 1 : top;
    }
    enum script script = look_at(top).script;
    return script == SCRIPT_LATIN || script == SCRIPT_COMMON;
}

// UTF-8 of one character.
static void
put_character(uint32_t c, char out[5])
{
    unsigned char *bytes = (unsigned char *)out;
    memset(out, 0, 5);
    if (c < 0x800) {
        bytes[0] = (unsigned char)(0xc0 | c >> 6);
        bytes[1] = (unsigned char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        bytes[0] = (unsigned char)(0xe0 | c >> 12);
        bytes[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (c & 0x3f));
    } else {
        bytes[0] = (unsigned char)(0xf0 | c >> 18);
        bytes[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        bytes[3] = (unsigned char)(0x80 | (c & 0x3f));
    }
}

static enum status
tell(uint32_t character, const char *what, struct why *why)
{
    char text[5];
    put_character(character, text);
    return why_set(why, ST_INVALID, "'%s' (U+%04X, %s) %s", text, (unsigned)character,
                   NAMES[script_of(character)], what);
}

static enum status
check_label(const uint32_t *text, bool is_top_latin, size_t *length_out, struct why *why)
{
    struct label label = look_at(text);
    *length_out = label.length;
    if (label.stranger != 0) {
        return tell(label.stranger, "stands among letters of another script", why);
    }
    if (label.unwritten != 0) {
        return tell(label.unwritten, "is written in no language and looks like a plain letter",
                    why);
    }
    if (label.looks_latin && is_top_latin) {
        return tell(label.first,
                    "and all other letters of this part look like Latin ones, but are "
                    "not",
                    why);
    }
    return ST_OK;
}

enum status
lookalike_check(const uint32_t *name, char meant_out[DOMAIN_NAME_SIZE], struct why *why)
{
    bool is_top_latin = has_latin_top(name);
    for (const uint32_t *at = name;;) {
        size_t length = 0;
        if (check_label(at, is_top_latin, &length, why) != ST_OK) {
            if (meant_out != NULL) {
                make_meant(name, meant_out);
            }
            return ST_INVALID;
        }
        if (at[length] == 0) {
            return ST_OK;
        }
        at += length + 1;
    }
}
