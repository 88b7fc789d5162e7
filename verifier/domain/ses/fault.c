// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

enum { TYPE_SIZE = 64, MESSAGE_SIZE = 140 };

enum kind {
    KIND_PLAIN,
    KIND_THROTTLED,
    KIND_SIGNATURE, /* wrong key, or wrong clock: SES calls both the same */
    KIND_CLOCK
};

struct fault {
    const char *type;
    enum status status;
    enum kind kind;
    const char *sentence;
};

static const char SLOW_DOWN[] = "too many calls at once; it is repeated later";
static const char THEIRS[] = "SES has trouble of its own; it is repeated later";
static const char UNKNOWN_KEY[] =
    "SES does not know the access key id: is it active, and is the session token file in place if "
    "the key is a temporary one?";
static const char WRONG_SECRET[] =
    "the signature is wrong: does the secret key file belong to the access key id?";
static const char NO_RIGHT[] = "the access key may not do this: its IAM policy must allow it";

static const struct fault FAULTS[] = {
    {"TooManyRequestsException", ST_AGAIN, KIND_THROTTLED, SLOW_DOWN},
    {"ThrottlingException", ST_AGAIN, KIND_THROTTLED, SLOW_DOWN},
    {"Throttling", ST_AGAIN, KIND_THROTTLED, SLOW_DOWN},
    {"RequestLimitExceeded", ST_AGAIN, KIND_THROTTLED, SLOW_DOWN},
    {"ConcurrentModificationException", ST_AGAIN, KIND_PLAIN,
     "somebody changes the same identity right now; it is repeated later"},
    {"InternalServiceErrorException", ST_AGAIN, KIND_PLAIN, THEIRS},
    {"InternalFailure", ST_AGAIN, KIND_PLAIN, THEIRS},
    {"ServiceUnavailable", ST_AGAIN, KIND_PLAIN, THEIRS},
    {"LimitExceededException", ST_NO_SPACE, KIND_PLAIN,
     "the account has as many identities as SES allows: have the limit raised, or delete some"},
    {"AlreadyExistsException", ST_CONFLICT, KIND_PLAIN, "the identity is there already"},
    {"NotFoundException", ST_NOT_FOUND, KIND_PLAIN, "there is no such identity"},
    {"BadRequestException", ST_INVALID, KIND_PLAIN, "SES does not take this"},
    {"ValidationException", ST_INVALID, KIND_PLAIN, "SES does not take this"},
    {"AccessDeniedException", ST_REFUSED, KIND_PLAIN, NO_RIGHT},
    {"AccessDenied", ST_REFUSED, KIND_PLAIN, NO_RIGHT},
    {"UnrecognizedClientException", ST_REFUSED, KIND_PLAIN, UNKNOWN_KEY},
    {"InvalidClientTokenId", ST_REFUSED, KIND_PLAIN, UNKNOWN_KEY},
    {"InvalidAccessKeyId", ST_REFUSED, KIND_PLAIN, UNKNOWN_KEY},
    {"ExpiredTokenException", ST_REFUSED, KIND_PLAIN,
     "the session token has expired: put a new one into its file"},
    {"ExpiredToken", ST_REFUSED, KIND_PLAIN,
     "the session token has expired: put a new one into its file"},
    {"InvalidSignatureException", ST_REFUSED, KIND_SIGNATURE, WRONG_SECRET},
    {"SignatureDoesNotMatch", ST_REFUSED, KIND_SIGNATURE, WRONG_SECRET},
    {"IncompleteSignatureException", ST_REFUSED, KIND_SIGNATURE, WRONG_SECRET},
    {"RequestExpired", ST_IO, KIND_CLOCK, "this host's clock is off: set it, with NTP"},
    {"RequestTimeTooSkewed", ST_IO, KIND_CLOCK, "this host's clock is off: set it, with NTP"},
};

/* ---- which one ------------------------------------------------------------------------------- */

// "Type", "Type:http://...", "namespace#Type" → "Type"; "" when it is no word.
static void
clean_type(const char *text, char out[TYPE_SIZE])
{
    const char *hash = strrchr(text, '#');
    const char *start = hash == NULL ? text : hash + 1;
    size_t length = strspn(start, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    bool whole = start[length] == '\0' || start[length] == ':';
    (void)snprintf(out, TYPE_SIZE, "%.*s", whole ? (int)length : 0, start);
}

// What people read: one line of printable ASCII.
static void
copy_printable(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < size; text++) {
        unsigned char c = (unsigned char)*text;
        out[used++] = *text;
        if (c < 0x20 || c >= 0x7f) {
            out[used - 1] = c >= 0x7f ? '?' : ' ';
        }
    }
    out[used] = '\0';
}

static void
read_body(const struct strbuf *body, char type[TYPE_SIZE], char message[MESSAGE_SIZE])
{
    json_t *root = json_loadb(strbuf_text(body), body->length, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(root, "message"));
    if (text == NULL) {
        text = json_string_value(json_object_get(root, "Message"));
    }
    copy_printable(text == NULL ? "" : text, message, MESSAGE_SIZE);
    const char *named = json_string_value(json_object_get(root, "__type"));
    if (type[0] == '\0' && named != NULL) {
        clean_type(named, type);
    }
    json_decref(root);
}

static struct fault
fault_of_status(long http_status)
{
    if (http_status == 429) {
        return (struct fault){NULL, ST_AGAIN, KIND_THROTTLED, SLOW_DOWN};
    }
    if (http_status >= 500 || http_status == 408) {
        return (struct fault){NULL, ST_AGAIN, KIND_PLAIN, THEIRS};
    }
    if (http_status == 401 || http_status == 403) {
        return (struct fault){NULL, ST_REFUSED, KIND_SIGNATURE,
                              "the request was refused: look at the access key and its rights"};
    }
    return (struct fault){NULL, ST_REFUSED, KIND_PLAIN,
                          "this is no answer of SES: is the endpoint right?"};
}

static struct fault
find_fault(const char *type, long http_status)
{
    for (size_t i = 0; type[0] != '\0' && i < ARRAY_LEN(FAULTS); i++) {
        if (strcmp(type, FAULTS[i].type) == 0) {
            return FAULTS[i];
        }
    }
    return fault_of_status(http_status);
}

/* ---- in words -------------------------------------------------------------------------------- */

static bool
explain_clock(const struct ses_request *request, const struct ses_answer *answer, int64_t wall_ms,
              struct why *why)
{
    int64_t off = answer->date_ms < 0 ? 0 : wall_ms - answer->date_ms;
    int64_t distance = off < 0 ? -off : off;
    if (distance < SES_CLOCK_TOLERATED_MS) {
        return false;
    }
    status_ignore(why_set(why, ST_IO,
                          "SES, %s %.100s: this host's clock is %" PRId64
                          " minutes %s that of SES, which takes at most 5: set it, with NTP",
                          request->what, request->domain, (distance + 30000) / 60000,
                          off < 0 ? "behind" : "ahead of"));
    return true;
}

enum status
ses_fault_explain(const struct ses_request *request, const struct ses_answer *answer,
                  int64_t wall_ms, struct why *why)
{
    char type[TYPE_SIZE];
    char message[MESSAGE_SIZE];
    clean_type(answer->error_type, type);
    read_body(&answer->body, type, message);
    struct fault fault = find_fault(type, answer->http_status);
    bool about_signature = fault.kind == KIND_SIGNATURE || fault.kind == KIND_CLOCK;
    if (about_signature && explain_clock(request, answer, wall_ms, why)) {
        return ST_IO;
    }
    // SES's own text about signatures repeats what was signed, and helps nobody.
    const char *said = about_signature ? "" : message;
    char shown_type[TYPE_SIZE + 2] = "";
    if (type[0] != '\0') {
        (void)snprintf(shown_type, sizeof(shown_type), ", %s", type);
    }
    return why_set(why, fault.status, "SES, %s %.80s: %s (HTTP %ld%s%s%s)", request->what,
                   request->domain, fault.sentence, answer->http_status, shown_type,
                   said[0] == '\0' ? "" : ": ", said);
}

int64_t
ses_fault_wait_ms(const struct ses_answer *answer)
{
    char type[TYPE_SIZE];
    char message[MESSAGE_SIZE];
    clean_type(answer->error_type, type);
    read_body(&answer->body, type, message);
    struct fault fault = find_fault(type, answer->http_status);
    if (fault.status != ST_AGAIN) {
        return 0;
    }
    if (answer->retry_after_ms > 0) {
        return answer->retry_after_ms;
    }
    return fault.kind == KIND_THROTTLED ? SES_THROTTLE_WAIT_MS : 0;
}
