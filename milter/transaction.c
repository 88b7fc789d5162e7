// SPDX-License-Identifier: Apache-2.0
#include "milter/transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/parse.h"
#include "common/xalloc.h"

void
transaction_init(struct transaction *transaction)
{
    *transaction = (struct transaction){.recipients = STRBUF_INIT(INTAKE_RECIPIENTS_TEXT_MAX)};
}

void
transaction_done(struct transaction *transaction)
{
    free(transaction->sender);
    free(transaction->forwarders);
    strbuf_done(&transaction->recipients);
    message_buffer_free(transaction->buffer);
    forged_list_done(&transaction->forged);
    free(transaction->results);
    free(transaction->received_spf);
    transaction_init(transaction);
}

// The address between angle brackets; the text itself where there are none.
static void
bare_address(const char *text, size_t length, const char **start_out, size_t *length_out)
{
    bool bracketed = length >= 2 && text[0] == '<' && text[length - 1] == '>';
    *start_out = bracketed ? text + 1 : text;
    *length_out = bracketed ? length - 2 : length;
}

static uint64_t
declared_size(char *const *parameters)
{
    static const char keyword[] = "SIZE=";
    uint64_t size = 0;
    for (; *parameters != NULL; parameters++) {
        const char *text = *parameters;
        if (strncasecmp(text, keyword, sizeof(keyword) - 1) == 0 &&
            parse_uint(text + sizeof(keyword) - 1, INT64_MAX, &size, NULL) != ST_OK) {
            size = 0; // the MTA has judged the syntax; without a number nothing is reserved
        }
    }
    return size;
}

void
transaction_begin(struct transaction *transaction, char *const *arguments)
{
    transaction_done(transaction);
    const char *start;
    size_t length;
    bare_address(arguments[0], strlen(arguments[0]), &start, &length);
    transaction->sender = xmemdup(start, length);
    transaction->declared_size = declared_size(arguments + 1);
}

static struct policy
policy_of(const struct intake_rcpt_answer *daemon)
{
    return (struct policy){
        .dmarc = (enum dmarc_mode)daemon->dmarc,
        .on_temperror = (enum temperror_mode)daemon->on_temperror,
        .defer_for_ms = (int64_t)daemon->defer_for_ms,
    };
}

// False: the daemon speaks of forwarders in words that we do not know.
static bool
agree(struct transaction *transaction, const struct intake_rcpt_answer *daemon)
{
    struct forwarders *forwarders = NULL;
    if (forwarders_parse(daemon->forwarders, &forwarders, NULL) != ST_OK) {
        return false;
    }
    free(transaction->forwarders);
    transaction->forwarders = forwarders;
    (void)snprintf(transaction->tenant, sizeof(transaction->tenant), "%s", daemon->tenant);
    (void)snprintf(transaction->policy_key, sizeof(transaction->policy_key), "%s",
                   daemon->policy_key);
    (void)snprintf(transaction->domain, sizeof(transaction->domain), "%s", daemon->domain);
    transaction->policy = policy_of(daemon);
    transaction->trusted = daemon->trusted != 0;
    transaction->max_message = daemon->max_message;
    return true;
}

// Policies of two domains may be equal in key while the client is trusted by one of them only.
static bool
is_same_agreement(const struct transaction *transaction, const struct intake_rcpt_answer *daemon)
{
    return strcmp(transaction->tenant, daemon->tenant) == 0 &&
           strcmp(transaction->policy_key, daemon->policy_key) == 0 &&
           transaction->trusted == (daemon->trusted != 0);
}

static void
separate(struct answer *out)
{
    answer_reply(out, 452, "4.5.3", "send this recipient in a transaction of its own");
}

static void
accept_recipient(struct transaction *transaction, const char *recipient,
                 const struct intake_rcpt_answer *daemon, struct answer *out)
{
    size_t length = strlen(recipient);
    const struct policy policy = policy_of(daemon);
    if ((transaction->ours > 0 && !is_same_agreement(transaction, daemon)) ||
        (transaction_judges_own(transaction) &&
         own_mail_clashes(transaction->own, &policy,
                          daemon->trusted != 0 || daemon->forwarders[0] != '\0'))) {
        separate(out);
        return;
    }
    if (transaction->ours >= INTAKE_RECIPIENTS_MAX ||
        length + 1 > transaction->recipients.cap - transaction->recipients.length) {
        answer_reply(out, 452, "4.5.3", "too many recipients");
        return;
    }
    if (transaction->ours == 0 && !agree(transaction, daemon)) {
        answer_reply(out, 451, "4.3.0", "mail routing is restarting, try again later");
        return;
    }
    if (daemon->max_message < transaction->max_message) {
        transaction->max_message = daemon->max_message; // a reload in between
    }
    strbuf_append(&transaction->recipients, recipient, length);
    strbuf_putc(&transaction->recipients, '\n');
    transaction->ours++;
    *out = (struct answer){.kind = ANSWER_CONTINUE};
}

void
transaction_add_other(struct transaction *transaction, struct answer *out)
{
    if (transaction->own != NULL && transaction->ours > 0 &&
        own_mail_clashes(transaction->own, &transaction->policy,
                         transaction_is_excused(transaction))) {
        separate(out);
        return;
    }
    transaction->others++;
    *out = (struct answer){.kind = ANSWER_CONTINUE};
}

void
transaction_add(struct transaction *transaction, const char *recipient,
                const struct intake_rcpt_answer *daemon, struct answer *out)
{
    switch ((enum gate_decision)daemon->decision) {
    case GATE_NOT_OURS:
        transaction_add_other(transaction, out);
        return;
    case GATE_ACCEPT:
        accept_recipient(transaction, recipient, daemon, out);
        return;
    case GATE_REFUSE:
    case GATE_DEFER:
        break;
    }
    answer_relay(out, &daemon->reply); // an unknown decision has no usable reply: 451
}

bool
transaction_next_recipient(const struct transaction *transaction, size_t *offset, char *out,
                           size_t size)
{
    const struct strbuf *list = &transaction->recipients;
    if (*offset >= list->length) {
        return false;
    }
    const char *start = list->data + *offset;
    const char *end = memchr(start, '\n', list->length - *offset);
    (void)snprintf(out, size, "%.*s", (int)(end - start), start);
    *offset += (size_t)(end - start) + 1;
    return true;
}

void
transaction_list_recipients(const struct transaction *transaction, struct strbuf *out)
{
    const struct strbuf *list = &transaction->recipients;
    for (size_t offset = 0; offset < list->length;) {
        const char *line = list->data + offset;
        size_t whole = (size_t)((const char *)memchr(line, '\n', list->length - offset) - line);
        const char *start;
        size_t length;
        bare_address(line, whole, &start, &length);
        if (offset > 0) {
            strbuf_putc(out, '\n');
        }
        strbuf_append(out, start, length);
        offset += whole + 1;
    }
}
