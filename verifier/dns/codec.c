// SPDX-License-Identifier: Apache-2.0
#include "verifier/dns/codec.h"

#include <string.h>

#include <ldns/ldns.h>

enum {
    HEADER_SIZE = 12,
    OLD_UDP_SIZE = 512, // without EDNS (RFC 1035, 4.2.1)
    FLAG_QR = 0x80,     /* in byte 2 */
    FLAG_TC = 0x02,
    MASK_OPCODE = 0x78,
    MASK_RCODE = 0x0f, /* in byte 3 */
    CLASS_IN = 1
};

_Static_assert(DNS_TXT == (int)LDNS_RR_TYPE_TXT && DNS_AAAA == (int)LDNS_RR_TYPE_AAAA &&
                   DNS_SPF == (int)LDNS_RR_TYPE_SPF,
               "types are the wire's");

static void
free_packet(ldns_pkt **packet)
{
    ldns_pkt_free(*packet); // NULL-safe
}
#define AUTO_PACKET AUTO(free_packet) ldns_pkt

enum status
dns_codec_build(const struct dns_question *question, uint16_t id, bool edns, struct dns_query *out,
                struct why *why)
{
    ldns_rdf *name =
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, question->name.length, question->name.wire);
    AUTO_PACKET *packet =
        name == NULL ? NULL
                     : ldns_pkt_query_new(name, (ldns_rr_type)question->type, LDNS_RR_CLASS_IN, 0);
    if (packet == NULL) {
        ldns_rdf_deep_free(name);
        return why_set(why, ST_BUG, "cannot build a DNS query");
    }
    ldns_pkt_set_id(packet, id);
    ldns_pkt_set_rd(packet, !question->is_iterative);
    ldns_pkt_set_cd(packet, question->is_unchecked);
    ldns_pkt_set_ad(packet, !question->is_iterative); // did you validate? (RFC 6840, 5.7)
    if (edns) {
        ldns_pkt_set_edns_udp_size(packet, DNS_EDNS_SIZE);
    }
    AUTO_FREE uint8_t *wire = NULL;
    size_t length = 0;
    if (ldns_pkt2wire(&wire, packet, &length) != LDNS_STATUS_OK || length > sizeof(out->bytes)) {
        return why_set(why, ST_BUG, "cannot encode a DNS query");
    }
    out->question = *question;
    out->id = id;
    out->edns = edns;
    out->length = length;
    memcpy(out->bytes, wire, length);
    return ST_OK;
}

static unsigned
read_u16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool
is_refusal(const unsigned char *message)
{
    int rcode = message[3] & MASK_RCODE;
    return rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN;
}

bool
dns_codec_is_answer(const struct dns_query *query, const unsigned char *message, size_t length)
{
    if (length < HEADER_SIZE || read_u16(message) != query->id || (message[2] & FLAG_QR) == 0 ||
        (message[2] & MASK_OPCODE) != 0) {
        return false;
    }
    unsigned questions = read_u16(message + 4);
    if (questions == 0) {
        return is_refusal(message);
    }
    const struct dns_name *name = &query->question.name;
    const unsigned char *type = message + HEADER_SIZE + name->length;
    return questions == 1 && length >= HEADER_SIZE + name->length + 4 &&
           dns_name_equal(message + HEADER_SIZE, name->length, name->wire, name->length) &&
           read_u16(type) == (unsigned)query->question.type && read_u16(type + 2) == CLASS_IN;
}

bool
dns_codec_needs_tcp(const struct dns_query *query, const unsigned char *message, size_t length)
{
    // More than we announced comes in fragments, which strangers can forge.
    size_t most = query->edns ? (size_t)DNS_EDNS_SIZE : (size_t)OLD_UDP_SIZE;
    return (message[2] & FLAG_TC) != 0 || length > most;
}

bool
dns_codec_dislikes_edns(const unsigned char *message)
{
    int rcode = message[3] & MASK_RCODE;
    return rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_NOTIMPL;
}

bool
dns_codec_is_servfail(const unsigned char *message)
{
    return (message[3] & MASK_RCODE) == LDNS_RCODE_SERVFAIL;
}

// The top bit makes a TTL zero (RFC 2181, 8).
static uint32_t
ttl_of(const ldns_rr *rr)
{
    uint32_t ttl = ldns_rr_ttl(rr);
    return ttl > INT32_MAX ? 0 : ttl;
}

static bool
is_owned_by(const ldns_rr *rr, const struct dns_name *name, ldns_rr_type type)
{
    const ldns_rdf *owner = ldns_rr_owner(rr);
    return ldns_rr_get_type(rr) == type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
           dns_name_equal(ldns_rdf_data(owner), ldns_rdf_size(owner), name->wire, name->length);
}

static bool
add_txt(const ldns_rr *rr, struct dns_reply *reply)
{
    AUTO_STRBUF joined = STRBUF_INIT(DNS_DATA_MAX);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *string = ldns_rr_rdf(rr, i); // its first byte is its length
        if (ldns_rdf_size(string) > 0) {
            strbuf_append(&joined, ldns_rdf_data(string) + 1, ldns_rdf_size(string) - 1);
        }
    }
    return dns_reply_add(reply, 0, strbuf_text(&joined), joined.length);
}

// Whether the record's fields are as many and as long as its type has them.
static bool
has_name_at(const ldns_rr *rr, size_t index)
{
    return ldns_rr_rd_count(rr) > index &&
           ldns_rdf_get_type(ldns_rr_rdf(rr, index)) == LDNS_RDF_TYPE_DNAME;
}

static bool
add_mx(const ldns_rr *rr, struct dns_reply *reply)
{
    const ldns_rdf *host = ldns_rr_rdf(rr, 1);
    return dns_reply_add_name(reply, (uint16_t)read_u16(ldns_rdf_data(ldns_rr_rdf(rr, 0))),
                              ldns_rdf_data(host), ldns_rdf_size(host));
}

static bool
take_soa(const ldns_rr *rr, struct dns_reply *reply)
{
    enum { FIELDS = 7, SERIAL = 2, MINIMUM = 6 };
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) != FIELDS) {
        return false;
    }
    reply->soa = (struct dns_soa){
        .is_present = true,
        .serial = ldns_rdf2native_int32(ldns_rr_rdf(rr, SERIAL)),
        .minimum = ldns_rdf2native_int32(ldns_rr_rdf(rr, MINIMUM)),
    };
    return true;
}

static bool
add_record(const ldns_rr *rr, enum dns_type type, struct dns_reply *reply)
{
    const ldns_rdf *first = ldns_rr_rdf(rr, 0);
    if (first == NULL) {
        dns_reply_fail(reply, "a record without data");
        return false;
    }
    switch (type) {
    case DNS_TXT:
    case DNS_SPF:
        return add_txt(rr, reply);
    case DNS_A:
    case DNS_AAAA:
        if (ldns_rdf_size(first) != (type == DNS_A ? 4U : 16U)) {
            break;
        }
        return dns_reply_add(reply, 0, ldns_rdf_data(first), ldns_rdf_size(first));
    case DNS_MX:
        if (ldns_rdf_size(first) != 2 || !has_name_at(rr, 1)) {
            break;
        }
        return add_mx(rr, reply);
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
    case DNS_SOA:
        if (!has_name_at(rr, 0) || (type == DNS_SOA && !take_soa(rr, reply))) {
            break;
        }
        return dns_reply_add_name(reply, 0, ldns_rdf_data(first), ldns_rdf_size(first));
    }
    dns_reply_fail(reply, "a record with broken data");
    return false;
}

static bool
add_records(const ldns_rr_list *answers, enum dns_type type, struct dns_reply *reply)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answers, i);
        if (!is_owned_by(rr, &reply->canonical, (ldns_rr_type)type)) {
            continue;
        }
        if (!add_record(rr, type, reply)) {
            return false;
        }
        uint32_t ttl = ttl_of(rr);
        reply->ttl = ttl < reply->ttl ? ttl : reply->ttl;
    }
    return true;
}

static bool
is_in_zone(const struct dns_reply *reply, const struct dns_name *zone)
{
    return zone == NULL || dns_name_is_within(reply->canonical.wire, reply->canonical.length,
                                              zone->wire, zone->length);
}

// Follow the CNAMEs as far as the answer section tells them, in whatever order they stand. Of what
// is outside of `zone` (NULL: the world) its servers know nothing.
static bool
follow_chain(const ldns_rr_list *answers, const struct dns_name *zone, struct dns_reply *reply)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(answers) && is_in_zone(reply, zone);) {
        const ldns_rr *rr = ldns_rr_list_rr(answers, i++);
        if (!is_owned_by(rr, &reply->canonical, LDNS_RR_TYPE_CNAME) || !has_name_at(rr, 0)) {
            continue;
        }
        const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);
        struct dns_name target = {.length = ldns_rdf_size(rdf)};
        if (target.length > sizeof(target.wire)) {
            dns_reply_fail(reply, "a CNAME with a broken target");
            return false;
        }
        memcpy(target.wire, ldns_rdf_data(rdf), target.length);
        if (!dns_reply_follow(reply, &target, ttl_of(rr))) {
            return false;
        }
        i = 0;
    }
    return true;
}

// RFC 2308: the SOA of a zone around the name makes a "no" believable, and says for how long.
static bool
take_negative_ttl(const ldns_pkt *packet, struct dns_reply *reply)
{
    const ldns_rr_list *authority = ldns_pkt_authority(packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(authority, i);
        const ldns_rdf *owner = ldns_rr_owner(rr);
        if (!dns_name_is_within(reply->canonical.wire, reply->canonical.length,
                                ldns_rdf_data(owner), ldns_rdf_size(owner)) ||
            !take_soa(rr, reply)) {
            continue;
        }
        uint32_t minimum = reply->soa.minimum;
        uint32_t ttl = ttl_of(rr) < minimum ? ttl_of(rr) : minimum;
        reply->ttl = ttl < reply->ttl ? ttl : reply->ttl;
        return true;
    }
    return false;
}

static bool
is_referral(const ldns_pkt *packet)
{
    const ldns_rr_list *authority = ldns_pkt_authority(packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        if (ldns_rr_get_type(ldns_rr_list_rr(authority, i)) == LDNS_RR_TYPE_NS) {
            return !ldns_pkt_aa(packet);
        }
    }
    return false;
}

// NS records of a zone strictly below.
static bool
has_ns_below(const ldns_pkt *packet, const struct dns_name *zone)
{
    const ldns_rr_list *authority = ldns_pkt_authority(packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(authority, i);
        const ldns_rdf *owner = ldns_rr_owner(rr);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NS && ldns_rdf_size(owner) > zone->length &&
            dns_name_is_within(ldns_rdf_data(owner), ldns_rdf_size(owner), zone->wire,
                               zone->length)) {
            return true;
        }
    }
    return false;
}

static void
read_negative(const ldns_pkt *packet, bool was_followed, struct dns_reply *reply)
{
    bool has_soa = take_negative_ttl(packet, reply);
    if (ldns_pkt_get_rcode(packet) == LDNS_RCODE_NXDOMAIN) {
        reply->status = DNS_NXDOMAIN;
    } else if (!has_soa && was_followed) {
        reply->unfinished = true; // the server told the CNAME only
        return;
    } else if (!has_soa && is_referral(packet)) {
        dns_reply_fail(reply, "the server refers to others instead of resolving");
        return;
    } else {
        reply->status = DNS_NODATA;
    }
    if (!has_soa) {
        reply->ttl = 0; // RFC 2308, 5: not to be cached
    }
}

static const char *
rcode_name(ldns_pkt_rcode rcode)
{
    static const char *const names[] = {
        [LDNS_RCODE_FORMERR] = "FORMERR",
        [LDNS_RCODE_SERVFAIL] = "SERVFAIL",
        [LDNS_RCODE_NOTIMPL] = "NOTIMP",
        [LDNS_RCODE_REFUSED] = "REFUSED",
    };
    bool has_name = (size_t)rcode < ARRAY_LEN(names) && names[rcode] != NULL;
    return has_name ? names[rcode] : "an error";
}

static void
read_packet(const struct dns_query *query, const ldns_pkt *packet, struct dns_reply *reply)
{
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    bool is_good = rcode == LDNS_RCODE_NOERROR || rcode == LDNS_RCODE_NXDOMAIN;
    if (!is_good || ldns_pkt_edns_extended_rcode(packet) != 0) {
        dns_reply_fail(reply, "the server says %s", rcode_name(rcode));
        return;
    }
    const ldns_rr_list *answers = ldns_pkt_answer(packet);
    unsigned cnames = reply->cnames;
    if (query->question.type != DNS_CNAME && !follow_chain(answers, NULL, reply)) {
        return;
    }
    if (!add_records(answers, query->question.type, reply)) {
        return;
    }
    if (reply->count > 0) {
        reply->status = DNS_OK;
        return;
    }
    read_negative(packet, reply->cnames > cnames, reply);
}

void
dns_codec_read(const struct dns_query *query, const unsigned char *message, size_t length,
               bool trust_ad, struct dns_reply *reply)
{
    reply->unfinished = false;
    if (is_refusal(message)) { // possibly a bare header, which ldns need not see
        dns_reply_fail(reply, "the server says %s",
                       rcode_name((ldns_pkt_rcode)(message[3] & MASK_RCODE)));
        return;
    }
    AUTO_PACKET *packet = NULL;
    ldns_status status = ldns_wire2pkt(&packet, message, length);
    if (status != LDNS_STATUS_OK) {
        dns_reply_fail(reply, "the answer is broken: %s", ldns_get_errorstr_by_id(status));
        return;
    }
    reply->authenticated = reply->authenticated && trust_ad && ldns_pkt_ad(packet);
    read_packet(query, packet, reply);
}

// A "no" of a server of the zone. NS records of a zone below, without SOA: a referral, AA or not.
static enum dns_stance
read_authority_negative(const ldns_pkt *packet, const struct dns_name *zone, bool was_followed,
                        struct dns_reply *reply)
{
    bool has_soa = take_negative_ttl(packet, reply);
    if (ldns_pkt_get_rcode(packet) == LDNS_RCODE_NXDOMAIN) {
        reply->status = DNS_NXDOMAIN;
    } else if (!has_soa && was_followed) {
        reply->unfinished = true;
        return DNS_STANCE_ANSWERS;
    } else if (!has_soa && has_ns_below(packet, zone)) {
        return DNS_STANCE_REFERRAL;
    } else {
        reply->status = DNS_NODATA;
    }
    reply->ttl = has_soa ? reply->ttl : 0; // RFC 2308, 5: not to be cached
    return DNS_STANCE_ANSWERS;
}

static enum dns_stance
read_authority_packet(const struct dns_query *query, const ldns_pkt *packet,
                      const struct dns_name *zone, struct dns_reply *reply)
{
    if (ldns_pkt_edns_extended_rcode(packet) != 0) {
        return DNS_STANCE_OTHER_RCODE;
    }
    const ldns_rr_list *answers = ldns_pkt_answer(packet);
    if (!ldns_pkt_aa(packet)) {
        bool refers = ldns_rr_list_rr_count(answers) == 0 && is_referral(packet);
        return refers ? DNS_STANCE_REFERRAL : DNS_STANCE_NOT_AUTHORITATIVE;
    }
    if (query->question.type != DNS_CNAME && !follow_chain(answers, zone, reply)) {
        return DNS_STANCE_BROKEN;
    }
    if (!is_in_zone(reply, zone)) {
        reply->unfinished = true;
        return DNS_STANCE_ANSWERS;
    }
    if (!add_records(answers, query->question.type, reply)) {
        return DNS_STANCE_BROKEN;
    }
    if (reply->count > 0) {
        reply->status = DNS_OK;
        return DNS_STANCE_ANSWERS;
    }
    return read_authority_negative(packet, zone, reply->cnames > 0, reply);
}

static enum dns_stance
stance_of_refusal(const unsigned char *message)
{
    switch (message[3] & MASK_RCODE) {
    case LDNS_RCODE_REFUSED:
        return DNS_STANCE_REFUSED;
    case LDNS_RCODE_SERVFAIL:
        return DNS_STANCE_SERVFAIL;
    default:
        return DNS_STANCE_OTHER_RCODE;
    }
}

enum dns_stance
dns_codec_read_authority(const struct dns_query *query, const unsigned char *message, size_t length,
                         const struct dns_name *zone, struct dns_reply *reply)
{
    reply->unfinished = false;
    reply->authenticated = false;
    if (is_refusal(message)) {
        return stance_of_refusal(message);
    }
    AUTO_PACKET *packet = NULL;
    if (ldns_wire2pkt(&packet, message, length) != LDNS_STATUS_OK) {
        return DNS_STANCE_BROKEN;
    }
    return read_authority_packet(query, packet, zone, reply);
}
