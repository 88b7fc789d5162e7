// SPDX-License-Identifier: Apache-2.0
// Format "raw": message/rfc822, the message behind the trace fields of its hop through us
// (RFC 5321, 4.4). The tenant stands in the body, so the signature binds it.
#include "router/delivery/payload.h"

#include <time.h>

#include "common/cleanup.h"
#include "router/delivery/stored_json.h"

// Text from an SMTP client inside a field: no byte of it may end the line.
static void
put_line_text(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        strbuf_putc(out, c < 0x20 || c == 0x7f ? '?' : *text);
    }
}

// A host name or address literal inside a comment: nothing that could end it either.
static void
put_host(struct strbuf *out, const char *text)
{
    if (*text == '\0') {
        strbuf_puts(out, "unknown");
    }
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool bad = c <= 0x20 || c >= 0x7f || c == '(' || c == ')' || c == '\\' || c == '"' ||
                   c == '<' || c == '>' || c == ';';
        strbuf_putc(out, bad ? '?' : *text);
    }
}

static void
put_date(struct strbuf *out, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char text[64];
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &utc);
    strbuf_puts(out, text);
}

static void
put_received(struct strbuf *out, const struct payload_input *input)
{
    const struct store_message *message = input->message;
    strbuf_puts(out, "Received: from ");
    put_host(out, message->helo);
    strbuf_puts(out, " (");
    put_host(out, message->client_name);
    strbuf_puts(out, " [");
    put_host(out, message->client_address);
    strbuf_puts(out, "])\r\n\tby ");
    put_host(out, input->hostname);
    strbuf_puts(out, " (mailspur) id ");
    put_host(out, input->delivery->id.text);
    strbuf_puts(out, ";\r\n\t");
    put_date(out, message->received_at);
    strbuf_puts(out, "\r\n");
}

// Folded behind each ";", so that no line grows past the 998 bytes of RFC 5322, 2.1.1.
static void
put_folded(struct strbuf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == ';' && (value[1] == ' ' || value[1] == '\r' || value[1] == '\n')) {
            strbuf_puts(out, ";\r\n\t");
            while (value[1] == ' ' || value[1] == '\t' || value[1] == '\r' || value[1] == '\n') {
                value++;
            }
        } else if (c == '\t' || c >= 0x20) {
            strbuf_putc(out, *value);
        } else if (c == '\n') {
            strbuf_putc(out, ' ');
        }
    }
}

static void
put_authentication_results(struct strbuf *out, const struct payload_input *input)
{
    AUTO_FREE char *stored = stored_json_text(input->message->verdict, "authentication_results");
    strbuf_puts(out, "Authentication-Results: ");
    if (stored != NULL && stored[0] != '\0') {
        put_folded(out, stored);
    } else {
        put_host(out, input->authserv_id);
        strbuf_puts(out, "; none");
    }
    strbuf_puts(out, "\r\n");
}

static void
put_received_spf(struct strbuf *out, const struct payload_input *input)
{
    AUTO_FREE char *stored = stored_json_text(input->message->verdict, "received_spf");
    if (stored != NULL && stored[0] != '\0') {
        strbuf_puts(out, "Received-SPF: ");
        put_folded(out, stored);
        strbuf_puts(out, "\r\n");
    }
}

void
payload_format_raw(const struct payload_input *input, struct strbuf *out)
{
    strbuf_puts(out, "X-Original-To: ");
    put_line_text(out, input->delivery->recipient);
    strbuf_puts(out, "\r\nX-Mailspur-Tenant: ");
    put_line_text(out, input->delivery->tenant);
    strbuf_puts(out, "\r\n");
    put_received(out, input);
    put_authentication_results(out, input);
    put_received_spf(out, input);
}
