// SPDX-License-Identifier: Apache-2.0
// libopendkim sees only signatures that verifier/message/signature.h has read and found usable,
// keys that were checked the same way, and one field more than the message has.
#include "verifier/message/reference/dkim.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

#include <opendkim/dkim.h>

#include "common/digest.h"
#include "common/header.h"
#include "common/xalloc.h"
#include "verifier/message/reference/wire.h"
#include "verifier/message/signature.h"
#include "verifier/message/tag_list.h"

enum { SIGNATURES_MAX = 32, BODY_CHUNK = 64 * 1024, GUARD_SIZE = 64, ED25519_BITS = 256 };

/* One DKIM-Signature field, in the order of the message. */
struct candidate {
    struct signature parsed;
    const char *value; /* span of the header block */
    size_t value_length;
    DKIM_SIGINFO *handle; /* the library's; NULL: it has none */
    bool decided;         /* `result` stands, whatever the library says */
    enum auth_result result;
    char reason[VERDICT_REASON_SIZE];
};

/* One message; found again in the key callback by dkim_get_user_context. */
struct message {
    const struct reference_check *check;
    int fd;
    char *header; /* owned */
    size_t header_length;
    struct candidate candidates[SIGNATURES_MAX];
    size_t count;
    uint64_t ignored;
};

static DKIM_LIB *library;

static void
decide(struct candidate *candidate, enum auth_result result, const char *reason)
{
    candidate->decided = true;
    candidate->result = result;
    (void)snprintf(candidate->reason, sizeof(candidate->reason), "%s", reason);
}

// One of the records must be a usable key, and no other.
static const struct reference_record *
select_key(struct candidate *candidate, const struct reference_records *records)
{
    const struct reference_record *found = NULL;
    char reason[VERDICT_REASON_SIZE] = "there is no key";
    for (size_t i = 0; i < records->count; i++) {
        const struct reference_record *record = &records->list[i];
        if (memchr(record->data, '\0', record->length) != NULL ||
            signature_check_key(&candidate->parsed, record->data, record->length, reason) !=
                AUTH_NONE) {
            continue;
        }
        if (found != NULL) {
            decide(candidate, AUTH_PERMERROR, "there are several keys of this name");
            return NULL;
        }
        found = record;
    }
    if (found == NULL) {
        decide(candidate, AUTH_PERMERROR, reason);
    }
    return found;
}

static DKIM_CBSTAT
fetch_key(struct candidate *candidate, u_char *buffer, size_t size)
{
    char name[2 * DOMAIN_NAME_SIZE + 16];
    (void)snprintf(name, sizeof(name), "%s._domainkey.%s", candidate->parsed.selector,
                   candidate->parsed.domain);
    struct reference_records records;
    enum dns_status status = wire_ask(name, DNS_TXT, &records);
    const struct reference_record *key = NULL;
    if (status == DNS_TEMPORARY) {
        decide(candidate, AUTH_TEMPERROR, "the key could not be looked up");
    } else {
        key = select_key(candidate, &records);
    }
    if (key != NULL && key->length + 1 > size) {
        decide(candidate, AUTH_PERMERROR, "the key is too long");
        key = NULL;
    }
    if (key != NULL) {
        memcpy(buffer, key->data, key->length + 1);
    }
    reference_free_records(&records);
    return key != NULL ? DKIM_CBSTAT_CONTINUE : DKIM_CBSTAT_NOTFOUND;
}

// Never TRYAGAIN: the library would turn it into "bad signature". The truth is in the candidate.
static DKIM_CBSTAT
on_key_lookup(DKIM *dkim, DKIM_SIGINFO *handle, u_char *buffer, size_t size)
{
    struct message *message = dkim_get_user_context(dkim);
    for (size_t i = 0; i < message->count; i++) {
        if (message->candidates[i].handle == handle) {
            return fetch_key(&message->candidates[i], buffer, size);
        }
    }
    return DKIM_CBSTAT_NOTFOUND;
}

bool
verify_start(void)
{
    library = dkim_init(NULL, NULL);
    u_int flags = DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC;
    return library != NULL &&
           dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) ==
               DKIM_STAT_OK &&
           dkim_set_key_lookup(library, on_key_lookup) == DKIM_STAT_OK;
}

static bool
read_exactly(int fd, char *out, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t got = pread(fd, out, length, (off_t)offset);
        if (got <= 0) {
            return false;
        }
        out += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return true;
}

static void
collect(struct message *message)
{
    size_t offset = 0;
    struct header_field field;
    while (header_next(message->header, message->header_length, &offset, &field)) {
        if (!header_is(&field, DKIM_SIGNHEADER)) {
            continue;
        }
        if (message->count >= message->check->signatures_max || message->count >= SIGNATURES_MAX) {
            message->ignored++;
            continue;
        }
        struct candidate *candidate = &message->candidates[message->count++];
        candidate->value = field.value;
        candidate->value_length = field.value_length;
        candidate->result =
            signature_parse(field.value, field.value_length, &candidate->parsed, candidate->reason);
        candidate->decided = candidate->result != AUTH_NONE;
    }
}

// The first field is one that no signature can name: strangers choose h=, and shall not choose it
// with all fields known.
static void
feed_guard(DKIM *dkim)
{
    unsigned char random[SHA256_SIZE] = {0};
    char hex[SHA256_HEX_SIZE];
    char field[SHA256_HEX_SIZE + GUARD_SIZE];
    (void)!getrandom(random, sizeof(random), 0);
    digest_hex(random, hex);
    int length = snprintf(field, sizeof(field), "X-%s: guard", hex);
    (void)dkim_header(dkim, (u_char *)field, (size_t)length);
}

// Fields the library does not like are left out: a signature that covers one fails, as it should.
static void
feed_header(DKIM *dkim, const struct message *message)
{
    size_t offset = 0;
    struct header_field field;
    feed_guard(dkim);
    while (header_next(message->header, message->header_length, &offset, &field)) {
        size_t length = (size_t)(field.value + field.value_length - field.name);
        if (memchr(field.name, '\0', length) == NULL) {
            AUTO_FREE char *copy = xmemdup(field.name, length);
            (void)dkim_header(dkim, (u_char *)copy, length);
        }
    }
}

static bool
same_tag(DKIM_SIGINFO *handle, const struct tag_list *list, const char *name)
{
    u_char key[4];
    (void)snprintf((char *)key, sizeof(key), "%s", name);
    const u_char *theirs = dkim_sig_gettagvalue(handle, 0, key);
    const struct tag *ours = tag_list_find(list, name);
    if (theirs == NULL || ours == NULL) {
        return false;
    }
    // The library may have dropped white space; so it is left out on both sides.
    const char *blanks = " \t\r\n";
    const char *a = (const char *)theirs;
    for (size_t i = 0; i < ours->value_length; i++) {
        if (strchr(blanks, ours->value[i]) != NULL) {
            continue;
        }
        a += strspn(a, blanks);
        if (*a++ != ours->value[i]) {
            return false;
        }
    }
    return a[strspn(a, blanks)] == '\0';
}

static struct candidate *
find_candidate(struct message *message, DKIM_SIGINFO *handle)
{
    static const char *const IDENTIFYING[] = {"b", "bh", "h", "d", "s"};
    for (size_t i = 0; i < message->count; i++) {
        struct candidate *candidate = &message->candidates[i];
        struct tag_list list;
        if (candidate->handle != NULL || candidate->decided ||
            tag_list_parse(candidate->value, candidate->value_length, TAG_LIST_STRICT, &list,
                           NULL) != ST_OK) {
            continue;
        }
        bool same = true;
        for (size_t tag = 0; same && tag < ARRAY_LEN(IDENTIFYING); tag++) {
            same = same_tag(handle, &list, IDENTIFYING[tag]);
        }
        if (same) {
            return candidate;
        }
    }
    return NULL;
}

// Give every usable signature its handle; the library shall not look at any other.
static void
match_handles(DKIM *dkim, struct message *message)
{
    DKIM_SIGINFO **handles = NULL;
    int count = 0;
    if (dkim_getsiglist(dkim, &handles, &count) != DKIM_STAT_OK) {
        return;
    }
    for (int i = 0; i < count; i++) {
        struct candidate *candidate = find_candidate(message, handles[i]);
        if (candidate == NULL) {
            dkim_sig_ignore(handles[i]);
        } else {
            candidate->handle = handles[i];
        }
    }
}

static bool
feed_body(DKIM *dkim, const struct message *message)
{
    static char chunk[BODY_CHUNK];
    static u_char line_end[] = "\r\n";
    uint64_t offset = message->check->header_length;
    char last[2] = {'\r', '\n'}; // an empty body needs no line end
    while (offset < message->check->size) {
        uint64_t left = message->check->size - offset;
        size_t length = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        if (!read_exactly(message->fd, chunk, length, offset)) {
            return false;
        }
        (void)dkim_body(dkim, (u_char *)chunk, length);
        last[0] = length >= 2 ? chunk[length - 2] : last[1];
        last[1] = chunk[length - 1];
        offset += length;
    }
    if (last[0] != '\r' || last[1] != '\n') {
        (void)dkim_body(dkim, line_end, 2); // without it the library evaluates nothing
    }
    return true;
}

struct error_text {
    DKIM_SIGERROR error;
    enum auth_result result;
    const char *reason;
};

static const struct error_text ERRORS[] = {
    {DKIM_SIGERROR_BADSIG, AUTH_FAIL, "the signature does not match"},
    {DKIM_SIGERROR_EXPIRED, AUTH_PERMERROR, "the signature has expired"},
    {DKIM_SIGERROR_FUTURE, AUTH_PERMERROR, "the signature is from the future"},
    {DKIM_SIGERROR_TIMESTAMPS, AUTH_PERMERROR, "x= is before t="},
    {DKIM_SIGERROR_TOOLARGE_L, AUTH_PERMERROR, "l= is larger than the body"},
    {DKIM_SIGERROR_INVALID_L, AUTH_PERMERROR, "l= is no number"},
    {DKIM_SIGERROR_KEYTOOSMALL, AUTH_POLICY, "the key is too short"},
    {DKIM_SIGERROR_KEYDECODE, AUTH_PERMERROR, "the key cannot be decoded"},
    {DKIM_SIGERROR_SUBDOMAIN, AUTH_PERMERROR, "the key does not allow subdomains in i="},
    {DKIM_SIGERROR_CORRUPT_B, AUTH_PERMERROR, "b= is no base64"},
    {DKIM_SIGERROR_CORRUPT_BH, AUTH_PERMERROR, "bh= is no base64"},
};

static void
explain_error(struct candidate *candidate, DKIM_SIGERROR error)
{
    for (size_t i = 0; i < ARRAY_LEN(ERRORS); i++) {
        if (ERRORS[i].error == error) {
            decide(candidate, ERRORS[i].result, ERRORS[i].reason);
            return;
        }
    }
    char text[VERDICT_REASON_SIZE];
    (void)snprintf(text, sizeof(text), "the signature cannot be used (error %d)", error);
    decide(candidate, AUTH_PERMERROR, text);
}

static void
conclude(struct candidate *candidate, unsigned bits)
{
    DKIM_SIGERROR error = dkim_sig_geterror(candidate->handle);
    bool passed = (dkim_sig_getflags(candidate->handle) & DKIM_SIGFLAG_PASSED) != 0 &&
                  error == DKIM_SIGERROR_OK;
    if (dkim_sig_getbh(candidate->handle) == DKIM_SIGBH_MISMATCH) {
        decide(candidate, AUTH_FAIL, "the body has been changed");
    } else if (!passed) {
        explain_error(candidate, error == DKIM_SIGERROR_OK ? DKIM_SIGERROR_BADSIG : error);
    } else if (dkim_sig_getbh(candidate->handle) != DKIM_SIGBH_MATCH) {
        decide(candidate, AUTH_PERMERROR, "the body was not compared");
    } else if (!candidate->parsed.is_ed25519 && bits < SIGNATURE_RSA_BITS_MIN) {
        decide(candidate, AUTH_POLICY, "the key is too short");
    } else {
        decide(candidate, AUTH_PASS, "");
    }
}

static bool
has_unsigned_tail(DKIM *dkim, const struct candidate *candidate)
{
    ssize_t whole = 0;
    ssize_t canonical = 0;
    ssize_t signed_length = -1;
    if (!candidate->parsed.has_length || candidate->handle == NULL) {
        return false;
    }
    return dkim_sig_getcanonlen(dkim, candidate->handle, &whole, &canonical, &signed_length) !=
               DKIM_STAT_OK ||
           (signed_length >= 0 && signed_length < whole);
}

static void
report(DKIM *dkim, struct candidate *candidate)
{
    unsigned bits = 0;
    if (candidate->handle != NULL && !candidate->decided) {
        (void)dkim_sig_getkeysize(candidate->handle, &bits); // 0 for ed25519
        conclude(candidate, bits);
        bits = candidate->parsed.is_ed25519 ? ED25519_BITS : bits;
    }
    if (!candidate->decided) {
        decide(candidate, AUTH_PERMERROR, "the signature cannot be read");
    }
    bool tail = candidate->result == AUTH_PASS && has_unsigned_tail(dkim, candidate);
    if (tail) {
        (void)snprintf(candidate->reason, sizeof(candidate->reason),
                       "the end of the body is not signed (l=)");
    }
    wire_send(&REFERENCE_DKIM_LAYOUT,
              &(struct reference_dkim){.result = (uint64_t)candidate->result,
                                       .domain = candidate->parsed.domain,
                                       .selector = candidate->parsed.selector,
                                       .algorithm = candidate->parsed.algorithm,
                                       .reason = candidate->reason,
                                       .bits = bits,
                                       .unsigned_tail = tail ? 1 : 0});
}

static bool
any_undecided(const struct message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        if (!message->candidates[i].decided) {
            return true;
        }
    }
    return false;
}

static void
decide_rest(struct message *message, enum auth_result result, const char *reason)
{
    for (size_t i = 0; i < message->count; i++) {
        if (!message->candidates[i].decided) {
            decide(&message->candidates[i], result, reason);
        }
    }
}

// The library's own status codes tell nothing that the single signatures do not tell better.
static void
evaluate(DKIM *dkim, struct message *message)
{
    (void)dkim_set_user_context(dkim, message);
    feed_header(dkim, message);
    (void)dkim_eoh(dkim);
    match_handles(dkim, message);
    if (!feed_body(dkim, message)) {
        decide_rest(message, AUTH_TEMPERROR, "the message could not be read");
        return;
    }
    (void)dkim_eom(dkim, NULL);
}

uint64_t
verify_signatures(int fd, const struct reference_check *check)
{
    static struct message message;
    message = (struct message){.check = check, .fd = fd};
    if (check->header_length > REFERENCE_HEADER_MAX) {
        return 0; // the milter says so itself
    }
    message.header_length = (size_t)check->header_length;
    message.header = xcalloc(message.header_length + 1, 1);
    DKIM *dkim = NULL;
    if (read_exactly(fd, message.header, message.header_length, 0)) {
        collect(&message);
    }
    if (any_undecided(&message)) {
        DKIM_STAT status;
        dkim = dkim_verify(library, (const unsigned char *)"-", NULL, &status);
        if (dkim != NULL) {
            evaluate(dkim, &message);
        } else {
            decide_rest(&message, AUTH_TEMPERROR, "no memory");
        }
    }
    for (size_t i = 0; i < message.count; i++) {
        report(dkim, &message.candidates[i]);
    }
    if (dkim != NULL) {
        (void)dkim_free(dkim);
    }
    free(message.header);
    return message.ignored;
}
