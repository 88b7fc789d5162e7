// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/spf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/network.h"
#include "verifier/message/spf_evaluate.h"

enum { LABEL_MAX = 63 };

/* One check, both identities. */
struct check {
    const struct spf_query *query;
    struct spf_run base; /* what the runs of both identities start from */
    struct network_address client;
    struct spf_validated validated;
    char helo[SPF_HELO_SIZE]; /* as said, for the letter h */
};

static bool
is_name_byte(unsigned char byte)
{
    return byte < 0x80 && (isalnum(byte) || byte == '-' || byte == '_');
}

// ASCII: labels of 1 to 63 name bytes, two at least, one final dot dropped.
static bool
take_ascii_name(const char *text, char out[SPF_NAME_SIZE])
{
    size_t length = strlen(text);
    size_t label = 0;
    size_t dots = 0;
    if (length > 0 && text[length - 1] == '.') {
        length--;
    }
    if (length > DOMAIN_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '.' ? label == 0 : !is_name_byte(byte) || label == LABEL_MAX) {
            return false;
        }
        dots += byte == '.';
        label = byte == '.' ? 0 : label + 1;
        out[i] = (char)tolower(byte);
    }
    out[length] = '\0';
    return label > 0 && dots > 0;
}

// A name that check_host() takes (RFC 7208, 4.3), U-labels as A-labels. `out` is "" otherwise.
static bool
take_name(const char *text, char out[SPF_NAME_SIZE])
{
    char ascii[DOMAIN_NAME_SIZE];
    bool is_ascii = true;
    for (const char *c = text; *c != '\0'; c++) {
        is_ascii = is_ascii && (unsigned char)*c < 0x80;
    }
    if (!is_ascii && address_normalize_domain(text, ascii, NULL) == ST_OK) {
        text = ascii;
    }
    bool is_name = take_ascii_name(text, out);
    if (!is_name) {
        out[0] = '\0';
    }
    return is_name;
}

static void
copy_cut(const char *text, size_t length, char *out, size_t size)
{
    (void)snprintf(out, size, "%.*s", length < size ? (int)length : (int)size - 1, text);
}

// Evaluate one identity; explanation (may be NULL) has VERDICT_TEXT_SIZE bytes.
static enum auth_result
check_identity(struct check *check, const char *identity, const char *local_part,
               const char *domain, char *explanation, struct spf_run *run_out)
{
    AUTO(spf_level_done) struct spf_level level = {.depth = 0};
    struct spf_run run = check->base;
    struct spf_trace *trace = run.trace;
    run.local_part = local_part;
    run.sender_domain = domain;
    (void)snprintf(level.domain, sizeof(level.domain), "%s", domain);
    if (trace != NULL) {
        strbuf_printf(&trace->text, "%s %s\n", identity, domain);
    }
    enum auth_result result = spf_evaluate(&run, &level);
    if (trace != NULL) {
        bool is_error = result == AUTH_TEMPERROR || result == AUTH_PERMERROR;
        strbuf_printf(&trace->text, "%s %s%s%s (terms %u, voids %u, lookups %u)\n", identity,
                      auth_result_name(result), is_error ? ": " : "",
                      is_error ? run.lookups.problem : "", run.terms, run.voids, run.lookups.count);
    }
    if (result == AUTH_FAIL && explanation != NULL) {
        spf_explain(&run, &level, explanation, VERDICT_TEXT_SIZE);
    }
    *run_out = run;
    return result;
}

// One clause: why there is no answer, or none to be had. "" for the answers of a record.
static void
set_reason(const struct spf_run *run, enum auth_result result, char out[VERDICT_REASON_SIZE])
{
    const char *reason = "";
    if (result == AUTH_TEMPERROR || result == AUTH_PERMERROR) {
        reason = run->lookups.problem;
    } else if (result == AUTH_NONE) {
        reason = "there is no SPF record";
    }
    copy_cut(reason, strlen(reason), out, VERDICT_REASON_SIZE);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c; // it may quote a stranger's record
    }
}

// MAIL FROM: local part and domain. False when its domain is none that is checked.
static bool
split_sender(const char *sender, char local_part[SPF_LOCAL_PART_SIZE], char domain[SPF_NAME_SIZE])
{
    const char *at = strrchr(sender, '@');
    size_t length = at == NULL ? 0 : (size_t)(at - sender);
    copy_cut(sender, length, local_part, SPF_LOCAL_PART_SIZE);
    if (length == 0) { // RFC 7208, 4.3
        (void)snprintf(local_part, SPF_LOCAL_PART_SIZE, "postmaster");
    }
    return take_name(at == NULL ? sender : at + 1, domain);
}

static void
check_sender(struct check *check, struct verdict_spf *out)
{
    char local_part[SPF_LOCAL_PART_SIZE];
    struct spf_run run;
    if (!split_sender(check->query->sender, local_part, out->domain)) {
        (void)snprintf(out->reason, sizeof(out->reason), "the sender's domain is no name");
        return;
    }
    char *explanation = check->query->explain ? out->explanation : NULL;
    out->result = check_identity(check, "mailfrom", local_part, out->domain, explanation, &run);
    set_reason(&run, out->result, out->reason);
    out->terms = run.terms;
    out->voids = run.voids;
}

static void
check_helo(struct check *check, struct verdict_spf *out)
{
    char domain[SPF_NAME_SIZE];
    struct spf_run run;
    if (!take_name(check->query->helo, domain)) {
        if (out->identity_is_helo) {
            (void)snprintf(out->reason, sizeof(out->reason), "HELO is no domain name");
        }
        return;
    }
    char *explanation = out->identity_is_helo && check->query->explain ? out->explanation : NULL;
    out->helo = check_identity(check, "helo", "postmaster", domain, explanation, &run);
    if (out->identity_is_helo) {
        out->result = out->helo;
        memcpy(out->domain, domain, sizeof(out->domain));
        set_reason(&run, out->result, out->reason);
        out->terms = run.terms;
        out->voids = run.voids;
    }
}

void
spf_check(struct spf_cache *cache, struct dns *dns, struct dns_budget *budget,
          const struct spf_query *query, struct verdict_spf *out, struct spf_trace *trace)
{
    struct check check;
    check.query = query;
    check.validated.is_known = false;
    check.validated.count = 0;
    *out = (struct verdict_spf){.identity_is_helo = query->sender[0] == '\0'};
    if (network_parse_address(query->client_address, &check.client, NULL) != ST_OK) {
        (void)snprintf(out->reason, sizeof(out->reason), "the client's address is none");
        return;
    }
    copy_cut(query->helo, strlen(query->helo), check.helo, sizeof(check.helo));
    bool has_receiver = query->receiver != NULL && query->receiver[0] != '\0';
    check.base = (struct spf_run){
        .lookups = {.cache = cache,
                    .dns = dns,
                    .budget = budget,
                    .client = &check.client,
                    .validated = &check.validated},
        .helo = check.helo,
        .receiver = has_receiver ? query->receiver : "unknown",
        .now_s = query->now_s != 0 ? query->now_s : clock_wall_ms() / 1000,
        .trace = trace,
    };
    if (!out->identity_is_helo) {
        check_sender(&check, out); // first: it counts, and the budget may not last for both
    }
    check_helo(&check, out);
}
