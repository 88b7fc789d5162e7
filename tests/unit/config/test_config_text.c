// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/schema.h"
#include "config/text.h"

struct text_case {
    field_check *check;
    const char *text;
    bool is_good;
};

#define TEXT_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PATH_107 "/" TEXT_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define LABEL_63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123"
// 4 + 3 x 64 + 58 bytes
#define REPORT_254                                                                                 \
    "abc@" LABEL_63 "." LABEL_63 "." LABEL_63 "."                                                  \
    "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefgh"

static const struct text_case CASES[] = {
    {text_check_url, "https://a.test", true},
    {text_check_url, "https://a.test/", true},
    {text_check_url, "https://a.test:8443/x?y=z&u=a@b", true},
    {text_check_url, "https://a.test?x", true},
    {text_check_url, "http://127.0.0.1:80/", true},
    {text_check_url, "https://[2001:db8::1]/x", true},
    {text_check_url, "https://[2001:db8::1]:443", true},
    {text_check_url, "", false},
    {text_check_url, "a.test", false},
    {text_check_url, "//a.test", false},
    {text_check_url, "HTTPS://a.test", false},
    {text_check_url, "file:///etc/passwd", false},
    {text_check_url, "https://", false},
    {text_check_url, "https://:443", false},
    {text_check_url, "https://a.test:", false},
    {text_check_url, "https://a.test:0", false},
    {text_check_url, "https://a.test:70000", false},
    {text_check_url, "https://a.test:44x", false},
    {text_check_url, "https://2001:db8::1/", false},
    {text_check_url, "https://[2001:db8::1", false},
    {text_check_url, "https://[127.0.0.1]/", false},
    {text_check_url, "https://[2001:db8::1]x/", false},
    {text_check_url, "https://-a.test/", false},
    {text_check_url, "https://a\\b.test/", false},
    {text_check_url, "https://u@a.test/", false},
    {text_check_url, "https://a.test/\r\nX: y", false},
    {text_check_server, "192.0.2.1", true},
    {text_check_server, "192.0.2.1:53", true},
    {text_check_server, "2001:db8::1", true},
    {text_check_server, "[2001:db8::1]", true},
    {text_check_server, "[2001:db8::1]:53", true},
    {text_check_server, "", false},
    {text_check_server, "192.0.2.1:", false},
    {text_check_server, "192.0.2.1:65536", false},
    {text_check_server, "[2001:db8::1", false},
    {text_check_server, "[2001:db8::1]53", false},
    {text_check_server, "ns.test", false},
    {text_check_milter_socket, "unix:/run/m.sock", true},
    {text_check_milter_socket, "local:/run/m.sock", true},
    {text_check_milter_socket, "inet:8891@127.0.0.1", true},
    {text_check_milter_socket, "inet:8891", true},
    {text_check_milter_socket, "inet6:8891@::1", true},
    {text_check_milter_socket, "unix:" PATH_107, true},
    {text_check_milter_socket, "unix:" PATH_107 "a", false},
    {text_check_milter_socket, "unix:m.sock", false},
    {text_check_milter_socket, "inet:@127.0.0.1", false},
    {text_check_milter_socket, "inet:0@127.0.0.1", false},
    {text_check_milter_socket, "inet:8891@", false},
    {text_check_milter_socket, "inet:123456789@a", false},
    {text_check_milter_socket, "tcp:8891@127.0.0.1", false},
    {text_check_milter_socket, ":8891", false},
    {text_check_milter_socket, "u:/x", false},
    {text_check_milter_socket, "", false},
    {text_check_socket_path, PATH_107, true},
    {text_check_socket_path, PATH_107 "a", false},
    {text_check_socket_path, "", false},
    {text_check_name, "a", true},
    {text_check_name, "psa-2_x.Y", true},
    {text_check_name, TEXT_64, true},
    {text_check_name, TEXT_64 "a", false},
    {text_check_name, "", false},
    {text_check_name, "-a", false},
    {text_check_name, "a/b", false},
    {text_check_name, "a b", false},
    {text_check_name, "\xc3\xa4", false},
    {text_check_line, "\xc3\xa4", true},
    {text_check_line, "a\x7f", false},
    {text_check_label, "mail", true},
    {text_check_label, "b-1", true},
    {text_check_label, LABEL_63, true},
    {text_check_label, LABEL_63 "a", false},
    {text_check_label, "Mail", false},
    {text_check_label, "-mail", false},
    {text_check_label, "mail-", false},
    {text_check_label, "m.ail", false},
    {text_check_label, "", false},
    {text_check_region, "us-east-1", true},
    {text_check_region, "abcdefghijabcdefghijabcdefghij12", true},
    {text_check_region, "abcdefghijabcdefghijabcdefghij123", false},
    {text_check_region, "us east", false},
    {text_check_region, "", false},
    {text_check_report_address, "dmarc@{domain}", true},
    {text_check_report_address, "d.m+x@reports.{domain}", true},
    {text_check_report_address, "d@ours.example", true},
    {text_check_report_address, REPORT_254, true},
    {text_check_report_address, REPORT_254 "a", false},
    {text_check_report_address, "dmarc", false},
    {text_check_report_address, "@ours.example", false},
    {text_check_report_address, "d@", false},
    {text_check_report_address, "d@reports{domain}", false},
    {text_check_report_address, "d@.{domain}", false},
    {text_check_report_address, "d@{domain}.x", false},
    {text_check_report_address, "d@{token}", false},
    {text_check_report_address, "{domain}@ours.example", false},
    {text_check_report_address, "d!10m@ours.example", false},
    {text_check_report_address, "d,e@ours.example", false},
    {text_check_printable, "a ~", true},
    {text_check_printable, "\xc3\xa4", false},
    {text_check_printable, "", false},
};

static void
each_text_is_judged_as_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct why why = {.text = ""};
        enum status status = CASES[i].check(CASES[i].text, &why);
        if (status != (CASES[i].is_good ? ST_OK : ST_INVALID)) {
            fail_msg("row %zu '%s': %s %s", i, CASES[i].text, status_name(status), why.text);
        }
        assert_int_equal(why.text[0] != '\0', !CASES[i].is_good);
    }
}

static void
texts_with_a_length_limit_are_taken_up_to_it(void **state)
{
    (void)state;
    char url[CONFIG_URL_MAX + 2] = "https://a.test/";
    size_t start = strlen(url);
    memset(url + start, 'x', CONFIG_URL_MAX - start);
    assert_int_equal(text_check_url(url, NULL), ST_OK);
    url[CONFIG_URL_MAX] = 'x';
    assert_int_equal(text_check_url(url, NULL), ST_INVALID);
    char reply[CONFIG_REPLY_MAX + 2] = "";
    memset(reply, 'x', CONFIG_REPLY_MAX);
    assert_int_equal(text_check_reply(reply, NULL), ST_OK);
    reply[CONFIG_REPLY_MAX] = 'x';
    assert_int_equal(text_check_reply(reply, NULL), ST_INVALID);
}

static void
paths_are_resolved_from_the_folder_of_their_file(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *path;
        const char *expected;
    } rows[] = {
        {"/etc/mailspur/mailspur.yaml", "domains.d", "/etc/mailspur/domains.d"},
        {"/etc/mailspur/mailspur.yaml", "/x", "/x"},
        {"mailspur.yaml", "domains.d", "./domains.d"},
        {"/mailspur.yaml", "domains.d", "/domains.d"},
        {"conf/mailspur.yaml", "../x", "conf/../x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *folder = text_folder(rows[i].file);
        AUTO_FREE char *path = text_resolve(folder, rows[i].path);
        assert_string_equal(path, rows[i].expected);
    }
}

static void
only_a_regular_file_is_read(void **state)
{
    (void)state;
    AUTO_STRBUF out = STRBUF_INIT(64);
    mode_t mode = 01234;
    assert_int_equal(text_read_file("/tmp", &out, &mode, NULL), ST_IO);
    assert_int_equal(text_read_file("/dev/zero", &out, &mode, NULL), ST_IO);
    assert_int_equal(text_read_file("/tmp/does/not/exist", &out, &mode, NULL), ST_IO);
    assert_int_equal(mode, 01234);
    assert_int_equal(out.length, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_is_judged_as_its_row_says),
        cmocka_unit_test(texts_with_a_length_limit_are_taken_up_to_it),
        cmocka_unit_test(paths_are_resolved_from_the_folder_of_their_file),
        cmocka_unit_test(only_a_regular_file_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
