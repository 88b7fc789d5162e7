// SPDX-License-Identifier: Apache-2.0
// Tag lists in every mode, and DKIM-Signature, ARC-Message-Signature and ARC-Seal values: spans
// must stay inside the text, and what is cut out for b= too.
#include "tests/fuzz/target.h"

#include <stdlib.h>

#include "verifier/message/signed_field.h"
#include "verifier/message/tag_list.h"

enum { NOW = 1800000000 };

static void
require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void
check_list(const char *text, size_t length, enum tag_list_mode mode)
{
    struct tag_list list;
    if (tag_list_parse(text, length, mode, &list, NULL) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct tag *tag = &list.tags[i];
        require(tag->name >= text && tag->name + tag->name_length <= text + length);
        require(tag->value >= text && tag->value + tag->value_length <= text + length);
    }
}

static void
check_field(enum signed_field_kind kind, const char *text, size_t length)
{
    struct signed_field field;
    char reason[VERDICT_REASON_SIZE] = "";
    if (signed_field_parse(kind, text, length, NOW, &field, reason) != AUTH_NONE) {
        require(reason[0] != '\0');
        return;
    }
    require(field.cut_offset + field.cut_length <= length);
    require(field.domain[0] != '\0' && field.selector[0] != '\0');
    require(kind == SIGNED_DKIM || (field.instance >= 1 && field.instance <= ARC_INSTANCES_MAX));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    for (int mode = TAG_LIST_STRICT; mode <= TAG_LIST_LENIENT; mode++) {
        check_list(text, size, (enum tag_list_mode)mode);
    }
    for (int kind = SIGNED_DKIM; kind <= SIGNED_ARC_SEAL; kind++) {
        check_field((enum signed_field_kind)kind, text, size);
    }
    require(arc_results_instance(text, size) <= ARC_INSTANCES_MAX);
    return 0;
}
