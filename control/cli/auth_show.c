// SPDX-License-Identifier: Apache-2.0
#include "control/cli/auth_show.h"

#include "common/cleanup.h"
#include "common/strbuf.h"
#include "control/cli/call.h"
#include "control/cli/table.h"

enum { DETAIL_MAX = 2048, JSON_MAX = 64 * 1024 };

// ---- for people

static void
add_row(struct table *table, const char *method, enum auth_result result, const char *domain,
        const struct strbuf *detail)
{
    const char *const cells[] = {method, auth_result_name(result),
                                 domain[0] == '\0' ? NULL : domain, strbuf_text(detail)};
    table_add(table, cells);
}

// The parts of a detail stand behind each other, with commas between them.
static void
add_text(struct strbuf *detail, const char *label, const char *text)
{
    if (text[0] != '\0') {
        strbuf_printf(detail, "%s%s%s", detail->length == 0 ? "" : ", ", label, text);
    }
}

static void
add_count(struct strbuf *detail, unsigned count, const char *what)
{
    strbuf_printf(detail, "%s%u %s", detail->length == 0 ? "" : ", ", count, what);
}

static void
show_spf(struct table *table, const struct verdict_spf *spf)
{
    AUTO_STRBUF detail = STRBUF_INIT(DETAIL_MAX);
    AUTO_STRBUF nothing = STRBUF_INIT(1);
    add_text(&detail, "", spf->identity_is_helo ? "HELO, as the sender is null" : "MAIL FROM");
    add_count(&detail, spf->terms, "DNS terms");
    add_count(&detail, spf->voids, "void");
    add_text(&detail, "", spf->reason);
    add_text(&detail, "explanation: ", spf->explanation);
    add_row(table, "spf", spf->result, spf->domain, &detail);
    if (!spf->identity_is_helo) {
        add_row(table, "spf helo", spf->helo, "", &nothing);
    }
}

static void
show_dkim(struct table *table, const struct verdict_dkim *dkim)
{
    AUTO_STRBUF detail = STRBUF_INIT(DETAIL_MAX);
    add_text(&detail, "", dkim->reason);
    add_text(&detail, "selector ", dkim->selector);
    add_text(&detail, "", dkim->algorithm);
    if (dkim->bits > 0) {
        add_count(&detail, dkim->bits, "bits");
    }
    add_row(table, "dkim", dkim->result, dkim->domain, &detail);
}

static void
show_arc(struct table *table, const struct verdict_arc *arc)
{
    AUTO_STRBUF detail = STRBUF_INIT(DETAIL_MAX);
    add_text(&detail, "", arc->reason);
    if (arc->instances > 0) {
        add_count(&detail, arc->instances, arc->instances == 1 ? "instance" : "instances");
    }
    if (arc->result == AUTH_PASS) {
        strbuf_printf(&detail, ", oldest pass %u", arc->oldest_pass);
    }
    add_row(table, "arc", arc->result, arc->sealer, &detail);
}

static void
show_dmarc(struct table *table, const struct verdict_dmarc *dmarc)
{
    AUTO_STRBUF detail = STRBUF_INIT(DETAIL_MAX);
    add_text(&detail, "", dmarc->reason);
    if (dmarc->result == AUTH_PASS || dmarc->result == AUTH_FAIL) {
        add_text(&detail, "policy ", dmarc_action_name(dmarc->policy));
        add_text(&detail, "disposition ", dmarc_action_name(dmarc->disposition));
        add_text(&detail, "aligned: ",
                 dmarc->aligned_spf && dmarc->aligned_dkim ? "SPF and DKIM"
                 : dmarc->aligned_spf                      ? "SPF"
                 : dmarc->aligned_dkim                     ? "DKIM"
                                                           : "nothing");
    }
    add_text(&detail, "organizational domain ", dmarc->org_domain);
    add_row(table, "dmarc", dmarc->result, dmarc->domain, &detail);
}

static void
show_forwarder(struct table *table, const struct verdict_forwarder *forwarder)
{
    if (forwarder->result == FORWARDER_NONE) {
        return;
    }
    const char *const cells[] = {"forwarder", forwarder_result_name(forwarder->result),
                                 forwarder->name, forwarder->reason};
    table_add(table, cells);
}

static void
show_message(struct table *table, const struct verdict *verdict)
{
    static const struct verdict_dkim UNSIGNED = {.result = AUTH_NONE, .reason = "no signature"};
    if (verdict->dkim_count == 0) {
        show_dkim(table, &UNSIGNED);
    }
    for (size_t i = 0; i < verdict->dkim_count; i++) {
        show_dkim(table, &verdict->dkim[i]);
    }
    show_arc(table, &verdict->arc);
    show_dmarc(table, &verdict->dmarc);
    show_forwarder(table, &verdict->forwarder);
}

void
auth_show_table(const struct cli *cli, const struct verdict *verdict, bool has_message)
{
    static const struct column COLUMNS[] = {{.title = "METHOD"},
                                            {.title = "RESULT"},
                                            {.title = "DOMAIN", .whole = true},
                                            {.title = "DETAIL", .whole = true}};
    AUTO_TABLE *table = table_new(&cli->screen, COLUMNS, ARRAY_LEN(COLUMNS));
    show_spf(table, &verdict->spf);
    if (has_message) {
        show_message(table, verdict);
    }
    table_print(table);
    if (verdict->dkim_ignored > 0) {
        screen_line(&cli->screen, "%zu more signatures were not looked at", verdict->dkim_ignored);
    }
    (void)fputc('\n', cli->screen.out);
    screen_line(&cli->screen, "Authentication-Results: %s", verdict->authentication_results);
}

// ---- for programs

static void
print_line(const struct cli *cli, json_t *object, const json_t *id)
{
    if (id != NULL) {
        (void)json_object_set_new(object, "id", json_deep_copy(id));
    }
    (void)json_dumpf(object, cli->screen.out, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)fputc('\n', cli->screen.out);
}

void
auth_show_json(const struct cli *cli, const struct verdict *verdict, const json_t *id)
{
    AUTO_STRBUF text = STRBUF_INIT(JSON_MAX);
    verdict_format_json(verdict, &text);
    AUTO_JSON *object = json_loadb(strbuf_text(&text), text.length, 0, NULL);
    print_line(cli, object, id);
}

void
auth_show_error(const struct cli *cli, const char *text, const json_t *id)
{
    AUTO_JSON *object = json_object();
    json_t *value = json_string(text); // NULL when a stranger's bytes are no UTF-8
    (void)json_object_set_new(object, "error",
                              value == NULL ? json_string("a value is no UTF-8") : value);
    print_line(cli, object, id);
}
