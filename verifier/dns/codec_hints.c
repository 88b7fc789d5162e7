// SPDX-License-Identifier: Apache-2.0
// What a message says beside the answer: where a zone is delegated to, and why the resolver failed.
#include "verifier/dns/codec.h"

#include <string.h>

#include <ldns/ldns.h>

static void
free_packet(ldns_pkt **packet)
{
    ldns_pkt_free(*packet); // NULL-safe
}
#define AUTO_PACKET AUTO(free_packet) ldns_pkt

static bool
take_name(const ldns_rdf *rdf, struct dns_name *out)
{
    if (rdf == NULL || ldns_rdf_get_type(rdf) != LDNS_RDF_TYPE_DNAME ||
        ldns_rdf_size(rdf) > sizeof(out->wire)) {
        return false;
    }
    out->length = ldns_rdf_size(rdf);
    memcpy(out->wire, ldns_rdf_data(rdf), out->length);
    return true;
}

static bool
is_within(const struct dns_name *name, const struct dns_name *parent)
{
    return dns_name_is_within(name->wire, name->length, parent->wire, parent->length);
}

static bool
is_equal(const struct dns_name *a, const struct dns_name *b)
{
    return dns_name_equal(a->wire, a->length, b->wire, b->length);
}

// The NS records of the first such zone; those of another are left out.
static void
read_servers(const ldns_rr_list *list, const struct dns_name *asked, const struct dns_name *parent,
             struct dns_referral *out)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        struct dns_name owner;
        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_NS || out->count == DNS_REFERRAL_NAMES_MAX ||
            !take_name(ldns_rr_owner(rr), &owner) || owner.length <= parent->length ||
            !is_within(&owner, parent) || !is_within(asked, &owner) ||
            (out->count > 0 && !is_equal(&owner, &out->zone))) {
            continue;
        }
        if (take_name(ldns_rr_rdf(rr, 0), &out->names[out->count])) {
            out->zone = owner;
            out->count++;
        }
    }
}

static void
add_glue(const ldns_rr *rr, size_t name, struct dns_referral *out)
{
    const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);
    unsigned length = ldns_rr_get_type(rr) == LDNS_RR_TYPE_A ? 4 : 16;
    if (rdf == NULL || ldns_rdf_size(rdf) != length || out->glue_count == DNS_REFERRAL_GLUE_MAX) {
        return;
    }
    struct network_address address = {.length = length};
    memcpy(address.bytes, ldns_rdf_data(rdf), length);
    network_unmap(&address);
    out->glue[out->glue_count].name = name;
    out->glue[out->glue_count++].address = address;
}

static void
read_glue(const ldns_rr_list *list, const struct dns_name *parent, struct dns_referral *out)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        ldns_rr_type type = ldns_rr_get_type(rr);
        struct dns_name owner;
        if ((type != LDNS_RR_TYPE_A && type != LDNS_RR_TYPE_AAAA) ||
            !take_name(ldns_rr_owner(rr), &owner) || !is_within(&owner, parent)) {
            continue;
        }
        for (size_t name = 0; name < out->count; name++) {
            if (is_equal(&owner, &out->names[name])) {
                add_glue(rr, name, out);
                break;
            }
        }
    }
}

bool
dns_codec_read_referral(const struct dns_query *query, const unsigned char *message, size_t length,
                        const struct dns_name *parent, struct dns_referral *out)
{
    AUTO_PACKET *packet = NULL;
    out->count = 0;
    out->glue_count = 0;
    if (ldns_wire2pkt(&packet, message, length) != LDNS_STATUS_OK) {
        return false;
    }
    const struct dns_name *asked = &query->question.name;
    read_servers(ldns_pkt_authority(packet), asked, parent, out);
    read_servers(ldns_pkt_answer(packet), asked, parent, out); // it serves the child too
    read_glue(ldns_pkt_additional(packet), parent, out);
    return out->count > 0;
}

static void
take_error(const unsigned char *data, size_t length, struct dns_error *out)
{
    enum { CODE_SIZE = 2 };
    size_t used = 0;
    out->code = data[0] << 8 | data[1];
    for (size_t i = CODE_SIZE; i < length && used + 1 < sizeof(out->text); i++) {
        bool is_printable = data[i] >= ' ' && data[i] <= '~';
        out->text[used++] = is_printable ? (char)data[i] : '?';
    }
    out->text[used] = '\0';
}

void
dns_codec_read_error(const unsigned char *message, size_t length, struct dns_error *out)
{
    enum { OPTION_HEAD = 4, OPTION_EDE = 15 };
    *out = (struct dns_error){.code = -1};
    AUTO_PACKET *packet = NULL;
    if (ldns_wire2pkt(&packet, message, length) != LDNS_STATUS_OK) {
        return;
    }
    const ldns_rdf *options = ldns_pkt_edns_data(packet);
    const unsigned char *at = options == NULL ? NULL : ldns_rdf_data(options);
    size_t left = options == NULL ? 0 : ldns_rdf_size(options);
    while (left >= OPTION_HEAD) {
        unsigned code = (unsigned)at[0] << 8 | at[1];
        size_t size = (size_t)at[2] << 8 | at[3];
        if (size > left - OPTION_HEAD) {
            return;
        }
        if (code == OPTION_EDE && size >= 2) {
            take_error(at + OPTION_HEAD, size, out);
            return;
        }
        at += OPTION_HEAD + size;
        left -= OPTION_HEAD + size;
    }
}
