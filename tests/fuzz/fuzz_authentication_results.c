// SPDX-License-Identifier: Apache-2.0
// Authentication-Results: fields of strangers are read, and texts of strangers written. What we
// write is one line of printable ASCII that we know as ours, whatever the texts are.
#include "tests/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/forged.h"
#include "verifier/message/results.h"

struct input {
    const char *at;
    const char *end;
};

// The next piece of the input, up to a NUL, as far as it fits.
static void
take(struct input *input, char *out, size_t size)
{
    size_t used = 0;
    while (input->at < input->end && *input->at != '\0') {
        if (used + 1 < size) {
            out[used++] = *input->at;
        }
        input->at++;
    }
    input->at += input->at < input->end ? 1 : 0;
    out[used] = '\0';
}

static void
fill(struct input *input, struct verdict *out)
{
    unsigned first = input->at < input->end ? (unsigned char)*input->at : 0;
    out->spf.result = (enum auth_result)(first % (AUTH_PERMERROR + 1));
    out->dmarc.result = out->spf.result;
    out->arc.result = (enum auth_result)(first / 16 % (AUTH_PERMERROR + 1));
    out->arc.instances = first;
    take(input, out->spf.domain, sizeof(out->spf.domain));
    take(input, out->dmarc.domain, sizeof(out->dmarc.domain));
    take(input, out->dmarc.reason, sizeof(out->dmarc.reason));
    take(input, out->arc.reason, sizeof(out->arc.reason));
    while (input->at < input->end && out->dkim_count < VERDICT_DKIM_MAX) {
        struct verdict_dkim *dkim = &out->dkim[out->dkim_count++];
        take(input, dkim->domain, sizeof(dkim->domain));
        take(input, dkim->selector, sizeof(dkim->selector));
        take(input, dkim->algorithm, sizeof(dkim->algorithm));
        take(input, dkim->reason, sizeof(dkim->reason));
    }
}

static struct header_field
make_field(const char *value, size_t length)
{
    static const char NAME[] = "Authentication-Results";
    return (struct header_field){
        .name = NAME, .name_length = sizeof(NAME) - 1, .value = value, .value_length = length};
}

// The parts of a field: "; " stands between results and nowhere else.
static size_t
count_parts(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            abort();
        }
        count += *text == ';' ? 1 : 0;
    }
    return count;
}

static void
write_and_check(struct input *input)
{
    static struct verdict verdict;
    memset(&verdict, 0, sizeof(verdict));
    fill(input, &verdict);
    results_format("mx.example.net", RESULTS_ALL, &verdict);
    const char *text = verdict.authentication_results;
    struct header_field ours = make_field(text, strlen(text));
    size_t most = 3 + (verdict.dkim_count == 0 ? 1 : verdict.dkim_count);
    if (count_parts(text) > most || strstr(text, "; dmarc=") == NULL ||
        !forged_is(&ours, "mx.example.net") || forged_is(&ours, "mx.example.org")) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header_field field = make_field((const char *)data, size);
    (void)forged_is(&field, "mx.example.net");
    struct input input = {.at = (const char *)data, .end = (const char *)data + size};
    write_and_check(&input);
    return 0;
}
