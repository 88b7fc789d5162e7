// SPDX-License-Identifier: Apache-2.0
#include "control/cli/auth_check.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/forwarder.h"
#include "common/network.h"
#include "common/parse.h"
#include "common/xalloc.h"
#include "control/cli/mail_file.h"
#include "control/cli/resolver.h"
#include "verifier/message/auth.h"

enum {
    TIMEOUT_MS = 20 * 1000,
    QUERIES_MAX = 300, /* an ARC chain of 50 seals may need 100 keys */
    KEY_MAX = 8 * 1024,
    HOST_NAME_SIZE = 256
};

static const uint64_t NOW_MAX = 253402300799; // the year 9999
static const char INSTALLED_HELPER[] = "/usr/libexec/mailspur/mailspur-reference";
static const char OWN_FORWARDER[] = "given"; /* --arc-sealer and --forwarder-network */

struct checker {
    char *key; /* what the two below were opened with */
    struct dns *dns;
    struct auth *auth;
};

struct checker *
checker_new(void)
{
    return xcalloc(1, sizeof(struct checker));
}

static void
close_all(struct checker *checker)
{
    auth_close(checker->auth);
    dns_close(checker->dns);
    free(checker->key);
    *checker = (struct checker){.key = NULL};
}

void
checker_free(struct checker *checker)
{
    if (checker != NULL) {
        close_all(checker);
        free(checker);
    }
}

// ---- DNS

static enum status
open_dns(const struct check_request *request, struct dns **dns_out, struct why *why)
{
    if (request->dns_fixture != NULL) {
        return dns_open_fixture(request->dns_fixture, dns_out, why);
    }
    return resolver_open(request->dns_server, dns_out, why);
}

// ---- engines

// Beside this program, as in a build folder; else where it is installed.
static void
find_helper(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof("mailspur-reference"));
    char *slash = length <= 0 ? NULL : memrchr(path, '/', (size_t)length);
    if (slash != NULL) {
        memcpy(slash + 1, "mailspur-reference", sizeof("mailspur-reference"));
    }
    if (slash == NULL || access(path, X_OK) != 0) {
        memcpy(path, INSTALLED_HELPER, sizeof(INSTALLED_HELPER));
    }
}

static enum status
read_choice(const char *option, const char *text, const char *const words[2], int *out,
            struct why *why)
{
    *out = 0;
    if (text == NULL || strcmp(text, words[0]) == 0) {
        return ST_OK;
    }
    *out = 1;
    return strcmp(text, words[1]) == 0 ? ST_OK
                                       : why_set(why, ST_INVALID, "%s is %s or %s, not '%.40s'",
                                                 option, words[0], words[1], text);
}

static enum status
open_auth(const struct check_request *request, struct dns *dns, struct auth **auth_out,
          struct why *why)
{
    static const char *const ENGINES[] = {"own", "reference"};
    static const char *const DISCOVERIES[] = {"treewalk", "psl"};
    _Static_assert(AUTH_ENGINE_OWN == 0 && AUTH_ENGINE_REFERENCE == 1, "the order of ENGINES");
    _Static_assert(DMARC_DISCOVERY_TREEWALK == 0 && DMARC_DISCOVERY_PSL == 1, "and of the others");
    int engine;
    int discovery;
    char host[HOST_NAME_SIZE] = "localhost";
    char helper[PATH_MAX];
    enum status status = read_choice("engine", request->engine, ENGINES, &engine, why);
    if (status == ST_OK) {
        status = read_choice("discovery", request->discovery, DISCOVERIES, &discovery, why);
    }
    if (status != ST_OK) {
        return status;
    }
    (void)gethostname(host, sizeof(host) - 1);
    find_helper(helper);
    const struct auth_settings settings = {
        .authserv_id = request->authserv_id == NULL ? host : request->authserv_id,
        .engine = (enum auth_engine)engine,
        .discovery = (enum dmarc_discovery)discovery,
        .helper = request->helper == NULL ? helper : request->helper,
        .helpers = 1,
        .timeout_ms = TIMEOUT_MS,
        .queries = QUERIES_MAX};
    return auth_open(&settings, dns, auth_out, why);
}

// Engine and DNS as this request wants them: those of the request before, if they are the same.
static enum status
prepare(struct checker *checker, const struct check_request *request, struct why *why)
{
    const char *const parts[] = {request->engine,     request->discovery,   request->dns_fixture,
                                 request->dns_server, request->authserv_id, request->helper};
    AUTO_STRBUF key = STRBUF_INIT(KEY_MAX);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        strbuf_printf(&key, "%s\n", parts[i] == NULL ? "" : parts[i]);
    }
    if (checker->key != NULL && !key.overflow && strcmp(checker->key, strbuf_text(&key)) == 0) {
        return ST_OK;
    }
    close_all(checker);
    enum status status = open_dns(request, &checker->dns, why);
    if (status == ST_OK) {
        status = open_auth(request, checker->dns, &checker->auth, why);
    }
    if (status != ST_OK) {
        close_all(checker);
        return status;
    }
    checker->key = xstrdup(strbuf_text(&key));
    return ST_OK;
}

// ---- one check

static enum status
read_values(const struct check_request *request, struct auth_message *out, struct why *why)
{
    const struct {
        const char *name;
        const char *value;
    } needed[] = {{"client-ip", request->client_ip},
                  {"helo", request->helo},
                  {"mail-from", request->mail_from}};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if (needed[i].value == NULL) {
            return why_set(why, ST_INVALID, "%s is needed", needed[i].name);
        }
    }
    struct network_address address;
    if (network_parse_address(request->client_ip, &address, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "client-ip: '%.60s' is no IP address", request->client_ip);
    }
    uint64_t now = 0;
    if (request->now != NULL && parse_uint(request->now, NOW_MAX, &now, NULL) != ST_OK) {
        return why_set(why, ST_INVALID, "now: '%.40s' is no number of seconds since 1970",
                       request->now);
    }
    *out = (struct auth_message){.client_address = request->client_ip,
                                 .helo = request->helo,
                                 .fd = -1,
                                 .now_s = (int64_t)now};
    return ST_OK;
}

// Owned by the caller.
static char *
copy_sender(const char *text)
{
    size_t length = strlen(text);
    bool angles = length >= 2 && text[0] == '<' && text[length - 1] == '>';
    return angles ? xmemdup(text + 1, length - 2) : xstrdup(text);
}

static enum status
read_message(const struct check_request *request, struct auth_message *out, struct why *why)
{
    struct mail_file file = {.fd = -1};
    AUTO_STRBUF bytes = STRBUF_INIT(CHECK_MESSAGE_MAX);
    enum status status = ST_OK;
    if (request->bytes != NULL) {
        status = mail_file_store(request->bytes, request->length, &file, why);
    } else if (request->message != NULL) {
        status = mail_file_read(request->message, &bytes, why);
        if (status == ST_OK) {
            status = mail_file_store(strbuf_text(&bytes), bytes.length, &file, why);
        }
    }
    if (status == ST_OK) {
        out->fd = file.fd;
        out->size = file.size;
        out->header_length = file.header_length;
    }
    return status;
}

// ---- forwarders

typedef enum status take_word(void *target, const char *word, struct why *why);

static enum status
take_preset(void *forwarders, const char *word, struct why *why)
{
    struct forwarder forwarder = {.name = ""};
    if (!forwarder_apply_preset(word, &forwarder)) {
        return why_set(why, ST_INVALID, "there is no forwarder '%.40s'", word);
    }
    enum status status = forwarder_set_name(&forwarder, word, why);
    return status == ST_OK ? forwarders_add(forwarders, &forwarder, why) : status;
}

static enum status
take_sealer(void *forwarder, const char *word, struct why *why)
{
    return forwarder_add_sealer(forwarder, word, why);
}

static enum status
take_network(void *forwarder, const char *word, struct why *why)
{
    return forwarder_add_network(forwarder, word, why);
}

// Each word of a list with commas; NULL: there is none.
static enum status
take_words(const char *option, const char *list, take_word *take, void *target, struct why *why)
{
    AUTO_FREE char *copy = xstrdup(list == NULL ? "" : list);
    char *at = list == NULL ? NULL : copy;
    for (const char *word = strsep(&at, ","); word != NULL; word = strsep(&at, ",")) {
        struct why problem;
        if (take(target, word, &problem) != ST_OK) {
            return why_set(why, ST_INVALID, "%s: %.150s", option, problem.text);
        }
    }
    return ST_OK;
}

static enum status
add_own(const struct check_request *request, struct forwarders *all, struct why *why)
{
    struct forwarder own = {.name = ""};
    enum status status = take_words("arc-sealer", request->arc_sealer, take_sealer, &own, why);
    if (status == ST_OK) {
        status =
            take_words("forwarder-network", request->forwarder_network, take_network, &own, why);
    }
    if (status == ST_OK) {
        status = forwarder_set_name(&own, OWN_FORWARDER, why);
    }
    return status == ST_OK ? forwarders_add(all, &own, why) : status;
}

// NULL: none. Owned by the caller.
static enum status
read_forwarders(const struct check_request *request, struct forwarders **out, struct why *why)
{
    AUTO_FREE struct forwarders *all = xcalloc(1, sizeof(*all));
    enum status status = take_words("forwarder", request->forwarder, take_preset, all, why);
    if (status == ST_OK && (request->arc_sealer != NULL || request->forwarder_network != NULL)) {
        status = add_own(request, all, why);
    }
    if (status == ST_OK && all->count > 0) {
        *out = STEAL(all);
    }
    return status;
}

enum status
checker_run(struct checker *checker, const struct check_request *request,
            struct verdict *verdict_out, struct why *why)
{
    struct auth_message message;
    AUTO_FREE struct forwarders *forwarders = NULL;
    enum status status = read_values(request, &message, why);
    if (status == ST_OK) {
        status = read_forwarders(request, &forwarders, why);
    }
    if (status == ST_OK) {
        status = prepare(checker, request, why);
    }
    if (status == ST_OK) {
        status = read_message(request, &message, why);
    }
    if (status != ST_OK) {
        return status;
    }
    AUTO_FREE char *sender = copy_sender(request->mail_from);
    message.sender = sender;
    message.forwarders = forwarders;
    auth_check(checker->auth, &message, verdict_out);
    if (message.fd >= 0) {
        (void)close(message.fd);
    }
    return ST_OK;
}
