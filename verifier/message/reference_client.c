// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/reference_client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/unixsock.h"
#include "common/xalloc.h"

struct conversation {
    const struct helper *helper;
    struct dns *dns;
    struct dns_budget *budget;
    unsigned questions;
    bool done;
    struct reference_results results;
};

static enum status
send_packet(struct conversation *talk, const struct frame_layout *layout, const void *packet,
            int passed_fd, struct why *why)
{
    AUTO_STRBUF out = STRBUF_INIT(FRAME_MAX);
    enum status status = frame_encode(layout, packet, &out, why);
    if (status != ST_OK) {
        return status;
    }
    if (!helper_wait(talk->helper->fd, POLLOUT, talk->budget->deadline_mono_ms)) {
        return why_set(why, ST_AGAIN, "the helper does not read");
    }
    return unixsock_send(talk->helper->fd, out.data, out.length, passed_fd, why);
}

static bool
is_known_type(uint64_t type)
{
    return type == DNS_A || type == DNS_AAAA || type == DNS_MX || type == DNS_PTR ||
           type == DNS_TXT;
}

static enum status
on_question(struct conversation *talk, const char *packet, size_t length, struct why *why)
{
    struct reference_question question;
    enum status status = frame_decode(&REFERENCE_QUESTION_LAYOUT, packet, length, &question, why);
    if (status != ST_OK) {
        return status;
    }
    if (++talk->questions > REFERENCE_QUESTIONS_MAX || !is_known_type(question.type)) {
        return why_set(why, ST_INVALID, "the helper asks too much");
    }
    AUTO_ANSWER *answer =
        dns_get(talk->dns, talk->budget, question.name, (enum dns_type)question.type);
    AUTO_STRBUF records = STRBUF_INIT(REFERENCE_RECORDS_MAX);
    if (answer->status == DNS_OK) {
        reference_format_records(answer, &records);
    }
    struct reference_answer reply = {.status = (uint64_t)answer->status,
                                     .count = answer->status == DNS_OK ? answer->count : 0,
                                     .records = strbuf_text(&records)};
    if (records.overflow) {
        reply = (struct reference_answer){.status = DNS_TEMPORARY, .records = ""};
    }
    return send_packet(talk, &REFERENCE_ANSWER_LAYOUT, &reply, -1, why);
}

static enum status
on_spf(struct conversation *talk, const char *packet, size_t length, struct why *why)
{
    struct reference_spf result;
    enum status status = frame_decode(&REFERENCE_SPF_LAYOUT, packet, length, &result, why);
    if (status != ST_OK) {
        return status;
    }
    if (result.is_helo > 1 || result.result > AUTH_PERMERROR || result.terms > UINT16_MAX ||
        result.voids > UINT16_MAX) {
        return why_set(why, ST_INVALID, "the helper gave an SPF result that is none");
    }
    *(result.is_helo == 1 ? &talk->results.helo : &talk->results.sender) = result;
    return ST_OK;
}

// Everything in a header we write must be printable, whoever said it.
static void
copy_printable(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (; text[used] != '\0' && used + 1 < size; used++) {
        out[used] = text[used] >= ' ' && text[used] <= '~' ? text[used] : '?';
    }
    out[used] = '\0';
}

static enum status
on_dkim(struct conversation *talk, const char *packet, size_t length, struct why *why)
{
    struct reference_dkim result;
    enum status status = frame_decode(&REFERENCE_DKIM_LAYOUT, packet, length, &result, why);
    if (status != ST_OK) {
        return status;
    }
    if (talk->results.dkim_count == VERDICT_DKIM_MAX || result.result > AUTH_PERMERROR ||
        result.bits > UINT16_MAX) {
        return why_set(why, ST_INVALID, "the helper gave a DKIM result that is none");
    }
    struct verdict_dkim *out = &talk->results.dkim[talk->results.dkim_count];
    *out = (struct verdict_dkim){.result = (enum auth_result)result.result,
                                 .bits = (unsigned)result.bits,
                                 .unsigned_tail = result.unsigned_tail != 0};
    copy_printable(out->domain, sizeof(out->domain), result.domain);
    copy_printable(out->selector, sizeof(out->selector), result.selector);
    copy_printable(out->algorithm, sizeof(out->algorithm), result.algorithm);
    copy_printable(out->reason, sizeof(out->reason), result.reason);
    talk->results.dkim_count++;
    return ST_OK;
}

static enum status
on_done(struct conversation *talk, const char *packet, size_t length, struct why *why)
{
    struct reference_done done;
    enum status status = frame_decode(&REFERENCE_DONE_LAYOUT, packet, length, &done, why);
    if (status == ST_OK) {
        talk->results.dkim_ignored = done.ignored;
        talk->done = true;
    }
    return status;
}

struct handler {
    enum reference_kind kind;
    enum status (*handle)(struct conversation *talk, const char *packet, size_t length,
                          struct why *why);
};

static const struct handler HANDLERS[] = {
    {REFERENCE_QUESTION, on_question},
    {REFERENCE_SPF, on_spf},
    {REFERENCE_DKIM, on_dkim},
    {REFERENCE_DONE, on_done},
};

static enum status
dispatch(struct conversation *talk, const char *packet, size_t length, struct why *why)
{
    for (size_t i = 0; i < ARRAY_LEN(HANDLERS); i++) {
        if ((unsigned char)packet[0] == HANDLERS[i].kind) {
            return HANDLERS[i].handle(talk, packet, length, why);
        }
    }
    return why_set(why, ST_INVALID, "the helper speaks out of turn");
}

// What a helper sends is small: a question's name or a reason.
enum { PACKET_MAX = 4096 };

static enum status
take_packet(struct conversation *talk, struct why *why)
{
    char packet[PACKET_MAX];
    size_t length = 0;
    int passed = -1;
    if (!helper_wait(talk->helper->fd, POLLIN, talk->budget->deadline_mono_ms)) {
        return why_set(why, ST_AGAIN, "the helper did not answer in time");
    }
    enum status status =
        unixsock_receive(talk->helper->fd, packet, sizeof(packet), &length, &passed, why);
    if (status != ST_OK) {
        return status;
    }
    if (passed >= 0) {
        (void)close(passed);
        return why_set(why, ST_INVALID, "the helper sent a descriptor");
    }
    if (length == 0) {
        return why_set(why, ST_AGAIN, "the helper ended");
    }
    return dispatch(talk, packet, length, why);
}

enum status
reference_ask(const struct helper *helper, const struct reference_check *check, int message_fd,
              struct dns *dns, struct dns_budget *budget, struct reference_results *out,
              struct why *why)
{
    struct conversation talk = {.helper = helper, .dns = dns, .budget = budget};
    enum status status = send_packet(&talk, &REFERENCE_CHECK_LAYOUT, check, message_fd, why);
    while (status == ST_OK && !talk.done) {
        status = take_packet(&talk, why);
    }
    if (status != ST_OK) {
        return ST_AGAIN;
    }
    *out = talk.results;
    return ST_OK;
}
