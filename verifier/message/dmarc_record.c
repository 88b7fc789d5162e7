// SPDX-License-Identifier: Apache-2.0
#include "verifier/message/dmarc_record.h"

#include "verifier/message/tag_list.h"

static bool
read_action(const struct tag *tag, enum dmarc_action *out)
{
    static const enum dmarc_action ACTIONS[] = {DMARC_ACTION_NONE, DMARC_ACTION_QUARANTINE,
                                                DMARC_ACTION_REJECT};
    for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++) {
        if (tag_is_word(tag, dmarc_action_name(ACTIONS[i]))) {
            *out = ACTIONS[i];
            return true;
        }
    }
    return false;
}

// sp= or np=: no tag leaves what there is, a bad one is told.
static bool
read_optional_action(const struct tag *tag, enum dmarc_action *out)
{
    return tag == NULL || read_action(tag, out);
}

// A report address is a URI: a scheme and more.
static bool
has_report_address(const struct tag *tag)
{
    if (tag == NULL) {
        return false;
    }
    for (size_t i = 1; i + 1 < tag->value_length; i++) {
        if (tag->value[i] == ':') {
            return true;
        }
    }
    return false;
}

// The version comes before everything else, also before parts that are no tags.
static bool
begins_with_version(const char *text, size_t length, const struct tag_list *list)
{
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    const struct tag *first = &list->tags[0];
    return list->count > 0 && first->name == text && tag_list_find(list, "v") == first &&
           tag_is(first, "DMARC1");
}

enum status
dmarc_record_parse(const char *text, size_t length, struct dmarc_record *out)
{
    struct tag_list list;
    if (tag_list_parse(text, length, TAG_LIST_LENIENT, &list, NULL) != ST_OK ||
        !begins_with_version(text, length, &list)) {
        return ST_INVALID;
    }
    struct dmarc_record record = {.policy = DMARC_ACTION_NONE};
    bool is_good = read_action(tag_list_find(&list, "p"), &record.policy);
    record.subdomain_policy = record.policy;
    is_good &= read_optional_action(tag_list_find(&list, "sp"), &record.subdomain_policy);
    record.nonexistent_policy = record.subdomain_policy;
    is_good &= read_optional_action(tag_list_find(&list, "np"), &record.nonexistent_policy);
    if (!is_good) { // who asks for reports gets them, as with p=none (RFC 9989, 4.10.1)
        record.policy = DMARC_ACTION_NONE;
        record.subdomain_policy = DMARC_ACTION_NONE;
        record.nonexistent_policy = DMARC_ACTION_NONE;
    }
    record.has_policy = is_good || has_report_address(tag_list_find(&list, "rua"));
    record.strict_dkim = tag_is_word(tag_list_find(&list, "adkim"), "s");
    record.strict_spf = tag_is_word(tag_list_find(&list, "aspf"), "s");
    record.testing = tag_is_word(tag_list_find(&list, "t"), "y");
    if (tag_is_word(tag_list_find(&list, "psd"), "y")) {
        record.psd = DMARC_PSD_YES;
    } else if (tag_is_word(tag_list_find(&list, "psd"), "n")) {
        record.psd = DMARC_PSD_NO;
    }
    *out = record;
    return ST_OK;
}
