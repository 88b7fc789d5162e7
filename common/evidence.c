// SPDX-License-Identifier: Apache-2.0
#include "common/evidence.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/xalloc.h"

static const char *const DMARC_WORDS[] = {
    [DMARC_MODE_ENFORCE] = "enforce", [DMARC_MODE_TAG] = "tag", [DMARC_MODE_OFF] = "off"};
static const char *const TEMPERROR_WORDS[] = {[TEMPERROR_TAG] = "tag", [TEMPERROR_DEFER] = "defer"};

static void
set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value); // fails only without memory
}

// Bytes that are no UTF-8 stand in a member of their own: what was judged must be told exactly.
static void
set_bytes(json_t *object, const char *name, const char *encoded_name, const char *bytes)
{
    json_t *text = json_string(bytes);
    if (text == NULL) {
        size_t length = strlen(bytes);
        AUTO_FREE char *encoded = xcalloc(base64_encoded_length(length) + 1, 1);
        base64_encode(bytes, length, encoded);
        set(object, encoded_name, json_string(encoded));
        text = json_null();
    }
    set(object, name, text);
}

// Text for people only: bytes outside printable ASCII become '?', but for line ends.
static json_t *
plain_text(const char *text)
{
    AUTO_FREE char *copy = xstrdup(text);
    for (char *c = copy; *c != '\0'; c++) {
        if ((*c < ' ' || *c > '~') && *c != '\n') {
            *c = '?';
        }
    }
    return json_string(copy);
}

static json_t *
text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : plain_text(text);
}

static void
set_recipients(json_t *root, const char *recipients)
{
    json_t *list = json_array();
    json_int_t count = 0;
    while (*recipients != '\0') {
        size_t length = strcspn(recipients, "\n");
        if (count++ < EVIDENCE_RECIPIENTS_MAX) {
            AUTO_FREE char *one = xmemdup(recipients, length);
            json_t *text = json_string(one);
            (void)json_array_append_new(list, text == NULL ? plain_text(one) : text);
        }
        recipients += length + (recipients[length] == '\n' ? 1 : 0);
    }
    set(root, "recipients", list);
    set(root, "recipient_count", json_integer(count));
}

static json_t *
client_to_json(const struct evidence *evidence)
{
    json_t *client = json_object();
    set(client, "address", plain_text(evidence->client_address));
    set(client, "name", plain_text(evidence->client_name));
    set_bytes(client, "helo", "helo_base64", evidence->helo);
    return client;
}

static json_t *
policy_to_json(const struct evidence *evidence)
{
    json_t *policy = json_object();
    set(policy, "dmarc", json_string(DMARC_WORDS[evidence->policy.dmarc]));
    set(policy, "on_temperror", json_string(TEMPERROR_WORDS[evidence->policy.on_temperror]));
    set(policy, "defer_for_ms", json_integer(evidence->policy.defer_for_ms));
    set(policy, "forwarders", plain_text(evidence->forwarders));
    return policy;
}

static json_t *
decision_to_json(const struct evidence *evidence)
{
    json_t *decision = json_object();
    set(decision, "action", json_string(evidence->action));
    set(decision, "reason", text_or_null(evidence->reason));
    set(decision, "reply", text_or_null(evidence->reply));
    set(decision, "mixed", json_boolean(evidence->mixed));
    set(decision, "deferred_since_ms", json_integer(evidence->deferred_since_ms));
    return decision;
}

// Everything but the verdict.
static json_t *
to_json(const struct evidence *evidence)
{
    char moment[CLOCK_ISO_SIZE];
    json_t *root = json_object();
    set(root, "version", json_integer(EVIDENCE_VERSION));
    set(root, "checked_at", json_string(clock_format_iso(evidence->now_s * 1000, moment)));
    set(root, "now", json_integer(evidence->now_s));
    set(root, "queue_id", text_or_null(evidence->queue_id));
    set(root, "client", client_to_json(evidence));
    set_bytes(root, "sender", "sender_base64", evidence->sender);
    set_recipients(root, evidence->recipients);
    set(root, "size", json_integer((json_int_t)evidence->size));
    set(root, "header_length", json_integer((json_int_t)evidence->header_length));
    set(root, "authserv_id", plain_text(evidence->authserv_id));
    set(root, "discovery", json_string(evidence->discovery));
    set(root, "policy", policy_to_json(evidence));
    set(root, "decision", decision_to_json(evidence));
    set(root, "spf_trace", plain_text(evidence->spf_trace));
    set(root, "dns", plain_text(evidence->dns));
    set(root, "dns_left_out", json_integer((json_int_t)evidence->dns_left_out));
    return root;
}

// False when it does not fit; `out` is as before then.
static bool
put(const struct evidence *evidence, bool truncated, struct strbuf *out)
{
    json_t *root = to_json(evidence);
    set(root, "truncated", json_boolean(truncated || evidence->dns_left_out > 0));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (text == NULL) {
        abort(); // only without memory: every member above is valid JSON
    }
    size_t length = strlen(text) - 1; // the verdict, which is JSON already, goes before the brace
    static const char LABEL[] = ",\"verdict\":";
    bool fits =
        length + sizeof(LABEL) - 1 + strlen(evidence->verdict) + 1 <= out->cap - out->length;
    if (fits) {
        strbuf_append(out, text, length);
        strbuf_puts(out, LABEL);
        strbuf_puts(out, evidence->verdict);
        strbuf_putc(out, '}');
    }
    free(text);
    return fits;
}

void
evidence_format(const struct evidence *evidence, struct strbuf *out)
{
    struct evidence less = *evidence;
    if (put(evidence, evidence->trace_cut, out)) {
        return;
    }
    for (const char *line = less.dns; (line = strchr(line, '\n')) != NULL; line++) {
        less.dns_left_out += line[1] == '#'; // one comment an answer
    }
    less.dns = "";
    if (put(&less, true, out)) {
        return;
    }
    less.spf_trace = "";
    if (!put(&less, true, out)) {
        out->overflow = true;
    }
}
