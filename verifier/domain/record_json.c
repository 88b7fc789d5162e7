// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/record_json.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/xalloc.h"

static void
set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value); // fails only without memory
}

static json_t *
text(const char *value)
{
    json_t *string = json_string(value);
    if (string != NULL) {
        return string;
    }
    AUTO_FREE char *ascii = xstrdup(value);
    for (char *c = ascii; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
    return json_string(ascii);
}

static json_t *
text_or_null(const char *value)
{
    return value[0] == '\0' ? json_null() : text(value);
}

static json_t *
number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *
time_or_null(int64_t wall_ms)
{
    char iso[CLOCK_ISO_SIZE];
    return wall_ms == 0 ? json_null() : json_string(clock_format_iso(wall_ms, iso));
}

static json_t *
view_servers(const struct domain_record *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->server_count; i++) {
        const struct record_server *server = &record->servers[i];
        json_t *view = json_object();
        set(view, "name", text(server->name));
        set(view, "address", text(server->address));
        set(view, "status", text(record_status_name(server->status)));
        set(view, "detail", text_or_null(server->detail));
        (void)json_array_append_new(list, view);
    }
    return list;
}

static json_t *
view_findings(const struct domain_record *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->finding_count; i++) {
        const struct finding *finding = &record->findings[i];
        json_t *view = json_object();
        set(view, "code", text(finding_code_name(finding->code)));
        set(view, "problem", text(finding->problem));
        set(view, "cure", text(finding->cure));
        set(view, "advice", json_boolean(finding->advice));
        (void)json_array_append_new(list, view);
    }
    return list;
}

static json_t *
view_propagation(const struct domain_record *record)
{
    json_t *view = json_object();
    set(view, "found", number(record->servers_found));
    set(view, "answered", number(record->servers_answered));
    set(view, "of", number(record->server_count));
    return view;
}

static json_t *
view_record(const struct domain_record *record, const char *domain, const char *zone)
{
    char host[RECORD_NAME_SIZE];
    bool was_seen = record->observed[0] != '\0';
    record_host_part(record, domain, zone, host);
    json_t *view = json_object();
    set(view, "purpose", text(record_purpose_name(record->purpose)));
    set(view, "for", text(record_for_name(record->needed_for)));
    set(view, "type", text(record_type_name(record)));
    set(view, "host", text(host));
    set(view, "name", text(record->name));
    set(view, "value", text(record->value));
    set(view, "priority", record->type == DNS_MX ? number(record->preference) : json_null());
    set(view, "ttl", number(record->ttl));
    set(view, "required", json_boolean(record->required));
    set(view, "status", text(record_status_name(record->status)));
    set(view, "observed", text_or_null(record->observed));
    set(view, "observed_ttl", was_seen ? number(record->observed_ttl) : json_null());
    set(view, "servers", view_servers(record));
    set(view, "propagation", view_propagation(record));
    set(view, "stale_until", time_or_null(record->stale_until));
    set(view, "findings", view_findings(record));
    return view;
}

char *
record_json(const struct domain_records *records, const char *domain,
            const struct check_summary *summary)
{
    const char *zone = summary == NULL || summary->zone[0] == '\0' ? NULL : summary->zone;
    json_t *root = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < records->count; i++) {
        (void)json_array_append_new(list, view_record(&records->items[i], domain, zone));
    }
    if (summary != NULL) {
        set(root, "zone", text_or_null(summary->zone));
        set(root, "resolver_only", json_boolean(summary->resolver_only));
        set(root, "detail", text_or_null(summary->detail));
    }
    set(root, "records", list);
    char *dumped = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return dumped;
}

static const char *
problem_of(const struct ses_report *report)
{
    if (!report->verified && report->error[0] == '\0') {
        return "it has not seen the records yet; it looks for them by itself, for up to 72 hours";
    }
    return ses_error_sentence(report->error);
}

char *
record_json_ses(const struct ses_report *report, const char *problem)
{
    json_t *root = json_object();
    if (report != NULL) {
        problem = problem_of(report);
        set(root, "verified", json_boolean(report->verified));
        set(root, "verification", text(ses_progress_name(report->verification)));
        set(root, "dkim", text(ses_progress_name(report->dkim)));
        set(root, "mail_from", text(ses_progress_name(report->mail_from)));
    }
    set(root, "problem", text_or_null(problem));
    char *dumped = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return dumped;
}

size_t
record_json_problems(const char *json)
{
    // Inside of texts the quotes would be escaped, so this is the member and nothing else.
    static const char PROBLEM[] = "\"advice\":false";
    size_t count = 0;
    for (const char *at = strstr(json, PROBLEM); at != NULL; at = strstr(at + 1, PROBLEM)) {
        count++;
    }
    return count;
}
