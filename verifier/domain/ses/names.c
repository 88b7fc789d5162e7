// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/names.h"

#include <string.h>

#include "verifier/domain/ses/ses.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

// 1 to `most` characters of the set.
static bool
consists_of(const char *text, const char *set, size_t most)
{
    size_t length = strlen(text);
    return length > 0 && length <= most && strspn(text, set) == length;
}

bool
ses_name_is_token(const char *text)
{
    return consists_of(text, LOWER UPPER DIGITS "-", SES_TOKEN_SIZE - 1) && text[0] != '-' &&
           text[strlen(text) - 1] != '-';
}

bool
ses_name_is_domain(const char *text)
{
    char normal[DOMAIN_NAME_SIZE];
    return consists_of(text, LOWER DIGITS "-_.", DOMAIN_NAME_MAX) && strchr(text, '.') != NULL &&
           address_normalize_domain(text, normal, NULL) == ST_OK && strcmp(text, normal) == 0;
}

bool
ses_name_is_below(const char *name, const char *domain)
{
    size_t length = strlen(name);
    size_t domain_length = strlen(domain);
    return length > domain_length + 1 && name[length - domain_length - 1] == '.' &&
           strcmp(name + length - domain_length, domain) == 0;
}

bool
ses_name_is_region(const char *text)
{
    return consists_of(text, LOWER DIGITS "-", SES_REGION_SIZE - 1);
}

bool
ses_name_is_installation(const char *text)
{
    return consists_of(text, LOWER UPPER DIGITS "-_.", SES_INSTALLATION_MAX);
}
