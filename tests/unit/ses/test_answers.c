// SPDX-License-Identifier: Apache-2.0
// What SES, or somebody in its place, may answer: identities read strictly, errors in words.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "verifier/domain/ses/fault.h"
#include "verifier/domain/ses/identity.h"

#define DKIM                                                                                       \
    "\"DkimAttributes\":{\"Status\":\"SUCCESS\",\"SigningAttributesOrigin\":\"AWS_SES\","          \
    "\"Tokens\":[\"t1\",\"t2\",\"t3\"],\"SigningHostedZone\":\"z.dkim.example\"}"
#define HEAD "{\"IdentityType\":\"DOMAIN\",\"VerifiedForSendingStatus\":true,"
#define WITH_DKIM(members) HEAD "\"DkimAttributes\":{" members "}}"

static enum status
parse(const char *json, struct ses_identity *out, struct why *why)
{
    AUTO_STRBUF body = STRBUF_INIT(SES_ANSWER_MAX);
    strbuf_puts(&body, json);
    return ses_identity_parse(&body, "a.example", out, why);
}

static void
an_identity_is_read_with_all_it_says(void **unused)
{
    (void)unused;
    struct ses_identity identity;
    struct why why = {.text = ""};
    assert_int_equal(
        parse(HEAD DKIM
              ",\"VerificationStatus\":\"TEMPORARY_FAILURE\",\"Policies\":{},"
              "\"VerificationInfo\":{\"ErrorType\":\"HOST_NOT_FOUND\",\"SOARecord\":null},"
              "\"MailFromAttributes\":{\"MailFromDomain\":\"mail.a.example\","
              "\"MailFromDomainStatus\":\"FAILED\"},"
              "\"Tags\":[{\"Key\":\"x\",\"Value\":\"y\"},"
              "{\"Key\":\"mailspur-installation\",\"Value\":\"here\"}]}",
              &identity, &why),
        ST_OK);
    assert_true(identity.report.verified);
    assert_int_equal(identity.report.verification, SES_PROGRESS_TEMPORARY_FAILURE);
    assert_int_equal(identity.report.dkim, SES_PROGRESS_SUCCESS);
    assert_int_equal(identity.report.mail_from, SES_PROGRESS_FAILED);
    assert_string_equal(identity.report.error, "HOST_NOT_FOUND");
    assert_string_equal(identity.tokens[0], "t1");
    assert_string_equal(identity.tokens[2], "t3");
    assert_string_equal(identity.zone, "z.dkim.example");
    assert_string_equal(identity.mail_from, "mail.a.example");
    assert_string_equal(identity.installation, "here");
}

static void
what_is_not_said_is_empty_and_null_is_not_said(void **unused)
{
    (void)unused;
    static const char *const TEXTS[] = {
        HEAD DKIM "}",
        HEAD DKIM ",\"VerificationStatus\":null,\"VerificationInfo\":null,\"Tags\":null,"
                  "\"MailFromAttributes\":null}",
        HEAD DKIM ",\"VerificationStatus\":\"NOT_STARTED\",\"VerificationInfo\":{},\"Tags\":[],"
                  "\"MailFromAttributes\":{\"MailFromDomain\":\"\"}}",
        // A tag whose value is none of ours is not ours.
        HEAD DKIM ",\"Tags\":[{\"Key\":\"mailspur-installation\",\"Value\":\"not ours!\"}]}",
        HEAD DKIM ",\"Tags\":[{\"Key\":\"mailspur-installation\"}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct ses_identity identity;
        print_message("%s\n", TEXTS[i]);
        assert_int_equal(parse(TEXTS[i], &identity, NULL), ST_OK);
        assert_int_equal(identity.report.verification, SES_PROGRESS_NONE);
        assert_string_equal(identity.report.error, "");
        assert_string_equal(identity.mail_from, "");
        assert_string_equal(identity.installation, "");
    }
}

static void
a_word_we_do_not_know_is_other_and_keys_of_its_own_need_no_tokens(void **unused)
{
    (void)unused;
    struct ses_identity identity;
    assert_int_equal(parse(HEAD DKIM ",\"VerificationStatus\":\"DREAMING\"}", &identity, NULL),
                     ST_OK);
    assert_int_equal(identity.report.verification, SES_PROGRESS_OTHER);
    assert_int_equal(parse(WITH_DKIM("\"Status\":\"PENDING\",\"SigningAttributesOrigin\":"
                                     "\"EXTERNAL\",\"Tokens\":[\"s1\"]"),
                           &identity, NULL),
                     ST_OK);
    assert_true(identity.own_keys);
    assert_string_equal(identity.zone, "");
    assert_string_equal(identity.tokens[0], "");
}

#define TOKENS(list) WITH_DKIM("\"SigningHostedZone\":\"z.example\",\"Tokens\":" list)
#define ZONE(zone) WITH_DKIM("\"Tokens\":[\"a\",\"b\",\"c\"],\"SigningHostedZone\":" zone)
#define LABEL_50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"

static const struct {
    const char *text;
    const char *fault;
} BROKEN[] = {
    {"", "no JSON object"},
    {"null", "no JSON object"},
    {"[]", "no JSON object"},
    {"<html>", "no JSON object"},
    {HEAD DKIM, "no JSON object"},
    {HEAD DKIM "} x", "no JSON object"},
    {"{\"IdentityType\":\"DOMAIN\"," HEAD DKIM "}", "no JSON object"},
    {"{\"IdentityType\":\"DOMAIN\",\"IdentityType\":\"DOMAIN\"}", "says one thing twice"},
    {"{}", "IdentityType"},
    {"{\"IdentityType\":\"EMAIL_ADDRESS\"}", "IdentityType"},
    {"{\"IdentityType\":7}", "IdentityType"},
    {"{\"IdentityType\":\"DOMAIN\"," DKIM "}", "VerifiedForSendingStatus"},
    {"{\"IdentityType\":\"DOMAIN\",\"VerifiedForSendingStatus\":\"true\"," DKIM "}",
     "VerifiedForSendingStatus"},
    {HEAD DKIM ",\"VerificationStatus\":1}", "VerificationStatus"},
    {HEAD DKIM ",\"VerificationInfo\":[]}", "VerificationInfo"},
    {HEAD DKIM ",\"VerificationInfo\":{\"ErrorType\":\"a b\"}}", "VerificationInfo.ErrorType"},
    {HEAD "\"x\":1}", "DkimAttributes"},
    {HEAD "\"DkimAttributes\":\"PENDING\"}", "DkimAttributes"},
    {WITH_DKIM("\"Status\":[]"), "Status"},
    {WITH_DKIM("\"Tokens\":[\"a\",\"b\",\"c\"]"), "DkimAttributes.SigningHostedZone"},
    {ZONE("7"), "SigningHostedZone"},
    {ZONE("\"example\""), "DkimAttributes.SigningHostedZone"},
    {ZONE("\"z.example.\""), "DkimAttributes.SigningHostedZone"},
    {ZONE("\"z.example\\nx\""), "DkimAttributes.SigningHostedZone"},
    {ZONE("\"z.example\\u0000x\""), "no JSON object"},
    {ZONE("\"" LABEL_50 "." LABEL_50 "." LABEL_50 "." LABEL_50 "\""),
     "DkimAttributes.SigningHostedZone"},
    {TOKENS("null"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\"]"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\",\"c\",\"d\"]"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\",\"b\"]"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\",{}]"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\",\"\"]"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\",\"c.d\"]"), "DkimAttributes.Tokens"},
    {TOKENS("[\"a\",\"b\",\"" LABEL_50 LABEL_50 "\"]"), "DkimAttributes.Tokens"},
    {HEAD DKIM ",\"MailFromAttributes\":{\"MailFromDomain\":\"mail.b.example\"}}",
     "MailFromAttributes.MailFromDomain"},
    {HEAD DKIM ",\"MailFromAttributes\":{\"MailFromDomain\":\"m m.a.example\"}}",
     "MailFromAttributes.MailFromDomain"},
    {HEAD DKIM ",\"Tags\":{}}", "Tags"},
    {HEAD DKIM ",\"Tags\":[\"mailspur-installation\"]}", "Tags"},
    {HEAD DKIM ",\"Tags\":[{\"Key\":\"mailspur-installation\",\"Value\":1}]}", "Tags"},
    {HEAD DKIM ",\"Tags\":[{\"Key\":\"mailspur-installation\",\"Value\":\"a\"},"
               "{\"Key\":\"mailspur-installation\",\"Value\":\"b\"}]}",
     "Tags"},
};

static void
an_answer_that_is_not_what_it_should_be_is_asked_for_again(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
        struct ses_identity identity = {.zone = "untouched"};
        struct why why = {.text = ""};
        print_message("%s\n", BROKEN[i].text);
        assert_int_equal(parse(BROKEN[i].text, &identity, &why), ST_AGAIN);
        assert_non_null(strstr(why.text, BROKEN[i].fault));
        assert_string_equal(identity.zone, "untouched");
    }
}

static void
the_longest_zone_leaves_room_for_a_token(void **unused)
{
    (void)unused;
    char zone[DOMAIN_NAME_SIZE];
    char json[1024];
    struct ses_identity identity;
    for (size_t i = 0; i < DOMAIN_NAME_MAX; i++) {
        zone[i] = i % 50 == 49 ? '.' : 'a';
    }
    zone[DOMAIN_NAME_MAX - SES_TOKEN_SIZE] = '\0';
    (void)snprintf(json, sizeof(json), ZONE("\"%s\""), zone);
    assert_int_equal(parse(json, &identity, NULL), ST_OK);
    zone[DOMAIN_NAME_MAX - SES_TOKEN_SIZE] = 'a';
    zone[DOMAIN_NAME_MAX - SES_TOKEN_SIZE + 1] = '\0';
    (void)snprintf(json, sizeof(json), ZONE("\"%s\""), zone);
    assert_int_equal(parse(json, &identity, NULL), ST_AGAIN);
}

static void
an_error_type_is_read_up_to_its_cap(void **unused)
{
    (void)unused;
    char error[SES_ERROR_SIZE + 1];
    char json[1024];
    struct ses_identity identity;
    memset(error, 'E', sizeof(error));
    error[SES_ERROR_SIZE - 1] = '\0';
    (void)snprintf(json, sizeof(json), HEAD DKIM ",\"VerificationInfo\":{\"ErrorType\":\"%s\"}}",
                   error);
    assert_int_equal(parse(json, &identity, NULL), ST_OK);
    error[SES_ERROR_SIZE - 1] = 'E';
    error[SES_ERROR_SIZE] = '\0';
    (void)snprintf(json, sizeof(json), HEAD DKIM ",\"VerificationInfo\":{\"ErrorType\":\"%s\"}}",
                   error);
    assert_int_equal(parse(json, &identity, NULL), ST_AGAIN);
}

static void
an_answer_with_nothing_to_say_is_empty_or_an_object(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum status status;
    } CASES[] = {
        {"", ST_OK},          {"{}", ST_OK},      {"{\"a\":1}", ST_OK},           {"[]", ST_AGAIN},
        {"<html>", ST_AGAIN}, {"{}{}", ST_AGAIN}, {"{\"a\":1,\"a\":1}", ST_AGAIN}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_STRBUF body = STRBUF_INIT(64);
        strbuf_puts(&body, CASES[i].text);
        print_message("%s\n", CASES[i].text);
        assert_int_equal(ses_identity_check_empty(&body, NULL), CASES[i].status);
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

static const struct ses_request REQUEST = {.what = "create identity", .domain = "a.example"};
static const int64_t NOON = 1795000000000;

static const struct {
    long http;
    const char *type;
    const char *body;
    int64_t clock_ahead_ms; /* of this host */
    enum status status;
    int64_t wait_ms;
    const char *sentence;
} FAULTS[] = {
    {429, "TooManyRequestsException", "{\"message\":\"Rate exceeded\"}", 0, ST_AGAIN, 2000,
     "too many calls at once; it is repeated later (HTTP 429, TooManyRequestsException: Rate "
     "exceeded)"},
    {400, "ThrottlingException", "", 0, ST_AGAIN, 2000, "too many calls"},
    {400, "Throttling", "", 0, ST_AGAIN, 2000, "too many calls"},
    {400, "RequestLimitExceeded", "", 0, ST_AGAIN, 2000, "too many calls"},
    {429, "", "", 0, ST_AGAIN, 2000, "too many calls"},
    {500, "ConcurrentModificationException", "", 0, ST_AGAIN, 0, "changes the same identity"},
    {500, "InternalServiceErrorException", "", 0, ST_AGAIN, 0, "trouble of its own"},
    {500, "InternalFailure", "", 0, ST_AGAIN, 0, "trouble of its own"},
    {503, "ServiceUnavailable", "", 0, ST_AGAIN, 0, "trouble of its own"},
    {502, "", "<html>", 0, ST_AGAIN, 0, "trouble of its own"},
    {408, "", "", 0, ST_AGAIN, 0, "trouble of its own"},
    {400, "LimitExceededException", "", 0, ST_NO_SPACE, 0, "as many identities as SES allows"},
    {400, "AlreadyExistsException", "", 0, ST_CONFLICT, 0, "there already"},
    {404, "NotFoundException", "", 0, ST_NOT_FOUND, 0, "there is no such identity"},
    {404, "", "{\"message\":\"nothing here\"}", 0, ST_REFUSED, 0, "is the endpoint right?"},
    {404, "UnknownOperationException", "", 0, ST_REFUSED, 0, "is the endpoint right?"},
    {301, "", "", 0, ST_REFUSED, 0, "is the endpoint right?"},
    {400, "BadRequestException", "{\"message\":\"Invalid\"}", 0, ST_INVALID, 0, ": Invalid)"},
    {400, "ValidationException", "{\"Message\":\"Invalid\"}", 0, ST_INVALID, 0, ": Invalid)"},
    {403, "AccessDeniedException", "{\"message\":\"not authorized to perform: ses:X\"}", 0,
     ST_REFUSED, 0, "perform: ses:X"},
    {403, "AccessDenied", "", 0, ST_REFUSED, 0, "its IAM policy must allow it"},
    {403, "UnrecognizedClientException", "", 0, ST_REFUSED, 0, "does not know the access key id"},
    {403, "InvalidClientTokenId", "", 0, ST_REFUSED, 0, "does not know the access key id"},
    {403, "InvalidAccessKeyId", "", 0, ST_REFUSED, 0, "does not know the access key id"},
    {403, "ExpiredTokenException", "", 0, ST_REFUSED, 0, "the session token has expired"},
    {403, "ExpiredToken", "", 0, ST_REFUSED, 0, "the session token has expired"},
    {403, "", "", 0, ST_REFUSED, 0, "look at the access key and its rights"},
    {401, "", "", 0, ST_REFUSED, 0, "look at the access key and its rights"},
    // The name in other forms, and in the body.
    {404, "NotFoundException:http://internal.amazon.com/coral/", "", 0, ST_NOT_FOUND, 0, "no such"},
    {404, "com.amazon.ses#NotFoundException", "", 0, ST_NOT_FOUND, 0, "no such"},
    {404, "", "{\"__type\":\"com.amazon.ses#NotFoundException\"}", 0, ST_NOT_FOUND, 0, "no such"},
    {404, "Not FoundException", "", 0, ST_REFUSED, 0, "is the endpoint right?"},
    {404, "", "{\"__type\":\"NotFoundException\",\"__type\":\"x\"}", 0, ST_REFUSED, 0, "endpoint"},
    // Signature or clock?
    {403, "InvalidSignatureException", "{\"message\":\"canonical\"}", 0, ST_REFUSED, 0,
     "belong to the access key id? (HTTP 403, InvalidSignatureException)"},
    {403, "SignatureDoesNotMatch", "", -SES_CLOCK_TOLERATED_MS + 1, ST_REFUSED, 0, "secret key"},
    {403, "IncompleteSignatureException", "", 0, ST_REFUSED, 0, "secret key"},
    {403, "SignatureDoesNotMatch", "", -SES_CLOCK_TOLERATED_MS, ST_IO, 0,
     "this host's clock is 4 minutes behind that of SES"},
    {403, "InvalidSignatureException", "", 90 * 60000, ST_IO, 0,
     "this host's clock is 90 minutes ahead of that of SES"},
    {403, "RequestExpired", "", 6 * 60000, ST_IO, 0, "clock is 6 minutes ahead"},
    {403, "RequestExpired", "", 0, ST_IO, 0, "this host's clock is off"},
    {403, "RequestTimeTooSkewed", "", 0, ST_IO, 0, "this host's clock is off"},
    {403, "", "", 60 * 60000, ST_IO, 0, "clock is 60 minutes ahead"},
    // The clock is not blamed for what has nothing to do with it.
    {400, "BadRequestException", "", 90 * 60000, ST_INVALID, 0, "does not take this"},
};

static void
each_error_has_its_status_its_wait_and_its_sentence(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(FAULTS); i++) {
        AUTO_ANSWER answer = SES_ANSWER_INIT;
        struct why why = {.text = ""};
        answer.http_status = FAULTS[i].http;
        answer.date_ms = NOON - FAULTS[i].clock_ahead_ms;
        (void)snprintf(answer.error_type, sizeof(answer.error_type), "%s", FAULTS[i].type);
        strbuf_puts(&answer.body, FAULTS[i].body);
        print_message("%ld %s\n", FAULTS[i].http, FAULTS[i].type);
        assert_int_equal(ses_fault_explain(&REQUEST, &answer, NOON, &why), FAULTS[i].status);
        print_message("  %s\n", why.text);
        assert_non_null(strstr(why.text, FAULTS[i].sentence));
        assert_non_null(strstr(why.text, "SES, create identity a.example: "));
        assert_null(strstr(why.text, "canonical"));
        assert_int_equal(ses_fault_wait_ms(&answer), FAULTS[i].wait_ms);
    }
}

static void
what_ses_says_is_made_printable_and_cut(void **unused)
{
    (void)unused;
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    struct why why = {.text = ""};
    char long_text[1000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    answer.http_status = 400;
    (void)snprintf(answer.error_type, sizeof(answer.error_type), "BadRequestException");
    strbuf_printf(&answer.body, "{\"message\":\"a\\nb\\u001b\xc3\xa4%s\"}", long_text);
    assert_int_equal(ses_fault_explain(&REQUEST, &answer, NOON, &why), ST_INVALID);
    assert_non_null(strstr(why.text, "a b ??xxx"));
    assert_true(strlen(why.text) < sizeof(why.text));
}

static void
an_asked_wait_is_kept_only_when_repeating_helps(void **unused)
{
    (void)unused;
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    answer.retry_after_ms = 7000;
    answer.http_status = 503;
    assert_int_equal(ses_fault_wait_ms(&answer), 7000);
    answer.http_status = 403;
    assert_int_equal(ses_fault_wait_ms(&answer), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_is_read_with_all_it_says),
        cmocka_unit_test(what_is_not_said_is_empty_and_null_is_not_said),
        cmocka_unit_test(a_word_we_do_not_know_is_other_and_keys_of_its_own_need_no_tokens),
        cmocka_unit_test(an_answer_that_is_not_what_it_should_be_is_asked_for_again),
        cmocka_unit_test(the_longest_zone_leaves_room_for_a_token),
        cmocka_unit_test(an_error_type_is_read_up_to_its_cap),
        cmocka_unit_test(an_answer_with_nothing_to_say_is_empty_or_an_object),
        cmocka_unit_test(each_error_has_its_status_its_wait_and_its_sentence),
        cmocka_unit_test(what_ses_says_is_made_printable_and_cut),
        cmocka_unit_test(an_asked_wait_is_kept_only_when_repeating_helps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
