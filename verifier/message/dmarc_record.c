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

enum status
dmarc_record_parse(const char *text, size_t length, struct dmarc_record *out)
{
    struct tag_list list;
    if (tag_list_parse(text, length, TAG_LIST_LENIENT, &list, NULL) != ST_OK || list.count == 0 ||
        tag_list_find(&list, "v") != &list.tags[0] || !tag_is(&list.tags[0], "DMARC1")) {
        return ST_INVALID;
    }
    struct dmarc_record record = {.policy = DMARC_ACTION_NONE};
    record.has_policy = read_action(tag_list_find(&list, "p"), &record.policy) ||
                        has_report_address(tag_list_find(&list, "rua"));
    record.subdomain_policy = record.policy;
    (void)read_action(tag_list_find(&list, "sp"), &record.subdomain_policy);
    record.nonexistent_policy = record.subdomain_policy;
    (void)read_action(tag_list_find(&list, "np"), &record.nonexistent_policy);
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
