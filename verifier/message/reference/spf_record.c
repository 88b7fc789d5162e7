// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/reference/spf_record.h"

#include <string.h>

#include "common/strbuf.h"
#include "verifier/message/spf_record.h"

enum {
    TERM_MAX = 255,    /* bytes of one term that goes to libspf2 */
    TERM_OVERHEAD = 8, /* what libspf2 adds to a term when it compiles it, at most */
    MACRO_OVERHEAD = 8 /* and to each macro */
};

struct rewriter {
    const struct network_address *client;
    char *out;
    size_t used;      /* of out */
    size_t estimated; /* compiled size, from above */
    size_t dns_terms;
    bool overflow;
};

static void
emit(struct rewriter *writer, const struct strbuf *term, size_t macros)
{
    writer->estimated += term->length + TERM_OVERHEAD + macros * MACRO_OVERHEAD;
    if (term->overflow || writer->estimated >= SPF_RECORD_SAFE_SIZE ||
        writer->used + term->length + 2 > SPF_RECORD_SAFE_SIZE) {
        writer->overflow = true;
        return;
    }
    writer->out[writer->used++] = ' ';
    memcpy(writer->out + writer->used, strbuf_text(term), term->length + 1);
    writer->used += term->length;
}

static char
sign_of(enum auth_result qualifier)
{
    return qualifier == AUTH_FAIL       ? '-'
           : qualifier == AUTH_SOFTFAIL ? '~'
           : qualifier == AUTH_NEUTRAL  ? '?'
                                        : '+';
}

static void
append_macro(const struct spf_token *token, struct strbuf *out)
{
    strbuf_printf(out, "%%{%c", token->escapes ? token->letter - ('a' - 'A') : token->letter);
    if (token->keeps > 0) {
        strbuf_printf(out, "%u", token->keeps);
    }
    strbuf_puts(out, token->reverses ? "r" : "");
    for (size_t i = 0; SPF_DELIMITERS[i] != '\0'; i++) {
        if ((token->delimiters >> i & 1) != 0) {
            strbuf_putc(out, SPF_DELIMITERS[i]);
        }
    }
    strbuf_putc(out, '}');
}

// The domain-spec written again; returns the number of its macros.
static size_t
append_target(const struct spf_string *target, struct strbuf *out)
{
    size_t macros = 0;
    for (size_t i = 0; i < target->count; i++) {
        const struct spf_token *token = &target->tokens[i];
        macros += token->literal == NULL || token->was_percent;
        if (token->literal == NULL) {
            append_macro(token, out);
        } else if (token->was_percent) {
            strbuf_puts(out, token->length > 1 ? "%-" : token->literal[0] == ' ' ? "%_" : "%%");
        } else {
            strbuf_append(out, token->literal, token->length);
        }
    }
    return macros;
}

static void
emit_all(struct rewriter *writer, enum auth_result qualifier)
{
    AUTO_STRBUF text = STRBUF_INIT(TERM_MAX);
    strbuf_printf(&text, "%call", sign_of(qualifier));
    emit(writer, &text, 0);
}

// "a" and "mx": only the prefix length of the client's family is kept, so that libspf2's trouble
// with the other one does not matter.
static void
emit_dns_term(struct rewriter *writer, const struct spf_term *term)
{
    AUTO_STRBUF text = STRBUF_INIT(TERM_MAX);
    if (writer->dns_terms++ >= SPF_RECORD_TERMS_MAX) {
        return;
    }
    strbuf_printf(&text, "%c%s%s", sign_of(term->qualifier), spf_mechanism_name(term->mechanism),
                  term->has_target ? ":" : "");
    size_t macros = append_target(&term->target, &text);
    if (term->mechanism == SPF_A || term->mechanism == SPF_MX) {
        bool is_ip4 = writer->client->length == 4;
        strbuf_printf(&text, "%s%u", is_ip4 ? "/" : "//", is_ip4 ? term->prefix4 : term->prefix6);
    }
    emit(writer, &text, macros);
}

static void
emit_redirect(struct rewriter *writer, const struct spf_record *record)
{
    AUTO_STRBUF text = STRBUF_INIT(TERM_MAX);
    if (!record->has_redirect || writer->dns_terms >= SPF_RECORD_TERMS_MAX) {
        return;
    }
    strbuf_puts(&text, "redirect=");
    size_t macros = append_target(&record->redirect, &text);
    emit(writer, &text, macros);
}

// False once an "all", or an address that matches, ends the record.
static bool
take_term(struct rewriter *writer, const struct spf_term *term)
{
    switch (term->mechanism) {
    case SPF_ALL:
        emit_all(writer, term->qualifier);
        return false;
    case SPF_IP4:
    case SPF_IP6:
        if (network_contains(&term->network, writer->client)) {
            emit_all(writer, term->qualifier);
            return false;
        }
        return true;
    case SPF_INCLUDE:
    case SPF_A:
    case SPF_MX:
    case SPF_PTR:
    case SPF_EXISTS:
        emit_dns_term(writer, term);
        return true;
    }
    return true;
}

enum status
spf_record_rewrite(const char *text, size_t length, const struct network_address *client,
                   char out[SPF_RECORD_SAFE_SIZE])
{
    AUTO(spf_record_done) struct spf_record record = {.text = NULL};
    enum status status = spf_record_parse(text, length, &record, NULL);
    if (status != ST_OK) {
        return status;
    }
    struct rewriter writer = {.client = client, .out = out, .used = 6};
    memcpy(out, "v=spf1", 7);
    bool goes_on = true;
    for (size_t i = 0; i < record.count && goes_on; i++) {
        goes_on = take_term(&writer, &record.terms[i]);
    }
    if (goes_on) {
        emit_redirect(&writer, &record);
    }
    return writer.overflow ? ST_TOO_LARGE : ST_OK;
}
