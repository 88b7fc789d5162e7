// SPDX-License-Identifier: Apache-2.0
// libspf2 counts its limits per include level, gives loopback a pass, and mixes up its errors. So
// every question passes through here: this file counts, and once a limit is broken or an error is
// final its result stands, whatever the library makes of it.
#include "verifier/message/reference/spf.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

#define HAVE_NS_TYPE
#include <spf2/spf.h>
#include <spf2/spf_dns.h>

#include "common/verdict.h"
#include "verifier/message/reference/spf_record.h"
#include "verifier/message/reference/wire.h"
#include "verifier/message/spf_record.h"

enum {
    TERMS_MAX = 10,     /* RFC 7208, 4.6.4 */
    VOIDS_MAX = 2,      /* the same */
    MX_HOSTS_MAX = 10,  /* the same: more is permerror */
    PTR_HOSTS_MAX = 10, /* the same: the rest is ignored */
    QUESTIONS_MAX = 120 /* of one check: 10 terms, each with 10 hosts, and the records */
};

/* One check. The library offers its hooks no context but one pointer for all of its life. */
struct run {
    const struct network_address *client;
    unsigned terms;
    unsigned voids;
    unsigned questions;
    bool decided;                   /* `result` stands */
    enum auth_result result;        /* permerror or temperror, the first that came up */
    bool hosts_are_ptr;             /* where `hosts` came from */
    struct reference_records hosts; /* names the library is expected to look up: not terms */
};

static struct run run;
static SPF_server_t *server;

static void
decide(enum auth_result result)
{
    if (!run.decided) {
        run.decided = true;
        run.result = result;
    }
}

static bool
is_expected_host(const char *name)
{
    for (size_t i = 0; i < run.hosts.count; i++) {
        if (strcasecmp(run.hosts.list[i].data, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
count_term(void)
{
    if (++run.terms > TERMS_MAX) {
        decide(AUTH_PERMERROR);
    }
}

static enum dns_status
ask(const char *name, enum dns_type type, struct reference_records *out)
{
    *out = (struct reference_records){.list = NULL};
    if (!run.decided && ++run.questions > QUESTIONS_MAX) {
        decide(AUTH_PERMERROR);
    }
    if (run.decided) {
        return DNS_TEMPORARY; // the library stops soonest on this
    }
    return wire_ask(name, type, out);
}

static void
count_void(enum dns_status status)
{
    if ((status == DNS_NXDOMAIN || status == DNS_NODATA || status == DNS_BAD_NAME) &&
        ++run.voids > VOIDS_MAX) {
        decide(AUTH_PERMERROR);
    }
}

static void
keep_hosts(struct reference_records *records, enum dns_type type)
{
    if (type == DNS_MX && records->count > MX_HOSTS_MAX) {
        decide(AUTH_PERMERROR);
    }
    if (type == DNS_PTR && records->count > PTR_HOSTS_MAX) {
        for (size_t i = PTR_HOSTS_MAX; i < records->count; i++) {
            free(records->list[i].data);
        }
        records->count = PTR_HOSTS_MAX;
    }
    reference_free_records(&run.hosts);
    run.hosts = *records;
    run.hosts_are_ptr = type == DNS_PTR;
}

static bool
put_record(SPF_dns_rr_t *answer, int index, enum dns_type type,
           const struct reference_record *record)
{
    size_t size = record->length + 1;
    bool is_name = type == DNS_MX || type == DNS_PTR;
    size_t wanted = type == DNS_A ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    if (!is_name && record->length != wanted) {
        return false;
    }
    size = size < sizeof(SPF_dns_rr_data_t) ? sizeof(SPF_dns_rr_data_t) : size;
    if (SPF_dns_rr_buf_realloc(answer, index, size) != SPF_E_SUCCESS) {
        return false;
    }
    memcpy((char *)answer->rr[index], record->data, is_name ? record->length + 1 : record->length);
    answer->num_rr = index + 1;
    return true;
}

static SPF_dns_rr_t *
make_answer(SPF_dns_server_t *dns, const char *name, enum dns_type type, enum dns_status status,
            const struct reference_records *records)
{
    static const SPF_dns_stat_t STATS[] = {
        [DNS_OK] = NETDB_SUCCESS,    [DNS_NXDOMAIN] = HOST_NOT_FOUND, [DNS_NODATA] = NO_DATA,
        [DNS_TEMPORARY] = TRY_AGAIN, [DNS_BAD_NAME] = HOST_NOT_FOUND,
    };
    SPF_dns_rr_t *answer = SPF_dns_rr_new_init(dns, name, (ns_type)type, 0, STATS[status]);
    if (answer == NULL) {
        abort(); // the library aborts on NULL from here as well
    }
    for (size_t i = 0; status == DNS_OK && i < records->count; i++) {
        if (!put_record(answer, answer->num_rr, type, &records->list[i])) {
            break;
        }
    }
    return answer;
}

// The library's lookup hook for A, AAAA, MX and PTR. It never returns NULL.
static SPF_dns_rr_t *
on_lookup(SPF_dns_server_t *dns, const char *name, ns_type wire_type, int should_cache)
{
    (void)should_cache;
    enum dns_type type = (enum dns_type)wire_type;
    if (type != DNS_A && type != DNS_AAAA && type != DNS_MX && type != DNS_PTR) {
        return make_answer(dns, name, type, DNS_NODATA, NULL);
    }
    bool gives_hosts = type == DNS_MX || type == DNS_PTR;
    bool expected = !gives_hosts && is_expected_host(name);
    bool harmless = type == DNS_PTR || (expected && run.hosts_are_ptr); // RFC 7208, 5.5
    if (!expected) {
        count_term();
    }
    struct reference_records records;
    enum dns_status status = ask(name, type, &records);
    if (!harmless) {
        count_void(status);
    }
    if (status == DNS_TEMPORARY && harmless && !run.decided) {
        status = DNS_NXDOMAIN; // an error there is no match, and no error
    } else if (status == DNS_TEMPORARY) {
        decide(AUTH_TEMPERROR);
    }
    if (!gives_hosts) {
        SPF_dns_rr_t *answer = make_answer(dns, name, type, status, &records);
        reference_free_records(&records);
        return answer;
    }
    keep_hosts(&records, type);
    return make_answer(dns, name, type, run.decided ? DNS_TEMPORARY : status, &run.hosts);
}

// The one SPF record among the TXT records: its index, or -1; several are a permanent error.
static int
select_record(const struct reference_records *records)
{
    int found = -1;
    for (size_t i = 0; i < records->count; i++) {
        if (!spf_record_is_spf1(records->list[i].data, records->list[i].length)) {
            continue;
        }
        if (found >= 0) {
            decide(AUTH_PERMERROR);
            return -1;
        }
        found = (int)i;
    }
    return found;
}

// Fetch and rewrite the record of a domain. False: there is none, or the result is decided.
static bool
load_record(const char *domain, char out[SPF_RECORD_SAFE_SIZE])
{
    struct reference_records records;
    enum dns_status status = ask(domain, DNS_TXT, &records);
    if (status == DNS_TEMPORARY) {
        decide(AUTH_TEMPERROR);
        return false;
    }
    int index = select_record(&records);
    bool usable =
        index >= 0 && spf_record_rewrite(records.list[index].data, records.list[index].length,
                                         run.client, out) == ST_OK;
    if (index >= 0 && !usable) {
        decide(AUTH_PERMERROR);
    }
    reference_free_records(&records);
    return usable;
}

// The library's hook for the records of include and redirect: these must exist (RFC
// 7208, 5.2, 6.1).
static SPF_errcode_t
on_get_record(SPF_server_t *of_server, SPF_request_t *request, SPF_response_t *response,
              SPF_record_t **record_out)
{
    char text[SPF_RECORD_SAFE_SIZE];
    *record_out = NULL;
    count_term();
    if (run.decided || !load_record(request->cur_dom, text)) {
        decide(AUTH_PERMERROR);
        return SPF_response_add_error(response, SPF_E_DNS_ERROR, "no record");
    }
    return SPF_record_compile(of_server, response, record_out, text);
}

static SPF_dns_server_t hooks = {
    .lookup = on_lookup,
    .get_spf = on_get_record,
    .name = "milter",
};

bool
spf_start(void)
{
    server = SPF_server_new_dns(&hooks, 0);
    SPF_response_t *response = NULL;
    // Both texts are for explanations only, which are never made.
    return server != NULL && SPF_server_set_rec_dom(server, "localhost") == SPF_E_SUCCESS &&
           SPF_server_set_explanation(server, "refused", &response) == SPF_E_SUCCESS;
}

static enum auth_result
map_result(SPF_response_t *response)
{
    switch (SPF_response_result(response)) {
    case SPF_RESULT_NEUTRAL:
        return AUTH_NEUTRAL;
    case SPF_RESULT_PASS:
        return AUTH_PASS;
    case SPF_RESULT_FAIL:
        return AUTH_FAIL;
    case SPF_RESULT_SOFTFAIL:
        return AUTH_SOFTFAIL;
    case SPF_RESULT_NONE:
        return AUTH_NONE;
    case SPF_RESULT_TEMPERROR:
        return AUTH_TEMPERROR;
    case SPF_RESULT_INVALID: // syntax errors; those of the DNS never come here undecided
    case SPF_RESULT_PERMERROR:
        return AUTH_PERMERROR;
    }
    return AUTH_PERMERROR;
}

static bool
set_request(SPF_request_t *request, const char *helo, const char *sender)
{
    SPF_errcode_t error;
    if (run.client->length == 4) {
        struct in_addr address;
        memcpy(&address, run.client->bytes, sizeof(address));
        error = SPF_request_set_ipv4(request, address);
    } else {
        struct in6_addr address;
        memcpy(&address, run.client->bytes, sizeof(address));
        error = SPF_request_set_ipv6(request, address);
    }
    return error == SPF_E_SUCCESS && SPF_request_set_helo_dom(request, helo) == SPF_E_SUCCESS &&
           SPF_request_set_env_from(request, sender) == 0 && request->env_from_dp != NULL;
}

// SPF_request_query_mailfrom would let loopback clients pass; so its two steps are taken here.
static enum auth_result
evaluate(SPF_request_t *request, const char *text)
{
    SPF_response_t *response = SPF_response_new(request);
    SPF_record_t *record = NULL;
    enum auth_result result = AUTH_PERMERROR;
    if (SPF_record_compile(server, response, &record, text) == SPF_E_SUCCESS && record != NULL) {
        response->spf_record_exp = record; // the library aborts without it
        (void)SPF_record_interpret(record, request, response, 0);
        result = map_result(response);
    }
    if (record != NULL) {
        SPF_record_free(record);
    }
    SPF_response_free(response);
    return result;
}

void
reference_spf_check(const struct network_address *client, const char *helo, const char *sender,
                    struct reference_spf *out)
{
    run = (struct run){.client = client};
    enum auth_result result = AUTH_NONE;
    SPF_request_t *request = SPF_request_new(server);
    if (request == NULL || !set_request(request, helo, sender)) {
        decide(AUTH_TEMPERROR);
    } else {
        char text[SPF_RECORD_SAFE_SIZE];
        request->cur_dom = request->env_from_dp;
        if (load_record(request->cur_dom, text)) {
            result = evaluate(request, text);
        }
    }
    SPF_request_free(request);
    reference_free_records(&run.hosts);
    out->result = run.decided ? run.result : result;
    out->terms = run.terms;
    out->voids = run.voids;
}
