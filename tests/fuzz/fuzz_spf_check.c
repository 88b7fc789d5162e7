// SPDX-License-Identifier: Apache-2.0
// The whole SPF check against strangers on both sides: the first line is the client's address, the
// second its HELO, the third MAIL FROM, the rest the zones, as a fixture file has them.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "verifier/message/spf.h"

enum {
    LINE_SIZE = 1024,
    TRACE_MAX = 8 * 1024,
    QUERIES = 2 * SPF_LOOKUPS_MAX,
    TIMEOUT_MS = 60 * 1000,
    CACHE_BYTES = 256 * 1024,
    NOW_S = 1700000000
};

static void
promise(bool kept)
{
    if (!kept) {
        abort();
    }
}

// The next line, cut to LINE_SIZE; `*at` moves behind it.
static void
take_line(const uint8_t **at, const uint8_t *end, char out[LINE_SIZE])
{
    size_t left = (size_t)(end - *at);
    const uint8_t *stop = left == 0 ? NULL : memchr(*at, '\n', left);
    size_t length = stop == NULL ? left : (size_t)(stop - *at);
    size_t taken = length < LINE_SIZE ? length : LINE_SIZE - 1;
    if (taken > 0) {
        memcpy(out, *at, taken);
    }
    out[taken] = '\0';
    *at += length + (stop != NULL);
}

static void
check_text(const char *text, size_t size)
{
    promise(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++) {
        promise(*text >= ' ' && *text <= '~');
    }
}

static void
check_verdict(const struct verdict_spf *spf)
{
    bool is_fail = spf->result == AUTH_FAIL;
    bool is_decided = spf->result == AUTH_PASS || is_fail || spf->result == AUTH_SOFTFAIL ||
                      spf->result == AUTH_NEUTRAL;
    promise(spf->result <= AUTH_PERMERROR && spf->helo <= AUTH_PERMERROR);
    promise(memchr(spf->domain, '\0', sizeof(spf->domain)) != NULL);
    check_text(spf->explanation, sizeof(spf->explanation));
    check_text(spf->reason, sizeof(spf->reason));
    promise(is_fail || spf->explanation[0] == '\0');
    promise(is_decided == (spf->reason[0] == '\0'));
    promise(!is_decided || (spf->terms <= SPF_TERMS_MAX && spf->voids <= SPF_VOIDS_MAX));
}

static void
check(struct dns *dns, struct spf_cache *cache, const struct spf_query *query,
      struct verdict_spf *out)
{
    struct dns_budget budget = {.deadline_mono_ms = clock_mono_ms() + TIMEOUT_MS,
                                .queries_left = QUERIES};
    struct spf_trace trace = {.text = STRBUF_INIT(TRACE_MAX)};
    spf_check(cache, dns, &budget, query, out, &trace);
    check_verdict(out);
    promise(budget.queries <= QUERIES && trace.text.length <= TRACE_MAX);
    strbuf_done(&trace.text);
}

// Records read anew and records kept come to the same.
static void
check_twice(struct dns *dns, const struct spf_query *query)
{
    struct spf_cache *cache = spf_cache_new(CACHE_BYTES);
    struct verdict_spf fresh;
    struct verdict_spf kept;
    check(dns, NULL, query, &fresh);
    check(dns, cache, query, &kept);
    for (int i = 0; i < 2; i++) {
        promise(kept.result == fresh.result && kept.helo == fresh.helo &&
                kept.terms == fresh.terms && kept.voids == fresh.voids &&
                strcmp(kept.explanation, fresh.explanation) == 0 &&
                strcmp(kept.reason, fresh.reason) == 0);
        check(dns, cache, query, &kept);
    }
    spf_cache_free(cache);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    const uint8_t *end = data + size;
    char client[LINE_SIZE];
    char helo[LINE_SIZE];
    char sender[LINE_SIZE];
    struct dns *dns = NULL;
    take_line(&at, end, client);
    take_line(&at, end, helo);
    take_line(&at, end, sender);
    if (dns_open_fixture_text((const char *)at, (size_t)(end - at), &dns, NULL) != ST_OK) {
        return 0;
    }
    const struct spf_query query = {.client_address = client,
                                    .helo = helo,
                                    .sender = sender,
                                    .receiver = "mx.example.org",
                                    .explain = true,
                                    .now_s = NOW_S};
    check_twice(dns, &query);
    dns_close(dns);
    return 0;
}
