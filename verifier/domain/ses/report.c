// SPDX-License-Identifier: Apache-2.0
// The words of a report, and what SES means by its errors.
#include <string.h>

#include "verifier/domain/ses/ses.h"

static const char *const PROGRESS[] = {
    [SES_PROGRESS_NONE] = "none",
    [SES_PROGRESS_PENDING] = "pending",
    [SES_PROGRESS_SUCCESS] = "success",
    [SES_PROGRESS_FAILED] = "failed",
    [SES_PROGRESS_TEMPORARY_FAILURE] = "temporary_failure",
    [SES_PROGRESS_OTHER] = "other",
};
_Static_assert(ARRAY_LEN(PROGRESS) == SES_PROGRESS_OTHER + 1, "every progress has a name");

const char *
ses_progress_name(enum ses_progress progress)
{
    return PROGRESS[progress];
}

static const struct {
    const char *error;
    const char *sentence;
} ERRORS[] = {
    {"SERVICE_ERROR", "Amazon SES had trouble of its own when it looked the records up; it will "
                      "look again"},
    {"DNS_SERVER_ERROR", "the name servers of the domain gave Amazon SES an error or no answer"},
    {"HOST_NOT_FOUND", "Amazon SES found no such name in the DNS: the CNAME records are not there"},
    {"TYPE_NOT_FOUND", "Amazon SES found the name, but no record of the type it needs: the CNAME "
                       "records may have been entered as TXT"},
    {"INVALID_VALUE", "Amazon SES found the records, but with another value"},
};

const char *
ses_error_sentence(const char *error)
{
    if (error[0] == '\0') {
        return "";
    }
    for (size_t i = 0; i < ARRAY_LEN(ERRORS); i++) {
        if (strcmp(error, ERRORS[i].error) == 0) {
            return ERRORS[i].sentence;
        }
    }
    return "Amazon SES could not verify the domain, for a reason this version has no words for";
}
