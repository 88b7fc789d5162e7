// SPDX-License-Identifier: Apache-2.0
// One exchange and its caps, the key files, the pace, and many threads on one client; against an
// HTTP endpoint that misbehaves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/xalloc.h"
#include "tests/unit/delivery/endpoint.h"
#include "verifier/domain/ses/credentials.h"
#include "verifier/domain/ses/exchange.h"

static const struct ses_request REQUEST = {
    .what = "get identity", .domain = "a.example", .method = "GET", .path = "/x"};
static const struct config_secret NO_SECRET = {.length = 1};

struct house {
    char folder[32];
    char access_key_id[64];
    char secret_key[64];
    char session_token[64];
};

static void
write_file(const char *path, const char *bytes, size_t length)
{
    AUTO_FILE FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
}

static int
set_up(void **state)
{
    struct house *house = xcalloc(1, sizeof(*house));
    (void)snprintf(house->folder, sizeof(house->folder), "/tmp/mailspur-ses-XXXXXX");
    assert_non_null(mkdtemp(house->folder));
    (void)snprintf(house->access_key_id, sizeof(house->access_key_id), "%s/id", house->folder);
    (void)snprintf(house->secret_key, sizeof(house->secret_key), "%s/secret", house->folder);
    (void)snprintf(house->session_token, sizeof(house->session_token), "%s/token", house->folder);
    write_file(house->access_key_id, "AKIAEXAMPLE\n", 12);
    write_file(house->secret_key, "a/secret\n", 9);
    *state = house;
    return 0;
}

static int
tear_down(void **state)
{
    struct house *house = *state;
    (void)unlink(house->access_key_id);
    (void)unlink(house->secret_key);
    (void)unlink(house->session_token);
    (void)rmdir(house->folder);
    free(house);
    return 0;
}

static struct ses_settings
settings_of(const struct house *house, const char *endpoint)
{
    return (struct ses_settings){.region = "eu-central-1",
                                 .endpoint = endpoint,
                                 .access_key_id_file = house->access_key_id,
                                 .secret_key_file = house->secret_key,
                                 .installation = "here",
                                 .timeout_ms = SES_TIMEOUT_MS};
}

static void
endpoint_url(const struct endpoint *endpoint, char out[64])
{
    (void)snprintf(out, 64, "http://127.0.0.1:%u", endpoint_port(endpoint));
}

static struct ses *
open_at(const struct house *house, const struct endpoint *endpoint)
{
    char url[64];
    struct ses *ses = NULL;
    struct why why = {.text = ""};
    endpoint_url(endpoint, url);
    struct ses_settings settings = settings_of(house, url);
    assert_int_equal(ses_open(&settings, &ses, &why), ST_OK);
    return ses;
}

static int64_t
soon(void)
{
    return clock_mono_ms() + SES_TIMEOUT_MS;
}

/* ---- key files ------------------------------------------------------------------------------- */

static void
key_files_hold_one_line(void **state)
{
    const struct house *house = *state;
    static const struct {
        const char *bytes;
        size_t length;
        enum status status;
    } CASES[] = {
        {"key", 3, ST_OK},           {"key\n", 4, ST_OK},       {"key \t\r\n\n", 8, ST_OK},
        {"", 0, ST_INVALID},         {"\n", 1, ST_INVALID},     {"two\nlines\n", 10, ST_INVALID},
        {"a b", 3, ST_INVALID},      {"k\0y", 3, ST_INVALID},   {"key\0", 4, ST_INVALID},
        {"\xc3\xa4", 2, ST_INVALID}, {" key\n", 5, ST_INVALID},
    };
    struct ses_settings settings = settings_of(house, NULL);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_CREDENTIALS credentials = {.secret_key = "untouched"};
        struct why why = {.text = ""};
        print_message("case %zu\n", i);
        write_file(house->secret_key, CASES[i].bytes, CASES[i].length);
        assert_int_equal(ses_credentials_read(&settings, &credentials, &why), CASES[i].status);
        assert_string_equal(credentials.secret_key, CASES[i].status == ST_OK ? "key" : "untouched");
        assert_true(CASES[i].status == ST_OK || strstr(why.text, house->secret_key) != NULL);
        assert_null(strstr(why.text, "lines\n"));
    }
}

static void
keys_are_read_up_to_their_caps(void **state)
{
    const struct house *house = *state;
    struct ses_settings settings = settings_of(house, NULL);
    settings.session_token_file = house->session_token;
    write_file(house->session_token, "t", 1);
    const struct {
        const char *path;
        size_t most;
    } FILES[] = {{house->access_key_id, SES_ACCESS_KEY_ID_MAX},
                 {house->secret_key, SES_SECRET_KEY_MAX},
                 {house->session_token, SES_SESSION_TOKEN_MAX}};
    char text[SES_SESSION_TOKEN_MAX + 2];
    memset(text, 'k', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        AUTO_CREDENTIALS credentials = {.session_token = ""};
        text[FILES[i].most] = '\n';
        write_file(FILES[i].path, text, FILES[i].most + 1);
        assert_int_equal(ses_credentials_read(&settings, &credentials, NULL), ST_OK);
        text[FILES[i].most] = 'k';
        write_file(FILES[i].path, text, FILES[i].most + 1);
        assert_int_equal(ses_credentials_read(&settings, &credentials, NULL), ST_INVALID);
        write_file(FILES[i].path, "k", 1);
    }
    AUTO_CREDENTIALS credentials = {.session_token = ""};
    assert_int_equal(ses_credentials_read(&settings, &credentials, NULL), ST_OK);
    ses_credentials_wipe(&credentials);
    static const struct ses_credentials EMPTY;
    assert_memory_equal(&credentials, &EMPTY, sizeof(EMPTY));
}

static void
a_key_file_must_be_a_file(void **state)
{
    const struct house *house = *state;
    struct ses_settings settings = settings_of(house, NULL);
    struct ses *ses = NULL;
    struct why why = {.text = ""};
    settings.session_token_file = house->session_token; // is not there
    assert_int_equal(ses_open(&settings, &ses, &why), ST_IO);
    assert_non_null(strstr(why.text, house->session_token));
    assert_int_equal(mkfifo(house->session_token, 0600), 0); // nobody writes: must not block
    assert_int_equal(ses_open(&settings, &ses, &why), ST_IO);
    assert_non_null(strstr(why.text, "not a regular file"));
    assert_null(ses);
}

static void
without_an_endpoint_it_is_the_regions(void **state)
{
    const struct house *house = *state;
    struct ses_settings settings = settings_of(house, NULL);
    struct ses *ses = NULL;
    assert_int_equal(ses_open(&settings, &ses, NULL), ST_OK);
    assert_string_equal(ses->settings.endpoint, "https://email.eu-central-1.amazonaws.com");
    ses_close(ses);
    ses_close(NULL);
}

/* ---- one exchange ---------------------------------------------------------------------------- */

static void
an_answer_comes_with_what_counts(void **state)
{
    static const struct endpoint_reply REPLY = {
        .status = 429,
        .headers = "Date: Sun, 22 Nov 2026 04:00:00 GMT\r\nX-AMZN-ErrorType:  Some:thing \r\n"
                   "Retry-After: 7\r\n",
        .body = "{\"a\":1}"};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, &REPLY, 1);
    struct ses *ses = open_at(*state, endpoint);
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    assert_int_equal(ses_exchange(ses, &REQUEST, soon(), &answer, NULL), ST_OK);
    assert_int_equal(answer.http_status, 429);
    assert_string_equal(answer.error_type, "Some:thing");
    assert_int_equal(answer.date_ms, 1795320000000);
    assert_int_equal(answer.retry_after_ms, 7000);
    assert_string_equal(strbuf_text(&answer.body), "{\"a\":1}");
    const struct endpoint_seen *seen = endpoint_seen(endpoint, 0);
    assert_non_null(strstr(seen->authorization, "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"));
    assert_string_equal(seen->agent, "mailspur/" MAILSPUR_VERSION);
    ses_close(ses);
    endpoint_close(endpoint);
}

static void
an_asked_wait_is_capped_and_a_bad_date_is_none(void **state)
{
    static const struct endpoint_reply REPLY = {
        .status = 503, .headers = "Retry-After: 31536000\r\nDate: the first of May\r\n"};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, &REPLY, 1);
    struct ses *ses = open_at(*state, endpoint);
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    assert_int_equal(ses_exchange(ses, &REQUEST, soon(), &answer, NULL), ST_OK);
    assert_int_equal(answer.retry_after_ms, SES_ASKED_WAIT_MAX_MS);
    assert_int_equal(answer.date_ms, -1);
    ses_close(ses);
    endpoint_close(endpoint);
}

static void
a_body_is_taken_up_to_its_cap(void **state)
{
    AUTO_FREE char *fits = xcalloc(SES_ANSWER_MAX + 1, 1);
    AUTO_FREE char *longer = xcalloc(SES_ANSWER_MAX + 2, 1);
    memset(fits, 'b', SES_ANSWER_MAX);
    memset(longer, 'b', SES_ANSWER_MAX + 1);
    const struct endpoint_reply replies[] = {{.status = 200, .body = fits},
                                             {.status = 200, .body = longer}};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, replies, ARRAY_LEN(replies));
    struct ses *ses = open_at(*state, endpoint);
    AUTO_ANSWER first = SES_ANSWER_INIT;
    AUTO_ANSWER second = SES_ANSWER_INIT;
    struct why why = {.text = ""};
    assert_int_equal(ses_exchange(ses, &REQUEST, soon(), &first, &why), ST_OK);
    assert_int_equal(first.body.length, SES_ANSWER_MAX);
    assert_int_equal(ses_exchange(ses, &REQUEST, soon(), &second, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "larger than 65536 bytes"));
    ses_close(ses);
    endpoint_close(endpoint);
}

static void
a_redirect_is_not_followed_nor_is_a_proxy_of_the_environment_used(void **state)
{
    char location[128];
    char url[64];
    static const struct endpoint_reply GOOD = {.status = 200};
    struct endpoint *other = endpoint_open(&NO_SECRET, &GOOD, 1);
    endpoint_url(other, url);
    (void)snprintf(location, sizeof(location), "Location: %s/\r\n", url);
    const struct endpoint_reply reply = {.status = 307, .headers = location};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, &reply, 1);
    struct ses *ses = open_at(*state, endpoint);
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    assert_int_equal(setenv("http_proxy", url, 1), 0);
    assert_int_equal(ses_exchange(ses, &REQUEST, soon(), &answer, NULL), ST_OK);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(answer.http_status, 307);
    assert_int_equal(endpoint_count(endpoint), 1);
    assert_int_equal(endpoint_count(other), 0);
    ses_close(ses);
    endpoint_close(endpoint);
    endpoint_close(other);
}

static void
a_call_ends_with_its_deadline_before_its_timeout(void **state)
{
    static const struct endpoint_reply REPLY = {.status = 200, .wait = true};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, &REPLY, 1);
    struct ses *ses = open_at(*state, endpoint);
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    struct why why = {.text = ""};
    int64_t start = clock_mono_ms();
    assert_int_equal(ses_exchange(ses, &REQUEST, start + 200, &answer, &why), ST_AGAIN);
    assert_true(clock_mono_ms() - start < SES_TIMEOUT_MS / 2);
    assert_non_null(strstr(why.text, "no answer from http://127.0.0.1:"));
    assert_int_equal(ses_exchange(ses, &REQUEST, clock_mono_ms(), &answer, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "no time left"));
    ses_close(ses);
    endpoint_close(endpoint);
}

/* ---- pace ------------------------------------------------------------------------------------ */

static void
calls_keep_their_distance(void **state)
{
    const struct house *house = *state;
    struct ses_settings settings = settings_of(house, NULL);
    struct ses *ses = NULL;
    settings.interval_ms = 60;
    assert_int_equal(ses_open(&settings, &ses, NULL), ST_OK);
    assert_int_equal(ses_wait_ms(ses), 0);
    int64_t start = clock_mono_ms();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ses_client_take_turn(ses, soon(), NULL), ST_OK);
    }
    assert_true(clock_mono_ms() - start >= 3 * settings.interval_ms);
    ses_client_hold_off(ses, 3600 * 1000 + 1);
    int64_t wait_ms = ses_wait_ms(ses);
    assert_true(wait_ms > 3590 * 1000 && wait_ms <= SES_ASKED_WAIT_MAX_MS);
    struct why why = {.text = ""};
    assert_int_equal(ses_client_take_turn(ses, soon(), &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "the next one may start in 3"));
    ses_client_hold_off(ses, 10); // does not shorten what was asked for before
    assert_true(ses_wait_ms(ses) > 3590 * 1000);
    ses_close(ses);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 6, CALLS = 5 };

static void *
call_many(void *context)
{
    struct ses *ses = context;
    for (int i = 0; i < CALLS; i++) {
        AUTO_ANSWER answer = SES_ANSWER_INIT;
        struct why why = {.text = ""};
        if (ses_exchange(ses, &REQUEST, soon(), &answer, &why) != ST_OK) {
            return ses; // not NULL: it failed
        }
        ses_client_hold_off(ses, 1);
        (void)ses_wait_ms(ses);
    }
    return NULL;
}

static void
many_threads_share_a_client(void **state)
{
    static const struct endpoint_reply REPLY = {.status = 200, .body = "{}"};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, &REPLY, 1);
    struct ses *ses = open_at(*state, endpoint);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, ses), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(endpoint_count(endpoint), THREADS * CALLS);
    ses_close(ses);
    endpoint_close(endpoint);
}

struct caller {
    struct ses *ses;
    enum status status;
};

static void *
ensure(void *context)
{
    struct caller *caller = context;
    struct ses_state state;
    struct ses_report report;
    ses_state_init(&state, "eu-central-1");
    caller->status = ses_ensure(caller->ses, "a.example", "mail.a.example", clock_mono_ms() + 60000,
                                &state, &report, NULL);
    return NULL;
}

// `endpoint` NULL: the call waits for its turn.
static void
assert_cancel_ends(const struct house *house, struct endpoint *endpoint)
{
    char url[64] = "http://127.0.0.1:1";
    struct caller caller = {.status = ST_OK};
    if (endpoint != NULL) {
        endpoint_url(endpoint, url);
    }
    struct ses_settings settings = settings_of(house, url);
    settings.timeout_ms = 60000;
    assert_int_equal(ses_open(&settings, &caller.ses, NULL), ST_OK);
    if (endpoint == NULL) {
        ses_client_hold_off(caller.ses, 30000);
    }
    pthread_t thread;
    int64_t start = clock_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, ensure, &caller), 0);
    if (endpoint != NULL) {
        endpoint_await(endpoint, 1);
    }
    ses_cancel(caller.ses);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(caller.status, ST_AGAIN);
    assert_true(clock_mono_ms() - start < 10000);
    ses_close(caller.ses);
}

static void
cancel_ends_a_call_under_way_and_one_that_waits_for_its_turn(void **state)
{
    static const struct endpoint_reply REPLY = {.status = 200, .wait = true};
    struct endpoint *endpoint = endpoint_open(&NO_SECRET, &REPLY, 1);
    assert_cancel_ends(*state, endpoint);
    assert_cancel_ends(*state, NULL);
    endpoint_close(endpoint);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(key_files_hold_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_read_up_to_their_caps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_file_must_be_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_an_endpoint_it_is_the_regions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_comes_with_what_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_asked_wait_is_capped_and_a_bad_date_is_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_body_is_taken_up_to_its_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_redirect_is_not_followed_nor_is_a_proxy_of_the_environment_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_ends_with_its_deadline_before_its_timeout, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(calls_keep_their_distance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_share_a_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            cancel_ends_a_call_under_way_and_one_that_waits_for_its_turn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
