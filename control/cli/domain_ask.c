// SPDX-License-Identifier: Apache-2.0
#include "control/cli/domain_ask.h"

#include <string.h>

#include "control/cli/url.h"

enum cli_exit
domain_ask(const struct cli *cli, const char *method, const char *name, const char *what,
           json_t *body, json_t **answer_out)
{
    AUTO_STRBUF url = STRBUF_INIT(URL_MAX);
    strbuf_puts(&url, "/v1/domains");
    url_append_segment(&url, name);
    strbuf_puts(&url, what);
    return call_api(cli, method, &url, body, answer_out);
}

bool
domain_is_verified(const json_t *domain)
{
    return strcmp(call_text(domain, "status"), "verified") == 0;
}

static bool
all_found(const json_t *domain)
{
    const json_t *records = json_object_get(domain, "records");
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (json_is_true(json_object_get(record, "required")) &&
            strcmp(call_text(record, "status"), "found") != 0) {
            return false;
        }
    }
    return true;
}

bool
domain_passes(const json_t *domain)
{
    return domain_is_verified(domain) && all_found(domain);
}

const char *
domain_inbound(const json_t *domain)
{
    return json_is_true(json_object_get(domain, "inbound")) ? "on" : "off";
}

static void
print_waits(const struct screen *screen, const json_t *domain)
{
    if (call_text(domain, "waits")[0] != '\0') {
        screen_line(screen, "  it waits: %s", call_text(domain, "waits"));
    }
}

void
domain_put_name(const struct screen *screen, const json_t *domain, struct strbuf *out)
{
    const char *letters = call_text(domain, "domain_unicode");
    strbuf_puts(out, call_text(domain, "domain"));
    if (letters[0] != '\0' && screen->utf8) {
        strbuf_printf(out, " (%s)", letters);
    }
}

void
domain_print_headline(const struct screen *screen, const json_t *domain)
{
    AUTO_STRBUF name = STRBUF_INIT(DOMAIN_SHOWN_SIZE);
    domain_put_name(screen, domain, &name);
    screen_line(screen, "%s (tenant %s): %s, inbound %s", strbuf_text(&name),
                call_text(domain, "tenant"), call_text(domain, "status"), domain_inbound(domain));
    print_waits(screen, domain);
}

void
domain_print_ses_problem(const struct screen *screen, const json_t *domain)
{
    const char *problem = call_text(json_object_get(domain, "ses"), "problem");
    if (problem[0] != '\0') {
        screen_line(screen, "Amazon SES: %s", problem);
    }
}

void
domain_print_conclusion(const struct screen *screen, const json_t *domain)
{
    const char *name = call_text(domain, "domain");
    AUTO_STRBUF shown = STRBUF_INIT(DOMAIN_SHOWN_SIZE);
    domain_put_name(screen, domain, &shown);
    domain_print_ses_problem(screen, domain);
    if (!domain_is_verified(domain)) {
        screen_line(screen, "%s is not verified: %s", strbuf_text(&shown),
                    call_text(domain, "status"));
        print_waits(screen, domain);
    } else if (!all_found(domain)) {
        screen_line(screen, "%s was verified before, but did not pass this check",
                    strbuf_text(&shown));
    } else if (json_is_true(json_object_get(domain, "inbound"))) {
        screen_line(screen, "%s is verified and takes mail", strbuf_text(&shown));
    } else {
        screen_line(screen, "%s is verified. Next: mailspur domain inbound on %s",
                    strbuf_text(&shown), name);
    }
}
