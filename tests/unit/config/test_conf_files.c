// SPDX-License-Identifier: Apache-2.0
// The files in conf/ and the table of keys say the same.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/xalloc.h"
#include "config/keys.h"
#include "config/text.h"
#include "support.h"

enum { TEXT_MAX = 256 * 1024 };

static void
read_conf(const char *name, struct strbuf *out)
{
    AUTO_FREE char *path = text_resolve(CONF_FOLDER, name);
    assert_int_equal(text_read_file(path, out, NULL, NULL), ST_OK);
}

// Examples are commented out by a "#" right before the key, or before the blanks that indent it;
// prose has one blank behind the "#".
static const char *
skip_example_mark(const char *line)
{
    const char *c = line + strspn(line, " ");
    bool is_example = *c == '#' && (islower((unsigned char)c[1]) || strncmp(c, "#  ", 3) == 0);
    return is_example ? c : NULL;
}

// The file with its examples in force. `destinations: {}` and `tenants: {}` make room for them.
static void
take_examples_into_force(const char *text, struct strbuf *out)
{
    AUTO_FREE char *copy = xmemdup(text, strlen(text));
    char *at = copy;
    for (char *line = strsep(&at, "\n"); line != NULL; line = strsep(&at, "\n")) {
        for (const char *mark = skip_example_mark(line); mark != NULL;
             mark = skip_example_mark(line)) {
            size_t before = (size_t)(mark - line);
            memmove(line + before, mark + 1, strlen(mark));
        }
        const char *empty = strstr(line, ": {}");
        if (empty != NULL && strchr(line, '#') == NULL) {
            strbuf_append(out, line, (size_t)(empty - line) + 1);
        } else {
            strbuf_puts(out, line);
        }
        strbuf_putc(out, '\n');
    }
    assert_false(out->overflow);
}

static void
compare_value(const struct section *section, const struct field *field, const struct node *node)
{
    const char *shown =
        node->kind == NODE_LIST ? (node->count == 0 ? "" : node->children[0]->text) : node->text;
    assert_non_null(shown);
    if (field->fallback != NULL && strcmp(field->fallback, shown) != 0) {
        fail_msg("line %u: %s.%s shows %s, but the default is %s", node->line, section->name,
                 field->key, shown, field->fallback);
    }
}

static void
compare_section(const struct section *section, const struct node *node)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct field *field = &section->fields[i];
        const struct node *value = node_get(node, field->key);
        if (value == NULL) {
            fail_msg("'%s' of %s is not mentioned", field->key, section->name);
        } else if (field->type == FIELD_SECTION) {
            compare_section(field->section, value);
        } else if (field->type != FIELD_NODE) {
            compare_value(section, field, value);
        }
    }
    for (size_t i = 0; i < node->count; i++) {
        if (section_find(section, node->children[i]->key) == NULL) {
            fail_msg("'%s' is mentioned, but is no key of %s", node->children[i]->key,
                     section->name);
        }
    }
}

static void
the_annotated_file_mentions_every_key_and_shows_the_defaults(void **state)
{
    (void)state;
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    AUTO_STRBUF full = STRBUF_INIT(TEXT_MAX);
    read_conf("mailspur.yaml", &text);
    take_examples_into_force(strbuf_text(&text), &full);
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_NODE *root = NULL;
    document_parse(strbuf_text(&full), full.length, "mailspur.yaml", &diagnostics, &root);
    if (root == NULL) {
        fail_msg("%u: %s", diagnostics.items[0].line, diagnostics.items[0].text);
    }
    compare_section(keys_of_host(), root);
    const struct node *destinations = node_get(root, "destinations");
    assert_int_equal(destinations->count, 1);
    compare_section(keys_of_destination(), destinations->children[0]);
    const struct node *tenants = node_get(root, "tenants");
    assert_int_equal(tenants->count, 1);
    compare_section(keys_of_tenant(), tenants->children[0]);
    diagnostics_done(&diagnostics);
}

static void
the_annotated_file_with_its_examples_is_good(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    AUTO_STRBUF full = STRBUF_INIT(TEXT_MAX);
    read_conf("mailspur.yaml", &text);
    take_examples_into_force(strbuf_text(&text), &full);
    folder_write(&folder, "mailspur.yaml", strbuf_text(&full));
    struct diagnostics diagnostics = {.items = NULL};
    config_unref(folder_load(&folder, &diagnostics));
    AUTO_FREE char *told = folder_format(&folder, &diagnostics, true);
    // Only the files it names are missing here.
    assert_int_equal(diagnostics.errors, 3);
    for (const char *line = told; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_non_null(strstr(line, "cannot be read: No such file"));
    }
    diagnostics_done(&diagnostics);
    folder_remove(&folder);
}

static void
the_annotated_file_as_shipped_is_good_without_a_warning(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    read_conf("mailspur.yaml", &text);
    folder_write(&folder, "mailspur.yaml", strbuf_text(&text));
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = folder_load(&folder, &diagnostics);
    assert_non_null(config);
    assert_int_equal(diagnostics.count, 0);
    assert_int_equal(config->destination_count, 0);
    folder_remove(&folder);
}

static void
the_example_domain_is_good_once_its_secrets_exist(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    AUTO_STRBUF moved = STRBUF_INIT(TEXT_MAX);
    read_conf("domains.d/yourmsp.example.yaml", &text);
    static const char place[] = "/etc/mailspur/";
    const char *at = strbuf_text(&text);
    for (const char *hit = strstr(at, place); hit != NULL; hit = strstr(at, place)) {
        strbuf_append(&moved, at, (size_t)(hit - at));
        strbuf_puts(&moved, "../");
        at = hit + strlen(place);
    }
    strbuf_puts(&moved, at);
    folder_write(&folder, "mailspur.yaml", HOST_LINES);
    folder_write(&folder, "domains.d/yourmsp.example.yaml", strbuf_text(&moved));
    folder_write(&folder, "yourmsp-psa.secret", KEY_24 "\n");
    folder_write(&folder, "yourmsp-crm.secret", KEY_24 "\n");
    folder_write(&folder, "yourmsp-portal.secret", KEY_64 "\n" KEY_24 "\n");
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = folder_load(&folder, &diagnostics);
    assert_non_null(config);
    assert_int_equal(diagnostics.count, 0);
    const struct config_domain *domain = config_find_domain(config, "yourmsp.example");
    assert_int_equal(domain->route_count, 8);
    assert_string_equal(domain->routes[3].destinations[0]->key, "yourmsp.example/portal");
    assert_string_equal(domain->routes[4].action, "ticket");
    assert_non_null(domain->routes[7].reject);
    folder_remove(&folder);
}

static void
the_example_domain_mentions_every_key_of_a_domain_and_of_a_route(void **state)
{
    (void)state;
    AUTO_STRBUF text = STRBUF_INIT(TEXT_MAX);
    read_conf("domains.d/yourmsp.example.yaml", &text);
    const struct section *const sections[] = {keys_of_domain(), keys_of_route(), keys_of_policy()};
    for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
        for (size_t i = 0; i < sections[s]->count; i++) {
            AUTO_STRBUF key = STRBUF_INIT(64);
            strbuf_printf(&key, "%s:", sections[s]->fields[i].key);
            if (strstr(strbuf_text(&text), strbuf_text(&key)) == NULL) {
                fail_msg("'%s' of %s is not mentioned", strbuf_text(&key), sections[s]->name);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_annotated_file_mentions_every_key_and_shows_the_defaults),
        cmocka_unit_test(the_annotated_file_with_its_examples_is_good),
        cmocka_unit_test(the_annotated_file_as_shipped_is_good_without_a_warning),
        cmocka_unit_test(the_example_domain_is_good_once_its_secrets_exist),
        cmocka_unit_test(the_example_domain_mentions_every_key_of_a_domain_and_of_a_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
