// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/results.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    PART_MAX = 1024, /* one result: two names of 253 bytes and a reason of 120 */
    REST_MAX = 3 * PART_MAX
};

// A token needs no quotes (RFC 2045, 5.1; "." and "-" are what names have).
static bool
is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && strchr("._-", *text) == NULL) {
            return false;
        }
    }
    return true;
}

// A quoted string. What could end it, fold it or look like the next result becomes "?".
static void
put_quoted(struct strbuf *out, const char *text)
{
    strbuf_putc(out, '"');
    for (; *text != '\0'; text++) {
        bool good = *text >= ' ' && *text <= '~' && strchr("\"\\;", *text) == NULL;
        strbuf_putc(out, good ? *text : '?');
    }
    strbuf_putc(out, '"');
}

static void
put_property(struct strbuf *out, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }
    strbuf_printf(out, " %s=", name);
    if (is_plain(value)) {
        strbuf_puts(out, value);
    } else {
        put_quoted(out, value);
    }
}

static void
put_reason(struct strbuf *out, const char *reason)
{
    if (reason[0] != '\0') {
        strbuf_puts(out, " reason=");
        put_quoted(out, reason);
    }
}

static void
put_spf(struct strbuf *out, const struct verdict_spf *spf)
{
    strbuf_printf(out, "; spf=%s", auth_result_name(spf->result));
    put_reason(out, spf->reason);
    put_property(out, spf->identity_is_helo ? "smtp.helo" : "smtp.mailfrom", spf->domain);
}

static void
put_dkim(struct strbuf *out, const struct verdict_dkim *dkim)
{
    strbuf_printf(out, "; dkim=%s", auth_result_name(dkim->result));
    put_reason(out, dkim->reason);
    put_property(out, "header.d", dkim->domain);
    put_property(out, "header.s", dkim->selector);
    put_property(out, "header.a", dkim->algorithm);
}

static void
put_arc(struct strbuf *out, const struct verdict_arc *arc)
{
    if (arc->result == AUTH_NONE) {
        return;
    }
    strbuf_printf(out, "; arc=%s", auth_result_name(arc->result));
    if (arc->instances > 0) {
        strbuf_printf(out, " (i=%u)", arc->instances);
    }
    put_reason(out, arc->reason);
    if (arc->result == AUTH_PASS) {
        strbuf_printf(out, " header.oldest-pass=%u", arc->oldest_pass);
    }
}

static void
put_dmarc(struct strbuf *out, const struct verdict_dmarc *dmarc)
{
    strbuf_printf(out, "; dmarc=%s", auth_result_name(dmarc->result));
    if (dmarc->result == AUTH_PASS || dmarc->result == AUTH_FAIL) {
        strbuf_printf(out, " (p=%s disposition=%s)", dmarc_action_name(dmarc->policy),
                      dmarc_action_name(dmarc->disposition));
    }
    put_reason(out, dmarc->reason);
    put_property(out, "header.from", dmarc->domain);
}

// A method of our own (RFC 8601, 2.7.7): nobody else reads it.
static void
put_forwarder(struct strbuf *out, const struct verdict_forwarder *forwarder)
{
    if (forwarder->result != FORWARDER_NONE) {
        strbuf_printf(out, "; x-forwarder=%s", forwarder_result_name(forwarder->result));
        put_reason(out, forwarder->reason);
        put_property(out, "policy.forwarder", forwarder->name);
    }
}

static void
put_signatures(struct strbuf *out, const struct verdict *verdict, size_t reserved)
{
    if (verdict->dkim_count == 0) {
        strbuf_puts(out, "; dkim=none");
    }
    for (size_t i = 0; i < verdict->dkim_count; i++) {
        AUTO_STRBUF part = STRBUF_INIT(PART_MAX);
        put_dkim(&part, &verdict->dkim[i]);
        if (!part.overflow && part.length + reserved <= out->cap - out->length) {
            strbuf_append(out, part.data, part.length);
        }
    }
}

static void
put_all(struct strbuf *out, const struct verdict *verdict)
{
    AUTO_STRBUF rest = STRBUF_INIT(REST_MAX);
    put_arc(&rest, &verdict->arc);
    put_dmarc(&rest, &verdict->dmarc);
    put_forwarder(&rest, &verdict->forwarder);
    put_signatures(out, verdict, rest.length);
    strbuf_puts(out, strbuf_text(&rest));
}

// A dot-atom needs no quotes (RFC 5322, 3.2.3).
static bool
is_dot_atom(const char *text)
{
    char before = '.';
    for (; *text != '\0'; before = *text++) {
        bool is_atom =
            isalnum((unsigned char)*text) || strchr("!#$%&'*+-/=?^_`{|}~", *text) != NULL;
        if (!is_atom && (*text != '.' || before == '.')) {
            return false;
        }
    }
    return before != '.';
}

static void
put_pair(struct strbuf *out, const char *key, const char *value)
{
    strbuf_printf(out, "%s=", key);
    if (is_dot_atom(value)) {
        strbuf_puts(out, value);
    } else {
        put_quoted(out, value);
    }
}

void
results_format_received_spf(const char *receiver, const char *client_address, const char *helo,
                            const char *sender, struct verdict *verdict)
{
    const struct verdict_spf *spf = &verdict->spf;
    AUTO_STRBUF out = STRBUF_INIT(sizeof(verdict->received_spf) - 1);
    if (verdict->local) {
        return;
    }
    bool has_problem = spf->result == AUTH_TEMPERROR || spf->result == AUTH_PERMERROR;
    const struct {
        const char *key;
        const char *value; /* NULL: left out */
    } pairs[] = {
        {"client-ip", client_address},
        {"envelope-from", sender[0] == '\0' ? NULL : sender},
        {"helo", helo},
        {"identity", spf->identity_is_helo ? "helo" : "mailfrom"},
        {"receiver", receiver},
        {"problem", has_problem ? spf->reason : NULL},
    };
    strbuf_puts(&out, auth_result_name(spf->result));
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].value != NULL) {
            strbuf_puts(&out, i == 0 ? " " : "; ");
            put_pair(&out, pairs[i].key, pairs[i].value);
        }
    }
    if (!out.overflow) {
        (void)snprintf(verdict->received_spf, sizeof(verdict->received_spf), "%s",
                       strbuf_text(&out));
    }
}

void
results_format(const char *authserv_id, enum results_scope scope, struct verdict *verdict)
{
    AUTO_STRBUF out = STRBUF_INIT(sizeof(verdict->authentication_results) - 1);
    if (is_plain(authserv_id)) {
        strbuf_puts(&out, authserv_id);
    } else {
        put_quoted(&out, authserv_id);
    }
    if (verdict->local) {
        strbuf_puts(&out, "; none");
    } else {
        put_spf(&out, &verdict->spf);
    }
    if (!verdict->local && scope == RESULTS_ALL) {
        put_all(&out, verdict);
    }
    (void)snprintf(verdict->authentication_results, sizeof(verdict->authentication_results), "%s",
                   strbuf_text(&out));
}
