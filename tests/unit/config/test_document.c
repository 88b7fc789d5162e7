// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/document.h"
#include "support.h"

static struct node *
parse_good(const char *text)
{
    struct diagnostics diagnostics = {.items = NULL};
    struct node *root = NULL;
    document_parse(text, strlen(text), "t.yaml", &diagnostics, &root);
    assert_int_equal(diagnostics.errors, 0);
    assert_non_null(root);
    diagnostics_done(&diagnostics);
    return root;
}

static void
every_node_knows_its_place(void **state)
{
    (void)state;
    AUTO_NODE *root = parse_good("# comment\n"
                                 "a: one\n"
                                 "b:\n"
                                 "  - two\n"
                                 "  - {c: 'thr ee', d: }\n");
    assert_int_equal(root->kind, NODE_MAPPING);
    assert_int_equal(root->line, 2);
    const struct node *a = node_get(root, "a");
    assert_string_equal(a->text, "one");
    assert_true(a->plain);
    assert_int_equal(a->line, 2);
    assert_int_equal(a->column, 4);
    assert_int_equal(a->key_column, 1);
    const struct node *b = node_get(root, "b");
    assert_int_equal(b->kind, NODE_LIST);
    assert_int_equal(b->key_line, 3);
    assert_int_equal(b->count, 2);
    const struct node *c = node_get(b->children[1], "c");
    assert_string_equal(c->text, "thr ee");
    assert_false(c->plain);
    assert_int_equal(c->line, 5);
    assert_int_equal(c->column, 9);
    assert_true(node_is_empty(node_get(b->children[1], "d")));
    assert_null(node_get(root, "c"));
    assert_null(node_get(b, "c"));
    assert_null(node_get(NULL, "c"));
}

static void
json_is_read_too(void **state)
{
    (void)state;
    AUTO_NODE *root = parse_good("{\"a\": [\"x\", \"y\"], \"b\": {\"c\": \"\"}}");
    assert_string_equal(node_get(root, "a")->children[1]->text, "y");
    assert_false(node_is_empty(node_get(node_get(root, "b"), "c"))); // written down as empty
}

static void
a_file_with_comments_only_sets_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "---\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_NODE *root = parse_good(texts[i]);
        assert_true(root->kind == NODE_MAPPING ? root->count == 0 : node_is_empty(root));
    }
}

static void
a_repeated_key_is_told_and_the_first_stays(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb: 2\na: {x: 1, x: 2}\n";
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_NODE *root = NULL;
    document_parse(text, strlen(text), "t.yaml", &diagnostics, &root);
    assert_int_equal(diagnostics.errors, 2);
    assert_int_equal(diagnostics.items[0].line, 3);
    assert_string_equal(diagnostics.items[0].text, "'a' stands twice; the first is in line 1");
    assert_string_equal(node_get(root, "a")->text, "1");
    assert_true(root->children[2]->is_repeat);
    diagnostics_done(&diagnostics);
}

static void
nesting_is_taken_up_to_its_limit(void **state)
{
    (void)state;
    for (size_t depth = DOCUMENT_DEPTH_MAX; depth <= DOCUMENT_DEPTH_MAX + 1; depth++) {
        char text[2 * DOCUMENT_DEPTH_MAX + 3];
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct diagnostics diagnostics = {.items = NULL};
        AUTO_NODE *root = NULL;
        document_parse(text, 2 * depth, "t.yaml", &diagnostics, &root);
        assert_int_equal(root != NULL, depth == DOCUMENT_DEPTH_MAX);
        assert_int_equal(diagnostics.errors, depth == DOCUMENT_DEPTH_MAX ? 0 : 1);
        diagnostics_done(&diagnostics);
    }
}

static void
a_file_is_read_up_to_its_size_limit(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    for (size_t more = 0; more <= 1; more++) {
        AUTO_FREE char *text = malloc(DOCUMENT_SIZE_MAX + 2);
        assert_non_null(text);
        memset(text, '#', DOCUMENT_SIZE_MAX + more);
        text[DOCUMENT_SIZE_MAX + more] = '\0';
        folder_write(&folder, "large.yaml", text);
        AUTO_STRBUF path = STRBUF_INIT(256);
        strbuf_printf(&path, "%s/large.yaml", folder.path);
        struct diagnostics diagnostics = {.items = NULL};
        AUTO_NODE *root = NULL;
        document_read(strbuf_text(&path), &diagnostics, &root);
        assert_int_equal(root != NULL, more == 0);
        assert_int_equal(diagnostics.errors, more);
        diagnostics_done(&diagnostics);
    }
    folder_remove(&folder);
}

// What YAML can be made to cost: aliases that double, keys that collide, brackets without end.
static void
hostile_documents_end_in_an_error(void **state)
{
    (void)state;
    AUTO_STRBUF brackets = STRBUF_INIT(DOCUMENT_SIZE_MAX);
    AUTO_STRBUF keys = STRBUF_INIT(DOCUMENT_SIZE_MAX);
    while (!brackets.overflow) {
        strbuf_puts(&brackets, "[{");
    }
    while (!keys.overflow) {
        strbuf_puts(&keys, "a: 1\n");
    }
    static const char laughs[] = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {strbuf_text(&brackets), brackets.length},
        {strbuf_text(&keys), keys.length},
        {laughs, strlen(laughs)},
        {"\xff\xfe\xff", 3},
        {"a: \xc3(", 5},
        {"\0\0\0", 3},
        {"a: b: c", 7},
        {"a: \"open", 8},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct diagnostics diagnostics = {.items = NULL};
        AUTO_NODE *root = NULL;
        document_parse(rows[i].text, rows[i].length, "t.yaml", &diagnostics, &root);
        assert_true(diagnostics.errors > 0);
        diagnostics_done(&diagnostics);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_its_place),
        cmocka_unit_test(json_is_read_too),
        cmocka_unit_test(a_file_with_comments_only_sets_nothing),
        cmocka_unit_test(a_repeated_key_is_told_and_the_first_stays),
        cmocka_unit_test(nesting_is_taken_up_to_its_limit),
        cmocka_unit_test(a_file_is_read_up_to_its_size_limit),
        cmocka_unit_test(hostile_documents_end_in_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
