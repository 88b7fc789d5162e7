// SPDX-License-Identifier: Apache-2.0
// mailspur-milter in smtpd_milters: there, the last one, and mail waits while it is away.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/cli/doctor/postfix.h"

static const char MILTERS[] = "smtpd_milters";
static const char CHECK[] = "milters";

enum {
    LINE_MAX_BYTES = 64 * 1024,
    ADDRESS_SIZE = 512,
    RECIPIENT_MS = 10 * 1000, /* mailspurd's answer, asked twice */
    HAND_OVER_MS = 60 * 1000  /* beside the DNS: the commit, and what waits before it */
};

// "inet:PORT@HOST" of mailspur.yaml is "inet:HOST:PORT" in main.cf: the port tells them apart.
static bool
is_our_port(const char *ours, const char *theirs)
{
    const char *port = strchr(ours, ':');
    const char *at = strchr(ours, '@');
    const char *their_port = strrchr(theirs, ':');
    if (strncmp(ours, "inet", 4) != 0 || strncmp(theirs, "inet:", 5) != 0 || port == NULL ||
        at == NULL || at < port) {
        return false;
    }
    size_t length = (size_t)(at - port - 1);
    return strncmp(their_port + 1, port + 1, length) == 0 && their_port[1 + length] == '\0';
}

// An item may be "{ unix:path, default_action=accept }": the first word is the address.
static bool
is_ours(const struct postfix_view *view, const char *item)
{
    const char *ours = view->config->milter.socket;
    const char *our_path = postfix_unix_path(ours);
    AUTO_POSTFIX_WORDS words = postfix_words_split(item);
    if (words.count == 0) {
        return false;
    }
    const char *their_path = postfix_unix_path(words.items[0]);
    if (our_path == NULL || their_path == NULL) {
        return is_our_port(ours, words.items[0]);
    }
    AUTO_STRBUF path = STRBUF_INIT(LINE_MAX_BYTES);
    postfix_real_path(view->settings, their_path, &path);
    return postfix_is_same_file(strbuf_text(&path), our_path);
}

// As main.cf should name it.
static void
put_address(const struct postfix_view *view, struct strbuf *out)
{
    const char *ours = view->config->milter.socket;
    const char *path = postfix_unix_path(ours);
    const char *at = strchr(ours, '@');
    const char *port = strchr(ours, ':');
    if (path != NULL) {
        strbuf_printf(out, "unix:%s", postfix_own_path(view->settings, path));
    } else if (port != NULL && at != NULL) {
        strbuf_printf(out, "inet:%s:%.*s", at + 1, (int)(at - port - 1), port + 1);
    } else {
        strbuf_puts(out, ours);
    }
}

// The list with ours behind all others.
static void
make_line(const struct postfix_view *view, const struct postfix_words *words, struct strbuf *out)
{
    strbuf_printf(out, "%s = ", MILTERS);
    for (size_t i = 0; i < words->count; i++) {
        if (!is_ours(view, words->items[i])) {
            bool has_more = strpbrk(words->items[i], ", \t=") != NULL;
            strbuf_printf(out, has_more ? "{%s}, " : "%s, ", words->items[i]);
        }
    }
    put_address(view, out);
}

static void
judge_list(const struct postfix_view *view, struct doctor *doctor)
{
    AUTO_POSTFIX_WORDS words = postfix_words_split(postfix_setting_text(view->settings, MILTERS));
    bool is_there = false;
    for (size_t i = 0; i < words.count; i++) {
        is_there = is_there || is_ours(view, words.items[i]);
    }
    if (is_there && is_ours(view, words.items[words.count - 1])) {
        doctor_ok(doctor, CHECK, "%s has mailspur-milter, as the last one", MILTERS);
        return;
    }
    AUTO_STRBUF line = STRBUF_INIT(LINE_MAX_BYTES);
    make_line(view, &words, &line);
    const struct doctor_cure cure = {.file = DOCTOR_MAIN_CF, .line = strbuf_text(&line)};
    if (is_there) {
        doctor_tell(
            doctor, DOCTOR_WRONG, CHECK, cure,
            "%s has a milter behind mailspur-milter: it never sees a message of ours whole, "
            "or changes it unseen",
            MILTERS);
        return;
    }
    doctor_tell(doctor, DOCTOR_WRONG, CHECK, cure,
                "%s has no mailspur-milter (%s): mail for our domains stays in Postfix's queue",
                MILTERS, view->config->milter.socket);
}

// Of one service; an item's own default_action wins over the common one.
static void
judge_services(const struct postfix_view *view, struct doctor *doctor)
{
    size_t count = 0;
    const char *common = postfix_setting_text(view->settings, MILTERS);
    const struct postfix_service *services = postfix_services(view->settings, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = postfix_service_setting(view->settings, &services[i], MILTERS);
        AUTO_POSTFIX_WORDS words = postfix_words_split(value);
        if (strcmp(value, common) != 0 &&
            (words.count == 0 || !is_ours(view, words.items[words.count - 1]))) {
            doctor_tell(doctor, DOCTOR_WARNING, "milters-of-services",
                        (struct doctor_cure){.file = DOCTOR_MASTER_CF,
                                             .line = "remove -o smtpd_milters=..."},
                        "%s has %s of its own that do not end with mailspur-milter: what its "
                        "clients send to our domains waits in the queue",
                        services[i].name, MILTERS);
        }
        if (postfix_list_has(
                postfix_service_setting(view->settings, &services[i], "receive_override_options"),
                "no_milters")) {
            doctor_tell(doctor, DOCTOR_WRONG, "milters-of-services",
                        (struct doctor_cure){.file = DOCTOR_MASTER_CF,
                                             .line = "receive_override_options without no_milters"},
                        "%s has no_milters: mail for our domains stays in the queue",
                        services[i].name);
        }
    }
}

static void
judge_own_action(const struct postfix_view *view, struct doctor *doctor)
{
    static const char KEY[] = "default_action=";
    AUTO_POSTFIX_WORDS milters = postfix_words_split(postfix_setting_text(view->settings, MILTERS));
    for (size_t i = 0; i < milters.count; i++) {
        AUTO_POSTFIX_WORDS words = postfix_words_split(milters.items[i]);
        for (size_t j = 1; is_ours(view, milters.items[i]) && j < words.count; j++) {
            if (strncmp(words.items[j], KEY, strlen(KEY)) == 0 &&
                strcmp(words.items[j] + strlen(KEY), "tempfail") != 0) {
                doctor_tell(
                    doctor, DOCTOR_WRONG, "milter-default-action",
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = "default_action=tempfail"},
                    "%s has %s for mailspur-milter", MILTERS, words.items[j]);
            }
        }
    }
}

static void
judge_action(const struct postfix_view *view, struct doctor *doctor)
{
    static const char NAME[] = "milter_default_action";
    const char *value = postfix_setting_text(view->settings, NAME);
    if (strcmp(value, "tempfail") == 0) {
        doctor_ok(doctor, "milter-default-action", "%s = tempfail", NAME);
    } else {
        doctor_tell(doctor, DOCTOR_WRONG, "milter-default-action",
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF,
                                         .line = "milter_default_action = tempfail"},
                    "%s is %s: while mailspur-milter is away mail must wait, and not be refused or "
                    "let in unjudged",
                    NAME, value);
    }
    judge_own_action(view, doctor);
}

static void
judge_other_milters(const struct postfix_view *view, struct doctor *doctor)
{
    static const char NAME[] = "non_smtpd_milters";
    AUTO_POSTFIX_WORDS words = postfix_words_split(postfix_setting_text(view->settings, NAME));
    for (size_t i = 0; i < words.count; i++) {
        if (is_ours(view, words.items[i])) {
            doctor_tell(doctor, DOCTOR_WRONG, "non-smtpd-milters",
                        (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = "non_smtpd_milters ="},
                        "%s has mailspur-milter: mail of this host's own programs has no SMTP "
                        "client to be judged by",
                        NAME);
            return;
        }
    }
    doctor_ok(doctor, "non-smtpd-milters", "%s has no mailspur-milter", NAME);
}

struct macro {
    const char *setting, *macro, *use, *line;
    enum doctor_level level;
};
// The other ones mailspur-milter asks for itself (SMFIR_SETSYMLIST).
static const struct macro MACROS[] = {
    {"milter_connect_macros", "{client_addr}",
     "mailspur-milter takes the address from the connection, but other milters may need it",
     "milter_connect_macros = j {daemon_name} {daemon_addr} {client_addr} v _", DOCTOR_WARNING},
    {"milter_rcpt_macros", "{rcpt_mailer}",
     "while mailspurd is away nobody could tell Postfix's own recipients from foreign ones",
     "milter_rcpt_macros = i {rcpt_addr} {rcpt_host} {rcpt_mailer}", DOCTOR_WRONG},
};

static void
judge_macros(const struct postfix_view *view, struct doctor *doctor)
{
    bool is_good = true;
    for (size_t i = 0; i < ARRAY_LEN(MACROS); i++) {
        const struct macro *macro = &MACROS[i];
        if (strstr(postfix_setting_text(view->settings, macro->setting), macro->macro) != NULL) {
            continue;
        }
        is_good = false;
        doctor_tell(doctor, macro->level, "milter-macros",
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = macro->line},
                    "%s has no %s: %s", macro->setting, macro->macro, macro->use);
    }
    if (is_good) {
        doctor_ok(doctor, "milter-macros", "Postfix tells mailspur-milter what it has to know");
    }
}

// "300s", "5m": Postfix's units, s when there is none. -1: not read.
static int64_t
read_time_ms(const char *text)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } UNITS[] = {{"", 1000},     {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    int64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && i < 9; i++) {
        number = number * 10 + (text[i] - '0');
    }
    for (size_t i = 0; digits > 0 && i < ARRAY_LEN(UNITS); i++) {
        if (strcmp(text + digits, UNITS[i].unit) == 0) {
            return number * UNITS[i].ms;
        }
    }
    return -1;
}

static void
judge_time(const struct postfix_view *view, const char *name, int64_t least_ms, const char *reason,
           struct doctor *doctor)
{
    const char *value = postfix_setting_text(view->settings, name);
    int64_t ms = read_time_ms(value);
    if (ms >= least_ms) {
        doctor_ok(doctor, "milter-timeouts", "%s = %s", name, value);
        return;
    }
    char line[96];
    (void)snprintf(line, sizeof(line), "%s = %" PRId64 "s", name, (least_ms + 999) / 1000);
    doctor_tell(doctor, DOCTOR_WRONG, "milter-timeouts",
                (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = line},
                "%s is %s: shorter than %s", name, value, reason);
}

static void
judge_protocol(const struct postfix_view *view, struct doctor *doctor)
{
    const char *value = postfix_setting_text(view->settings, "milter_protocol");
    if (strcmp(value, "6") != 0) {
        doctor_tell(doctor, DOCTOR_WRONG, "milter-protocol",
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = "milter_protocol = 6"},
                    "milter_protocol is %s: mailspur-milter refuses what is older than 6", value);
    }
    const char *maps = postfix_setting_text(view->settings, "smtpd_milter_maps");
    if (maps[0] != '\0') {
        doctor_tell(doctor, DOCTOR_WARNING, "milter-maps",
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = "smtpd_milter_maps ="},
                    "smtpd_milter_maps gives some clients other milters: what they send to our "
                    "domains waits in the queue unless mailspur-milter is among them");
    }
}

void
postfix_judge_milters(const struct postfix_view *view, struct doctor *doctor)
{
    judge_list(view, doctor);
    judge_services(view, doctor);
    judge_action(view, doctor);
    judge_other_milters(view, doctor);
    judge_macros(view, doctor);
    judge_protocol(view, doctor);
    judge_time(view, "milter_content_timeout", view->config->dns.time_per_message_ms + HAND_OVER_MS,
               "dns.time_per_message and the hand-over of a message take", doctor);
    judge_time(view, "milter_command_timeout", RECIPIENT_MS,
               "mailspur-milter may take for a recipient", doctor);
}
