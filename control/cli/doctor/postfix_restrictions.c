// SPDX-License-Identifier: Apache-2.0
// Who may send to which recipient: smtpd_relay_restrictions has to ask us, and nothing behind it
// may refuse what we take. Our domains are of no class, so Postfix takes them for foreign ones.
#include <stdio.h>
#include <string.h>

#include "control/cli/doctor/postfix.h"

static const char RELAY[] = "smtpd_relay_restrictions";
static const char RECIPIENT[] = "smtpd_recipient_restrictions";
static const char CHECK[] = "relay-restrictions";

enum { LINE_MAX_BYTES = 64 * 1024, NOWHERE = -1 };

/* Where the words that matter stand in the list. */
struct places {
    int ours; /* check_recipient_access with our socketmap */
    int auth; /* permit_auth_destination */
    int stop; /* the first that lets nothing foreign through */
    int last_stop;
    int open;       /* the first that takes recipients of ours without asking us */
    char path[512]; /* as written */
    char map[64];
};

static bool
is_one_of(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const STOPS[] = {"reject", "reject_unauth_destination", "defer",
                                    "defer_unauth_destination"};
// Since the MX of our domains leads here, these take every recipient of theirs.
static const char *const OPENS[] = {"permit", "permit_mx_backup"};

// "socketmap:unix:PATH:MAP"
static bool
read_socketmap(const char *word, struct places *places)
{
    static const char PREFIX[] = "socketmap:unix:";
    if (strncmp(word, PREFIX, strlen(PREFIX)) != 0) {
        return false;
    }
    const char *path = word + strlen(PREFIX);
    const char *colon = strrchr(path, ':');
    if (colon == NULL) {
        return false;
    }
    (void)snprintf(places->path, sizeof(places->path), "%.*s", (int)(colon - path), path);
    (void)snprintf(places->map, sizeof(places->map), "%s", colon + 1);
    return true;
}

// Another program's socketmap may stand there too: ours is the one at our path, else the first.
static bool
is_ours(const struct postfix_view *view, const struct places *found)
{
    AUTO_STRBUF path = STRBUF_INIT(LINE_MAX_BYTES);
    postfix_real_path(view->settings, found->path, &path);
    return postfix_is_same_file(strbuf_text(&path), view->config->socketmap.path);
}

static void
note(const struct postfix_view *view, const struct postfix_words *words, int i,
     struct places *places)
{
    const char *word = words->items[i];
    struct places found = *places;
    if (is_one_of(word, STOPS, ARRAY_LEN(STOPS))) {
        places->stop = places->stop == NOWHERE ? i : places->stop;
        places->last_stop = i;
    } else if (is_one_of(word, OPENS, ARRAY_LEN(OPENS))) {
        places->open = places->open == NOWHERE ? i : places->open;
    } else if (strcmp(word, "permit_auth_destination") == 0) {
        places->auth = i;
    } else if (strcmp(word, "check_recipient_access") == 0 && (size_t)i + 1 < words->count &&
               read_socketmap(words->items[i + 1], &found) &&
               (places->ours == NOWHERE || is_ours(view, &found))) {
        found.ours = i;
        *places = found;
    }
}

// {...} of the list may hold several words.
static struct postfix_words
split_flat(const char *value)
{
    AUTO_STRBUF flat = STRBUF_INIT(LINE_MAX_BYTES);
    AUTO_POSTFIX_WORDS words = postfix_words_split(value);
    for (size_t i = 0; i < words.count; i++) {
        strbuf_printf(&flat, "%s ", words.items[i]);
    }
    return postfix_words_split(strbuf_text(&flat));
}

static struct places
find_places(const struct postfix_view *view, const char *value)
{
    struct places places = {
        .ours = NOWHERE, .auth = NOWHERE, .stop = NOWHERE, .last_stop = NOWHERE, .open = NOWHERE};
    AUTO_POSTFIX_WORDS words = split_flat(value);
    for (size_t i = 0; i < words.count; i++) {
        note(view, &words, (int)i, &places);
    }
    return places;
}

static void
make_line(const struct postfix_view *view, struct strbuf *out)
{
    strbuf_printf(out,
                  "%s = permit_mynetworks, permit_sasl_authenticated, permit_auth_destination, "
                  "check_recipient_access socketmap:unix:%s:access, reject",
                  RELAY, postfix_own_path(view->settings, view->config->socketmap.path));
}

/* What is wrong with the list as such: NULL, or the sentence. */
static const char *
find_fault(const struct places *places)
{
    if (places->ours == NOWHERE) {
        return "does not ask mailspurd (check_recipient_access socketmap:unix:...:access): every "
               "recipient of our domains is refused";
    }
    if (strcmp(places->map, "access") != 0) {
        return "asks mailspurd by another map name than access, which it does not know";
    }
    if (places->stop != NOWHERE && places->stop < places->ours) {
        return "refuses before mailspurd is asked: every recipient of our domains is refused";
    }
    if (places->open != NOWHERE && places->open < places->ours) {
        return "lets recipients of our domains through before mailspurd is asked (permit, "
               "permit_mx_backup)";
    }
    if (places->auth == NOWHERE || places->auth > places->ours) {
        return "asks mailspurd before permit_auth_destination: Postfix's own mail would wait while "
               "mailspurd is down";
    }
    if (places->last_stop < places->ours) {
        return "has no reject behind mailspurd: this is an open relay";
    }
    return NULL;
}

static bool
judge_path(const struct postfix_view *view, const struct places *places, const char *line,
           struct doctor *doctor)
{
    const char *wanted = view->config->socketmap.path;
    AUTO_STRBUF path = STRBUF_INIT(LINE_MAX_BYTES);
    postfix_real_path(view->settings, places->path, &path);
    if (postfix_is_same_file(strbuf_text(&path), wanted)) {
        return true;
    }
    doctor_tell(doctor, DOCTOR_WRONG, CHECK,
                (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = line},
                "%s leads to %s, but mailspurd listens at %s", RELAY, strbuf_text(&path), wanted);
    return false;
}

static void
judge_relay(const struct postfix_view *view, const char *name, struct doctor *doctor)
{
    struct places places = find_places(view, postfix_setting_text(view->settings, name));
    AUTO_STRBUF line = STRBUF_INIT(LINE_MAX_BYTES);
    make_line(view, &line);
    const char *fault = find_fault(&places);
    if (fault != NULL) {
        doctor_tell(doctor, DOCTOR_WRONG, CHECK,
                    (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = strbuf_text(&line)},
                    "%s %s", name, fault);
        return;
    }
    if (judge_path(view, &places, strbuf_text(&line), doctor)) {
        doctor_ok(doctor, CHECK, "%s asks mailspurd, where it should", name);
    }
}

/* A service of master.cf with restrictions of its own. Submission services take authenticated
   clients only, who may send anywhere. */
static void
judge_services(const struct postfix_view *view, struct doctor *doctor)
{
    size_t count = 0;
    const char *common = postfix_setting_text(view->settings, RELAY);
    const struct postfix_service *services = postfix_services(view->settings, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = postfix_service_setting(view->settings, &services[i], RELAY);
        struct places places = find_places(view, value);
        if (strcmp(value, common) != 0 && places.ours == NOWHERE) {
            doctor_tell(doctor, DOCTOR_WARNING, CHECK,
                        (struct doctor_cure){.file = DOCTOR_MASTER_CF,
                                             .line = "remove -o smtpd_relay_restrictions=..."},
                        "%s has an %s of its own that does not ask mailspurd: fine for submission, "
                        "wrong where mail from strangers comes in",
                        services[i].name, RELAY);
        }
    }
}

struct refusal {
    const char *word;
    const char *why;
};
static const struct refusal REFUSALS[] = {
    {"reject_unauth_destination", "our domains are of no class of Postfix"},
    {"defer_unauth_destination", "our domains are of no class of Postfix"},
    {"reject_unverified_recipient", "it probes our addresses, and finds no way to them"},
    {"reject", "it refuses everybody"},
};

// True if the list asks us itself, before it refuses anything.
static bool
is_asked_first(const struct postfix_view *view, const char *value)
{
    struct places places = find_places(view, value);
    return places.ours != NOWHERE && (places.stop == NOWHERE || places.ours < places.stop);
}

// Both lists are asked, one after the other: what ours takes, the other may refuse.
static void
judge_recipient(const struct postfix_view *view, struct doctor *doctor)
{
    const char *value = postfix_setting_text(view->settings, RECIPIENT);
    bool is_asked = is_asked_first(view, value);
    bool is_good = true;
    for (size_t i = 0; i < ARRAY_LEN(REFUSALS); i++) {
        if (!is_asked && postfix_list_has(value, REFUSALS[i].word)) {
            char line[128];
            (void)snprintf(line, sizeof(line), "%s = ... without %s", RECIPIENT, REFUSALS[i].word);
            doctor_tell(doctor, DOCTOR_WRONG, "recipient-restrictions",
                        (struct doctor_cure){.file = DOCTOR_MAIN_CF, .line = line},
                        "%s has %s: it refuses what mailspurd takes, since %s", RECIPIENT,
                        REFUSALS[i].word, REFUSALS[i].why);
            is_good = false;
        }
    }
    if (is_good) {
        doctor_ok(doctor, "recipient-restrictions", "%s refuses nothing that mailspurd takes",
                  RECIPIENT);
    }
}

void
postfix_judge_restrictions(const struct postfix_view *view, struct doctor *doctor)
{
    // Without the first list the second one does its work, as before Postfix 2.10.
    if (postfix_setting_text(view->settings, RELAY)[0] == '\0') {
        judge_relay(view, RECIPIENT, doctor);
        return;
    }
    judge_relay(view, RELAY, doctor);
    judge_services(view, doctor);
    judge_recipient(view, doctor);
}
