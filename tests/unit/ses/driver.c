// SPDX-License-Identifier: Apache-2.0
// The SES client as a program, for tests/e2e/test_ses.py: settings as name=value words, the result
// as one JSON object.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "common/clock.h"
#include "common/parse.h"
#include "verifier/domain/ses/ses.h"

struct arguments {
    char **words;
    int count;
};

static const char *
value_of(const struct arguments *arguments, const char *name, const char *otherwise)
{
    size_t length = strlen(name);
    for (int i = 0; i < arguments->count; i++) {
        const char *word = arguments->words[i];
        if (strncmp(word, name, length) == 0 && word[length] == '=') {
            return word + length + 1;
        }
    }
    return otherwise;
}

static int64_t
number_of(const struct arguments *arguments, const char *name, const char *otherwise)
{
    uint64_t value = 0;
    if (parse_uint(value_of(arguments, name, otherwise), INT32_MAX, &value, NULL) != ST_OK) {
        (void)fprintf(stderr, "%s must be a number\n", name);
        exit(2);
    }
    return (int64_t)value;
}

static struct ses_settings
read_settings(const struct arguments *arguments)
{
    return (struct ses_settings){
        .region = value_of(arguments, "region", "eu-central-1"),
        .endpoint = value_of(arguments, "endpoint", NULL),
        .access_key_id_file = value_of(arguments, "access_key_id_file", ""),
        .secret_key_file = value_of(arguments, "secret_key_file", ""),
        .session_token_file = value_of(arguments, "session_token_file", NULL),
        .ca_file = value_of(arguments, "ca_file", NULL),
        .installation = value_of(arguments, "installation", "here"),
        .timeout_ms = number_of(arguments, "timeout_ms", "5000"),
        .interval_ms = number_of(arguments, "interval_ms", "0"),
    };
}

static void
read_state(const struct arguments *arguments, struct ses_state *state)
{
    struct why why = {.text = ""};
    const char *text = value_of(arguments, "state", "");
    ses_state_init(state, value_of(arguments, "region", "eu-central-1"));
    if (text[0] != '\0' && ses_state_parse(text, state, &why) != ST_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(2);
    }
}

static json_t *
describe(const struct ses_report *report)
{
    return json_pack("{s:b, s:s, s:s, s:s, s:s}", "verified", report->verified, "verification",
                     ses_progress_name(report->verification), "dkim",
                     ses_progress_name(report->dkim), "mail_from",
                     ses_progress_name(report->mail_from), "error", report->error);
}

int
main(int argc, char **argv)
{
    struct arguments arguments = {.words = argv + 1, .count = argc - 1};
    struct ses_settings settings = read_settings(&arguments);
    struct ses_state state;
    struct ses_report report = {.error = ""};
    struct why why = {.text = ""};
    struct ses *ses = NULL;
    int64_t wait_ms = 0;
    read_state(&arguments, &state);
    enum status status = ses_open(&settings, &ses, &why);
    if (status == ST_OK) {
        const char *domain = value_of(&arguments, "domain", "");
        int64_t deadline = clock_mono_ms() + number_of(&arguments, "deadline_ms", "20000");
        if (strcmp(value_of(&arguments, "do", ""), "release") == 0) {
            ses_state_request_release(&state);
            bool others_left = strcmp(value_of(&arguments, "others_left", "no"), "yes") == 0;
            status = ses_release(ses, domain, others_left, deadline, &state, &why);
        } else {
            status = ses_ensure(ses, domain, value_of(&arguments, "mail_from", ""), deadline,
                                &state, &report, &why);
        }
        wait_ms = ses_wait_ms(ses);
    }
    ses_close(ses);
    char text[SES_STATE_TEXT_SIZE];
    ses_state_format(&state, text);
    json_t *result = json_pack("{s:s, s:s, s:o, s:s, s:I}", "status", status_name(status), "why",
                               status == ST_OK ? "" : why.text, "report", describe(&report),
                               "state", text, "wait_ms", (json_int_t)wait_ms);
    int written = json_dumpf(result, stdout, 0);
    json_decref(result);
    return written == 0 ? 0 : 1;
}
