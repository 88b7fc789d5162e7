// SPDX-License-Identifier: Apache-2.0
// address, header, network: what strangers write.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/header.h"
#include "common/network.h"

static void
addresses_are_taken_apart(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *local_part; /* NULL: refused */
        const char *domain;
    } table[] = {
        {"user@example.org", "user", "example.org"},
        {"<user@example.org>", "user", "example.org"},
        {"", "", ""},
        {"<>", "", ""},
        {"User+Tag@EXAMPLE.Org.", "User+Tag", "example.org"},
        {"\"odd @ name\"@example.org", "odd @ name", "example.org"},
        {"\"quo\\\"ted\"@example.org", "quo\"ted", "example.org"},
        {"j\xc3\xb6rg@m\xc3\xbcller.example", "j\xc3\xb6rg", "xn--mller-kva.example"},
        {"a@xn--mller-kva.example", "a", "xn--mller-kva.example"},
        {"a@_spf.example.org", "a", "_spf.example.org"},
        {"no-at-sign", NULL, NULL},
        {"@example.org", NULL, NULL},
        {"user@", NULL, NULL},
        {"user@[192.0.2.1]", NULL, NULL},
        {"<@relay.example:user@example.org>", NULL, NULL},
        {"a b@example.org", NULL, NULL},
        {"a\"b@example.org", NULL, NULL},
        {"\"\"@example.org", NULL, NULL},
        {"\"a\nb\"@example.org", NULL, NULL},
        {"user@exa mple.org", NULL, NULL},
        {"user@example..org", NULL, NULL},
        {"user@-example.org", NULL, NULL},
        {"user@example-.org", NULL, NULL},
        {"user@http://example.org", NULL, NULL},
        {"user@\xff\xfe.example", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct address out = {.local_part = "sentinel", .domain = "sentinel"};
        struct why why = {.text = ""};
        enum status status = address_parse(table[i].text, &out, &why);
        if (table[i].local_part == NULL) {
            assert_int_equal(status, ST_INVALID);
            assert_string_equal(out.local_part, "sentinel");
            assert_true(why.text[0] != '\0');
            continue;
        }
        assert_int_equal(status, ST_OK);
        assert_string_equal(out.local_part, table[i].local_part);
        assert_string_equal(out.domain, table[i].domain);
    }
}

static void
fill_label(char *out, size_t length)
{
    memset(out, 'a', length);
    out[length] = '\0';
}

static void
name_lengths_are_limited_at_63_and_253(void **state)
{
    (void)state;
    char label[65];
    char text[400];
    char out[DOMAIN_NAME_SIZE] = "sentinel";
    fill_label(label, 63);
    assert_int_equal(address_normalize_domain(label, out, NULL), ST_OK);
    fill_label(label, 64);
    assert_int_equal(address_normalize_domain(label, out, NULL), ST_INVALID);
    fill_label(label, 62);
    (void)snprintf(text, sizeof(text), "%s.%s.%s.%s.a", label, label, label, label); // 253
    assert_int_equal(strlen(text), DOMAIN_NAME_MAX);
    assert_int_equal(address_normalize_domain(text, out, NULL), ST_OK);
    (void)snprintf(text, sizeof(text), "%s.%s.%s.%s.aa", label, label, label, label);
    assert_int_equal(address_normalize_domain(text, out, NULL), ST_INVALID);
}

static void
local_parts_are_limited_and_compared_without_case(void **state)
{
    (void)state;
    char text[128];
    struct address out;
    fill_label(text, LOCAL_PART_SIZE - 1);
    strcat(text, "@a.example");
    assert_int_equal(address_parse(text, &out, NULL), ST_OK);
    fill_label(text, LOCAL_PART_SIZE);
    strcat(text, "@a.example");
    assert_int_equal(address_parse(text, &out, NULL), ST_INVALID);
}

static const char MESSAGE[] = "Received: one\r\n"
                              "Subject: folded\r\n"
                              "\tvalue \r\n"
                              "garbage without colon\r\n"
                              "X-Old : blank before the colon\r\n"
                              "received:two\r\n"
                              "Empty:\r\n"
                              "\r\n"
                              "Subject: in the body\r\n";

static void
header_fields_are_walked_unfolded_and_counted(void **state)
{
    (void)state;
    size_t length = header_block_length(MESSAGE, strlen(MESSAGE));
    assert_string_equal(MESSAGE + length, "Subject: in the body\r\n");
    assert_int_equal(header_count(MESSAGE, length, "RECEIVED"), 2);
    assert_int_equal(header_count(MESSAGE, strlen(MESSAGE), "subject"), 1);
    struct header_field field;
    char value[32];
    assert_true(header_find(MESSAGE, length, "subject", &field));
    header_copy_value(&field, value, sizeof(value));
    assert_string_equal(value, "folded\tvalue");
    header_copy_value(&field, value, 4);
    assert_string_equal(value, "fol");
    assert_true(header_find(MESSAGE, length, "x-old", &field));
    assert_int_equal(field.name_length, 5);
    assert_true(header_find(MESSAGE, length, "empty", &field));
    assert_int_equal(field.value_length, 0);
    assert_false(header_find(MESSAGE, length, "nothing", &field));
    size_t offset = 0;
    size_t fields = 0;
    while (header_next(MESSAGE, length, &offset, &field)) {
        fields++;
    }
    assert_int_equal(fields, 5);
}

static void
every_cut_of_a_message_is_walked_without_reading_past_it(void **state)
{
    (void)state;
    for (size_t length = 0; length <= strlen(MESSAGE); length++) {
        char *exact = test_malloc(length == 0 ? 1 : length); // the sanitizer watches its end
        memcpy(exact, MESSAGE, length);
        struct header_field field;
        char value[64];
        for (size_t offset = 0; header_next(exact, length, &offset, &field);) {
            header_copy_value(&field, value, sizeof(value));
        }
        assert_true(header_block_length(exact, length) <= length);
        test_free(exact);
    }
}

static void
networks_contain_their_addresses(void **state)
{
    (void)state;
    const struct {
        const char *network;
        const char *address;
        bool inside;
    } table[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.4/30", "192.0.2.7", true},
        {"192.0.2.4/30", "192.0.2.8", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::/0", "10.1.2.3", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct network network;
        struct network_address address;
        assert_int_equal(network_parse(table[i].network, &network, NULL), ST_OK);
        assert_int_equal(network_parse_address(table[i].address, &address, NULL), ST_OK);
        assert_int_equal(network_list_contains(&network, 1, &address), table[i].inside);
    }
    const char *const wrong[] = {"10.0.0.1/8", "10.0.0.0/33",    "10.0.0/8", "x",
                                 "10.0.0.0/",  "2001:db8::/129", "::1%lo",   ""};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct network network;
        struct why why = {.text = ""};
        assert_int_equal(network_parse(wrong[i], &network, &why), ST_INVALID);
        assert_true(why.text[0] != '\0');
    }
}

static void
what_is_not_the_public_internet_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool is_public;
    } table[] = {
        {"8.8.8.8", true},          {"127.0.0.1", false},
        {"10.255.255.255", false},  {"11.0.0.0", true},
        {"169.254.169.254", false}, {"224.0.0.1", false},
        {"255.255.255.255", false}, {"0.0.0.0", false},
        {"::ffff:10.0.0.1", false}, {"::1", false},
        {"fe80::1", false},         {"2606:4700::1111", true},
        {"64:ff9b::a00:1", false},  {"2002:a00:1::", false},
        {"ff02::1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct network_address address;
        assert_int_equal(network_parse_address(table[i].address, &address, NULL), ST_OK);
        if (network_is_public(&address) != table[i].is_public) {
            fail_msg("%s", table[i].address);
        }
    }
    struct network_address mapped = {.bytes = {[10] = 0xff, 0xff, 10, 0, 0, 1}, .length = 16};
    network_unmap(&mapped);
    assert_int_equal(mapped.length, 4);
    assert_memory_equal(mapped.bytes, "\12\0\0\1", 4);
    network_unmap(&mapped);
    assert_int_equal(mapped.length, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(name_lengths_are_limited_at_63_and_253),
        cmocka_unit_test(local_parts_are_limited_and_compared_without_case),
        cmocka_unit_test(header_fields_are_walked_unfolded_and_counted),
        cmocka_unit_test(every_cut_of_a_message_is_walked_without_reading_past_it),
        cmocka_unit_test(networks_contain_their_addresses),
        cmocka_unit_test(what_is_not_the_public_internet_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
