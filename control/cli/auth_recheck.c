// SPDX-License-Identifier: Apache-2.0
#include "control/cli/auth_recheck.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/evidence.h"
#include "common/forwarder.h"
#include "common/verdict.h"
#include "common/xalloc.h"
#include "control/cli/call.h"
#include "control/cli/mail_file.h"
#include "verifier/message/auth.h"

enum {
    TIMEOUT_MS = 60 * 1000, /* nothing is asked that could take time */
    QUERIES_MAX = 1000000,  /* recorded answers cost none */
    VERDICT_JSON_MAX = 64 * 1024,
    PATH_SIZE = 120,
    DIFFERENCES_MAX = 50
};

void
recheck_done(struct recheck *recheck)
{
    json_decref(recheck->verdict);
    json_decref(recheck->differences);
}

static void PRINTF_LIKE(2, 3) add_difference(struct recheck *recheck, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char line[4096];
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (json_array_size(recheck->differences) < DIFFERENCES_MAX) {
        json_t *value = json_string(line); // NULL when it was cut inside a character
        (void)json_array_append_new(recheck->differences,
                                    value == NULL ? json_string("a text differs") : value);
    }
}

// ---- two verdicts compared

// Made of the results, for people: they differ when those do, or when their wording was changed.
static bool
is_derived(const char *name)
{
    return strcmp(name, "authentication_results") == 0 || strcmp(name, "received_spf") == 0;
}

static void
compare_leaf(struct recheck *recheck, const char *path, const json_t *was, const json_t *is)
{
    if (json_equal(was, is)) {
        return;
    }
    AUTO_FREE char *before = json_dumps(was, JSON_ENCODE_ANY);
    AUTO_FREE char *now = is == NULL ? NULL : json_dumps(is, JSON_ENCODE_ANY);
    add_difference(recheck, "%s was %s and is %s now", path, before == NULL ? "?" : before,
                   now == NULL ? "missing" : now);
}

// Depth is that of the verdict: three. A member that is new since then is no difference.
static void
compare(struct recheck *recheck, const char *path, const json_t *was, const json_t *is)
{
    char inner[PATH_SIZE];
    if (json_is_object(was) && json_is_object(is)) {
        const char *name;
        const json_t *value;
        json_object_foreach((json_t *)(uintptr_t)was, name, value)
        {
            if (!is_derived(name)) {
                (void)snprintf(inner, sizeof(inner), "%s%s%s", path, path[0] == '\0' ? "" : ".",
                               name);
                compare(recheck, inner, value, json_object_get(is, name));
            }
        }
    } else if (json_is_array(was) && json_is_array(is) &&
               json_array_size(was) == json_array_size(is)) {
        for (size_t i = 0; i < json_array_size(was); i++) {
            (void)snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
            compare(recheck, inner, json_array_get(was, i), json_array_get(is, i));
        }
    } else {
        compare_leaf(recheck, path, was, is);
    }
}

// ---- what is to be judged

// The text of a member, or the bytes that stand in its base64 form. Owned by the caller.
static char *
take_bytes(const json_t *object, const char *name, const char *encoded_name)
{
    const char *encoded = json_string_value(json_object_get(object, encoded_name));
    if (encoded == NULL) {
        return xstrdup(call_text(object, name));
    }
    size_t length = 0;
    char *bytes = xcalloc(strlen(encoded) / 4 * 3 + 1, 1);
    if (base64_decode(encoded, (unsigned char *)bytes, &length) != ST_OK) {
        bytes[0] = '\0';
    }
    return bytes;
}

static enum status
check_usable(const json_t *evidence, struct why *why)
{
    json_int_t version = call_number(evidence, "version");
    if (version != EVIDENCE_VERSION) {
        return why_set(why, ST_INVALID, "this evidence is of version %lld, which is not known here",
                       (long long)version);
    }
    if (!json_is_object(json_object_get(evidence, "verdict")) ||
        !json_is_string(json_object_get(evidence, "dns"))) {
        return why_set(why, ST_INVALID, "the evidence lacks its verdict or its DNS answers");
    }
    return ST_OK;
}

static void
close_dns(struct dns **dns)
{
    dns_close(*dns);
}

static void
close_auth(struct auth **auth)
{
    auth_close(*auth);
}

static enum status
open_engines(const json_t *evidence, struct dns **dns_out, struct auth **auth_out, struct why *why)
{
    const json_t *verdict = json_object_get(evidence, "verdict");
    const char *dns = call_text(evidence, "dns");
    const struct auth_settings settings = {
        .authserv_id = call_text(evidence, "authserv_id"),
        .engine = AUTH_ENGINE_OWN,
        .discovery = strcmp(call_text(evidence, "discovery"), "psl") == 0
                         ? DMARC_DISCOVERY_PSL
                         : DMARC_DISCOVERY_TREEWALK,
        .received_spf = json_is_string(json_object_get(verdict, "received_spf")),
        .timeout_ms = TIMEOUT_MS,
        .queries = QUERIES_MAX,
    };
    enum status status = dns_open_fixture_text(dns, strlen(dns), dns_out, why);
    return status == ST_OK ? auth_open(&settings, *dns_out, auth_out, why) : status;
}

static void
judge(struct auth *auth, const json_t *evidence, const struct mail_file *file,
      const struct forwarders *forwarders, struct recheck *recheck)
{
    const json_t *client = json_object_get(evidence, "client");
    AUTO_FREE char *helo = take_bytes(client, "helo", "helo_base64");
    AUTO_FREE char *sender = take_bytes(evidence, "sender", "sender_base64");
    const struct auth_message message = {
        .client_address = call_text(client, "address"),
        .helo = helo,
        .sender = sender,
        .fd = file->fd,
        .size = file->size,
        .header_length = file->header_length,
        .forwarders = forwarders,
        .now_s = call_number(evidence, "now"),
    };
    struct verdict verdict;
    AUTO_STRBUF text = STRBUF_INIT(VERDICT_JSON_MAX);
    auth_check(auth, &message, &verdict);
    verdict_format_json(&verdict, &text);
    recheck->verdict = json_loadb(strbuf_text(&text), text.length, 0, NULL);
}

// The message as an engine wants it; what is not as it was is a difference already.
static enum status
store_message(const json_t *evidence, const struct strbuf *bytes, struct mail_file *file,
              struct recheck *recheck, struct why *why)
{
    *file = (struct mail_file){.fd = -1};
    if (bytes == NULL) {
        return ST_OK;
    }
    enum status status = mail_file_store(strbuf_text(bytes), bytes->length, file, why);
    uint64_t size = (uint64_t)call_number(evidence, "size");
    if (status == ST_OK && file->size != size) {
        add_difference(recheck, "the message has %llu bytes; the one that was judged had %llu",
                       (unsigned long long)file->size, (unsigned long long)size);
    }
    return status;
}

static enum status
read_forwarders(const json_t *evidence, struct forwarders **out, struct why *why)
{
    return forwarders_parse(call_text(json_object_get(evidence, "policy"), "forwarders"), out, why);
}

static void
compare_verdicts(const json_t *evidence, struct recheck *recheck)
{
    const json_t *was = json_object_get(evidence, "verdict");
    if (recheck->spf_only) {
        compare(recheck, "spf", json_object_get(was, "spf"),
                json_object_get(recheck->verdict, "spf"));
    } else {
        compare(recheck, "", was, recheck->verdict);
    }
    if (json_array_size(recheck->differences) > 0 &&
        json_is_true(json_object_get(evidence, "truncated"))) {
        add_difference(recheck, "not all answers of the DNS could be kept: that may be why");
    }
}

enum status
recheck_run(const json_t *evidence, const struct strbuf *message, struct recheck *out,
            struct why *why)
{
    AUTO(close_dns) struct dns *dns = NULL;
    AUTO(close_auth) struct auth *auth = NULL; // is closed first
    AUTO_FREE struct forwarders *forwarders = NULL;
    struct mail_file file = {.fd = -1};
    *out = (struct recheck){.differences = json_array(), .spf_only = message == NULL};
    enum status status = check_usable(evidence, why);
    if (status == ST_OK) {
        status = read_forwarders(evidence, &forwarders, why);
    }
    if (status == ST_OK) {
        status = open_engines(evidence, &dns, &auth, why);
    }
    if (status == ST_OK) {
        status = store_message(evidence, message, &file, out, why);
    }
    if (status != ST_OK) {
        return status;
    }
    judge(auth, evidence, &file, forwarders, out);
    if (file.fd >= 0) {
        (void)close(file.fd);
    }
    compare_verdicts(evidence, out);
    return ST_OK;
}
