// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h> // mfapi.h would make bool an int

#include "milter/callbacks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "common/log.h"
#include "milter/eom.h"
#include "milter/session.h"

/* Steps whose answer is always "go on" are not answered at all: each answer is a wake-up on both
 * sides. DATA is: there we bow out of messages that are none of ours. */
#define WANTED_STEPS                                                                               \
    (SMFIP_HDR_LEADSPC | SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL |         \
     SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY)
#define NEEDED_ACTIONS ((unsigned long)SMFIF_DELRCPT)
/* Where the MTA's own mail is marked. */
#define MARKING_ACTIONS ((unsigned long)(SMFIF_ADDHDRS | SMFIF_CHGHDRS))

enum { ENVELOPE_TEXT_SIZE = 2048, REPLY_LINE_SIZE = 2 * ANSWER_TEXT_SIZE };

/* libmilter has no argument for this; written once, before its threads start. */
static const struct host *the_host;

// libmilter takes char * where it only reads.
static char *
writable(const char *text)
{
    char *out;
    memcpy(&out, &text, sizeof(out));
    return out;
}

// In smfi_setreply's text a '%' is written twice.
static void
double_percents(const char *text, char out[REPLY_LINE_SIZE])
{
    size_t used = 0;
    for (const char *c = text; *c != '\0' && used + 2 < REPLY_LINE_SIZE; c++) {
        if (*c == '%') {
            out[used++] = '%';
        }
        out[used++] = *c;
    }
    out[used] = '\0';
}

static sfsistat
send_reply(SMFICTX *context, const struct answer *answer)
{
    char code[8];
    char enhanced[ANSWER_ENHANCED_SIZE];
    char text[REPLY_LINE_SIZE];
    (void)snprintf(code, sizeof(code), "%u", answer->code);
    (void)snprintf(enhanced, sizeof(enhanced), "%s", answer->enhanced);
    double_percents(answer->text, text);
    if (smfi_setreply(context, code, enhanced, text) != MI_SUCCESS) {
        log_warn("milter.reply_not_set", LOG_STR("code", code), LOG_STR("enhanced", enhanced));
    }
    return answer->code >= 500 ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat
translate(SMFICTX *context, const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_CONTINUE:
    case ANSWER_REMOVE:
        return SMFIS_CONTINUE;
    case ANSWER_ACCEPT:
        return SMFIS_ACCEPT;
    case ANSWER_DISCARD:
        return SMFIS_DISCARD;
    case ANSWER_REPLY:
        return send_reply(context, answer);
    }
    return SMFIS_TEMPFAIL;
}

static void
client_address_text(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    out[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, out, INET6_ADDRSTRLEN);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, out, INET6_ADDRSTRLEN);
    }
}

static sfsistat
on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused2,
             unsigned long unused3, unsigned long *actions_out, unsigned long *steps_out,
             unsigned long *unused2_out, unsigned long *unused3_out)
{
    (void)unused2;
    (void)unused3;
    unsigned long needed = NEEDED_ACTIONS | (the_host->own.judged ? MARKING_ACTIONS : 0);
    // Without leading spaces DKIM's simple canonicalisation breaks; Postfix has had them since 2.5.
    if ((actions & needed) != needed || (steps & SMFIP_HDR_LEADSPC) == 0) {
        log_err("milter.mta_too_old", LOG_INT("actions", actions), LOG_INT("steps", steps));
        return SMFIS_REJECT;
    }
    *actions_out = needed | (actions & SMFIF_SETSYMLIST);
    // Where bodies are taken anyhow DATA needs no answer: it is always go on.
    *steps_out = steps & (WANTED_STEPS | (the_host->own.judged ? SMFIP_NR_DATA : 0));
    *unused2_out = 0;
    *unused3_out = 0;
    if ((actions & SMFIF_SETSYMLIST) != 0) { // else the MTA sends its default macros
        (void)smfi_setsymlist(context, SMFIM_CONNECT, writable("j"));
        (void)smfi_setsymlist(context, SMFIM_ENVFROM, writable("{auth_authen}"));
        (void)smfi_setsymlist(context, SMFIM_DATA, writable("i"));
        (void)smfi_setsymlist(context, SMFIM_EOM, writable("i"));
    }
    return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *context, char *name, struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    client_address_text(address, text);
    struct session *session =
        session_new(the_host, name, text, smfi_getsymval(context, writable("j")));
    session_free(smfi_getpriv(context));
    (void)smfi_setpriv(context, session); // cannot fail with a context
    return SMFIS_NOREPLY;
}

static sfsistat
on_helo(SMFICTX *context, char *name)
{
    session_helo(smfi_getpriv(context), name);
    return SMFIS_NOREPLY;
}

static sfsistat
on_mail(SMFICTX *context, char **arguments)
{
    const char *login = smfi_getsymval(context, writable("{auth_authen}"));
    session_mail(smfi_getpriv(context), arguments, login != NULL && login[0] != '\0');
    return SMFIS_NOREPLY;
}

static sfsistat
on_rcpt(SMFICTX *context, char **arguments)
{
    const char *mailer = smfi_getsymval(context, writable("{rcpt_mailer}"));
    struct answer answer;
    session_rcpt(smfi_getpriv(context), arguments[0], mailer == NULL ? "" : mailer, &answer);
    return translate(context, &answer);
}

static sfsistat
on_data(SMFICTX *context)
{
    struct session *session = smfi_getpriv(context);
    struct answer answer;
    session_data(session, smfi_getsymval(context, writable("i")), &answer);
    if (the_host->own.judged) {
        return SMFIS_NOREPLY; // mail that is left alone is dropped as it comes
    }
    if (answer.kind == ANSWER_ACCEPT) {
        session_reset(session); // neither end of message nor abort is called after it
    }
    return translate(context, &answer);
}

static sfsistat
on_field(SMFICTX *context, char *name, char *value)
{
    session_field(smfi_getpriv(context), name, value);
    return SMFIS_NOREPLY;
}

static sfsistat
on_end_of_fields(SMFICTX *context)
{
    struct session *session = smfi_getpriv(context);
    if (session->transaction.buffer != NULL) {
        message_buffer_end_fields(session->transaction.buffer);
    }
    return SMFIS_NOREPLY;
}

static sfsistat
on_body(SMFICTX *context, unsigned char *data, size_t length)
{
    struct session *session = smfi_getpriv(context);
    if (session->transaction.buffer != NULL) {
        message_buffer_add_body(session->transaction.buffer, data, length);
    }
    return SMFIS_NOREPLY;
}

static bool
tell_progress(void *context)
{
    return smfi_progress(context) == MI_SUCCESS;
}

// Our recipients leave the MTA's copy. If one cannot be removed the MTA must not deliver at all.
static bool
remove_recipients(SMFICTX *context, const struct transaction *transaction)
{
    char recipient[ENVELOPE_TEXT_SIZE];
    for (size_t offset = 0;
         transaction_next_recipient(transaction, &offset, recipient, sizeof(recipient));) {
        if (smfi_delrcpt(context, recipient) != MI_SUCCESS) {
            return false;
        }
    }
    return true;
}

// On top of all. NULL: there is no such field.
static bool
add_field(SMFICTX *context, const char *name, char *value)
{
    return value == NULL || smfi_insheader(context, 0, writable(name), value) == MI_SUCCESS;
}

// Forged fields go, from the last one on: each removal moves the places behind it. Then ours come
// first of all.
static bool
mark_copy(SMFICTX *context, const struct transaction *transaction)
{
    char *name = writable("Authentication-Results");
    for (size_t i = transaction->forged.count; i > 0; i--) {
        if (smfi_chgheader(context, name, (int)transaction->forged.places[i - 1], NULL) !=
            MI_SUCCESS) {
            return false;
        }
    }
    return add_field(context, "Received-SPF", transaction->received_spf) &&
           add_field(context, "Authentication-Results", transaction->results);
}

// What the MTA's copy of the message needs before it goes on.
static bool
change_copy(SMFICTX *context, const struct transaction *transaction, enum answer_kind kind)
{
    if (kind != ANSWER_CONTINUE && kind != ANSWER_REMOVE) {
        return true; // there is none
    }
    return (kind == ANSWER_CONTINUE || remove_recipients(context, transaction)) &&
           mark_copy(context, transaction);
}

static sfsistat
on_end_of_message(SMFICTX *context)
{
    struct session *session = smfi_getpriv(context);
    struct answer answer;
    eom_decide(session, tell_progress, context, &answer);
    if (!change_copy(context, &session->transaction, answer.kind)) {
        log_err("milter.copy_not_changed", LOG_STR("queue_id", session->queue_id));
        answer_reply(&answer, 451, "4.3.0", "internal error, try again later");
    }
    session_reset(session);
    return translate(context, &answer);
}

static sfsistat
on_abort(SMFICTX *context)
{
    struct session *session = smfi_getpriv(context);
    if (session != NULL) {
        session_reset(session);
    }
    return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *context)
{
    session_free(smfi_getpriv(context));
    (void)smfi_setpriv(context, NULL); // libmilter complains of what is left
    return SMFIS_CONTINUE;
}

const struct smfiDesc *
callbacks_table(const struct host *host)
{
    static char name[] = "mailspur-milter";
    static const struct smfiDesc TABLE = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_DELRCPT | SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST,
        .xxfi_negotiate = on_negotiate,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_data = on_data,
        .xxfi_header = on_field,
        .xxfi_eoh = on_end_of_fields,
        .xxfi_body = on_body,
        .xxfi_eom = on_end_of_message,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
    };
    the_host = host;
    return &TABLE;
}
