// SPDX-License-Identifier: Apache-2.0
// One table for our own engines and for the reference: a fixture zone, signed messages.
#include "auth_bench.h"

#include <string.h>
#include <unistd.h>

#include "common/attrs.h"

struct spf_case {
    const char *label;
    const char *sender;
    const char *client;
    enum auth_result result;
};

static const struct spf_case SPF_CASES[] = {
    {"address listed", "alice@example.org", "192.0.2.1", AUTH_PASS},
    {"address not listed", "alice@example.org", "192.0.2.2", AUTH_FAIL},
    {"softfail", "alice@soft.example", "192.0.2.2", AUTH_SOFTFAIL},
    {"neutral", "alice@neutral.example", "192.0.2.2", AUTH_NEUTRAL},
    {"no record", "alice@nothing.example", "192.0.2.1", AUTH_NONE},
    {"no such domain", "alice@absent.example", "192.0.2.1", AUTH_NONE},
    {"single label", "alice@localhost", "192.0.2.1", AUTH_NONE},
    {"address literal", "alice@[192.0.2.1]", "192.0.2.1", AUTH_NONE},
    {"DNS failure", "alice@temp.example", "192.0.2.1", AUTH_TEMPERROR},
    {"DNS failure in an include", "alice@includetemp.example", "192.0.2.1", AUTH_TEMPERROR},
    {"include of nothing", "alice@includenone.example", "192.0.2.1", AUTH_PERMERROR},
    {"include passes", "alice@includegood.example", "192.0.2.1", AUTH_PASS},
    {"include does not pass", "alice@includegood.example", "192.0.2.9", AUTH_FAIL},
    {"two records", "alice@double.example", "192.0.2.1", AUTH_PERMERROR},
    {"syntax error behind the match", "alice@broken.example", "192.0.2.1", AUTH_PERMERROR},
    {"8-bit record", "alice@bit8.example", "192.0.2.1", AUTH_PERMERROR},
    {"a", "alice@a.example", "192.0.2.1", AUTH_PASS},
    {"a over IPv6", "alice@a.example", "2001:db8::1", AUTH_PASS},
    {"a without a name", "alice@abadname.example", "192.0.2.1", AUTH_PERMERROR},
    {"mx", "alice@mx.example", "192.0.2.1", AUTH_PASS},
    {"mx of eleven hosts", "alice@mx11.example", "192.0.2.1", AUTH_PERMERROR},
    {"exists with macros", "alice@exists.example", "192.0.2.1", AUTH_PASS},
    {"exists with macros, other sender", "bob@exists.example", "192.0.2.1", AUTH_FAIL},
    {"ptr", "alice@ptr.example", "192.0.2.1", AUTH_PASS},
    {"ptr failure is no match", "alice@ptrtemp.example", "192.0.2.2", AUTH_PASS},
    {"redirect", "alice@redirect.example", "192.0.2.1", AUTH_PASS},
    {"redirect before all counts for nothing", "alice@redirectlate.example", "192.0.2.1",
     AUTH_SOFTFAIL},
    {"redirect to nothing", "alice@redirectnone.example", "192.0.2.1", AUTH_PERMERROR},
    {"prefix of 0", "alice@cidr0.example", "192.0.2.1", AUTH_PASS},
    {"ip6", "alice@ip6.example", "2001:db8:1::1", AUTH_PASS},
    {"mapped client is IPv4", "alice@example.org", "::ffff:192.0.2.1", AUTH_PASS},
    {"mapped network is IPv6", "alice@mapped.example", "::ffff:192.0.2.1", AUTH_FAIL},
    {"record that includes itself", "alice@loop.example", "192.0.2.1", AUTH_PERMERROR},
    {"three void lookups", "alice@void.example", "192.0.2.1", AUTH_PERMERROR},
    {"two void lookups", "alice@void2.example", "192.0.2.1", AUTH_PASS},
    {"loopback is judged like any other", "alice@loopback.example", "127.0.0.1", AUTH_FAIL},
    {"ten terms", "alice@terms10.example", "192.0.2.2", AUTH_PASS},
    {"eleven terms", "alice@terms11.example", "192.0.2.2", AUTH_PERMERROR},
    {"eleven terms over two levels", "alice@nested.example", "192.0.2.2", AUTH_PERMERROR},
    {"exp with 511 bytes of text", "alice@exp.example", "192.0.2.1", AUTH_FAIL},
    {"127 macros", "alice@macros.example", "192.0.2.1", AUTH_PERMERROR},
    {"70 addresses, none fits", "alice@seventy.example", "192.0.2.1", AUTH_FAIL},
    {"the 71st address fits", "alice@seventyhit.example", "192.0.2.1", AUTH_PASS},
    {"ten includes a level", "alice@bomb.example", "192.0.2.1", AUTH_PERMERROR},
    {"client that is no IP address", "alice@example.org", "local socket", AUTH_NONE},
    {"quoted local part", "\"a b\"@example.org", "192.0.2.1", AUTH_PASS},
    {"no local part", "@example.org", "192.0.2.1", AUTH_PASS},
    {"blank in the local part", "a b@example.org", "192.0.2.1", AUTH_PASS},
    {"no address", "alice", "192.0.2.1", AUTH_NONE},
    {"8-bit local part", "\xc3\xa4@exists.example", "192.0.2.1", AUTH_FAIL},
};

static void
check_spf_table(struct auth *auth, const char *engine)
{
    for (size_t i = 0; i < ARRAY_LEN(SPF_CASES); i++) {
        struct auth_message message;
        struct verdict verdict;
        support_message("unsigned.eml", &message);
        message.sender = SPF_CASES[i].sender;
        message.client_address = SPF_CASES[i].client;
        auth_check(auth, &message, &verdict);
        (void)close(message.fd);
        if (verdict.spf.result != SPF_CASES[i].result) {
            fail_msg("%s, %s: %s instead of %s", engine, SPF_CASES[i].label,
                     auth_result_name(verdict.spf.result), auth_result_name(SPF_CASES[i].result));
        }
    }
}

static void
spf_gives_the_results_of_the_table(void **state)
{
    const struct auth_bench *bench = *state;
    check_spf_table(bench->own, "own");
    check_spf_table(bench->reference, "reference");
}

struct dkim_case {
    const char *fixture;
    enum auth_result result; /* of the first signature */
    enum auth_result dmarc;  /* with an SPF that is not aligned */
    const char *reason;      /* part of it */
};

static const struct dkim_case DKIM_CASES[] = {
    {"rsa.eml", AUTH_PASS, AUTH_PASS, ""},
    {"ed25519.eml", AUTH_PASS, AUTH_PASS, ""},
    {"rsa_1024.eml", AUTH_PASS, AUTH_PASS, ""},
    {"rsa_768.eml", AUTH_POLICY, AUTH_FAIL, "too short"},
    {"rsa_sha1.eml", AUTH_POLICY, AUTH_FAIL, "rsa-sha1"},
    {"k_mismatch.eml", AUTH_PERMERROR, AUTH_FAIL, ""},
    {"key_nokey.eml", AUTH_PERMERROR, AUTH_FAIL, "no key"},
    {"key_temp.eml", AUTH_TEMPERROR, AUTH_TEMPERROR, "looked up"},
    {"key_revoked.eml", AUTH_PERMERROR, AUTH_FAIL, "revoked"},
    {"key_twice.eml", AUTH_PERMERROR, AUTH_FAIL, "several keys"},
    {"key_late.eml", AUTH_PERMERROR, AUTH_FAIL, "v= of the key"},
    {"key_double.eml", AUTH_PERMERROR, AUTH_FAIL, "list of tags"},
    {"body_changed.eml", AUTH_FAIL, AUTH_FAIL, "body"},
    {"header_changed.eml", AUTH_FAIL, AUTH_FAIL, "does not match"},
    {"no_final_line_end.eml", AUTH_PASS, AUTH_PASS, ""},
    {"length_exact.eml", AUTH_PASS, AUTH_PASS, ""},
    {"length_short.eml", AUTH_PASS, AUTH_FAIL, "not signed"},
    {"other_domain.eml", AUTH_PASS, AUTH_FAIL, ""},
    {"subdomain.eml", AUTH_PASS, AUTH_PASS, ""},
    {"temp_and_other.eml", AUTH_PASS, AUTH_TEMPERROR, ""},
    {"temp_and_pass.eml", AUTH_PASS, AUTH_PASS, ""},
    {"twelve.eml", AUTH_PASS, AUTH_PASS, ""},
    {"d_twice.eml", AUTH_PERMERROR, AUTH_FAIL, "twice"},
    {"raw_bytes.eml", AUTH_PASS, AUTH_PASS, ""},
    {"long_i.eml", AUTH_PERMERROR, AUTH_FAIL, "i="},
    {"many_names_0.eml", AUTH_FAIL, AUTH_FAIL, ""},
    {"many_names_1.eml", AUTH_FAIL, AUTH_FAIL, ""},
    {"many_names_2.eml", AUTH_FAIL, AUTH_FAIL, ""},
    {"many_names_3.eml", AUTH_FAIL, AUTH_FAIL, ""},
};

static void
check_dkim_table(struct auth *auth, const char *engine)
{
    for (size_t i = 0; i < ARRAY_LEN(DKIM_CASES); i++) {
        const struct dkim_case *row = &DKIM_CASES[i];
        struct auth_message message;
        struct verdict verdict;
        support_message(row->fixture, &message);
        message.sender = "bounce@nothing.example";
        auth_check(auth, &message, &verdict);
        (void)close(message.fd);
        bool as_wanted = verdict.dkim_count > 0 && verdict.dkim[0].result == row->result &&
                         verdict.dmarc.result == row->dmarc &&
                         strstr(verdict.dkim[0].reason, row->reason) != NULL;
        if (!as_wanted) {
            fail_msg("%s, %s: %s", engine, row->fixture, verdict.authentication_results);
        }
    }
}

static void
dkim_gives_the_results_of_the_table(void **state)
{
    const struct auth_bench *bench = *state;
    check_dkim_table(bench->own, "own");
    check_dkim_table(bench->reference, "reference");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spf_gives_the_results_of_the_table),
        cmocka_unit_test(dkim_gives_the_results_of_the_table),
    };
    return cmocka_run_group_tests(tests, auth_bench_setup, auth_bench_teardown);
}
