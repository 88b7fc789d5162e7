// SPDX-License-Identifier: Apache-2.0
// mailspur-milter: options, start, stop. It owns nothing that lasts: to change its settings,
// restart it.
#include <getopt.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/xalloc.h"
#include "config/config.h"
#include "milter/loop.h"

enum {
    WAIT_MS = 60000,      /* without a watchdog there is nothing to do */
    DRAIN_MAX_MS = 25000, /* a message's DNS (20 s) and commit; below systemd's 90 s */
    LINGER_MS = 1000,
    SHADOW_LOG_MS = 10 * 60 * 1000,
    EXIT_USAGE = 64,       /* sysexits.h */
    EXIT_CONFIG_FAULT = 78 /* EX_CONFIG */
};

/* Static: libmilter's threads may look at it while main returns. */
static struct host the_host;

static const char USAGE[] =
    "Usage: mailspur-milter [-c FILE]\n"
    "Judges incoming mail for the domains of this host and hands it to mailspurd.\n"
    "\n"
    "  -c FILE     configuration (default " CONFIG_DEFAULT_PATH ")\n"
    "  --version   print the version and exit\n"
    "  --help      print this and exit\n"
    "\n"
    "SIGTERM and SIGINT stop it when the messages under way are answered. It reads its\n"
    "configuration once: restart it after a change of the sections milter, dns and sockets.\n";

struct options {
    const char *config_path;
    bool show_version;
    bool show_help;
};

static bool
parse_options(int argc, char **argv, struct options *out)
{
    static const struct option LONG[] = {
        {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    *out = (struct options){.config_path = CONFIG_DEFAULT_PATH};
    int option;
    while ((option = getopt_long(argc, argv, "c:", LONG, NULL)) != -1) {
        switch (option) {
        case 'c':
            out->config_path = optarg;
            break;
        case 'v':
            out->show_version = true;
            break;
        case 'h':
            out->show_help = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

static enum status
load_config(const char *path, struct config **config_out)
{
    struct diagnostics diagnostics = {.items = NULL};
    enum status status = config_load_host(path, &diagnostics, config_out);
    for (size_t i = 0; i < diagnostics.count; i++) {
        AUTO_FREE char *line = diagnostic_format(&diagnostics.items[i]);
        if (diagnostics.items[i].is_error) {
            log_err("config.error", LOG_STR("at", line));
        } else {
            log_warn("config.warning", LOG_STR("at", line));
        }
    }
    diagnostics_done(&diagnostics);
    return status;
}

static enum status
open_dns(const struct config *config, struct dns **dns_out, struct why *why)
{
    const struct config_dns *from = &config->dns;
    const char **servers = xcalloc(from->servers.count, sizeof(*servers));
    for (size_t i = 0; i < from->servers.count; i++) {
        servers[i] = from->servers.items[i];
    }
    const struct dns_settings settings = {
        .servers = servers,
        .server_count = from->servers.count,
        .timeout_ms = from->timeout_ms,
        .tries = (unsigned)from->tries,
        .cache_bytes = from->cache_bytes,
    };
    enum status status = dns_open(&settings, dns_out, why);
    free(servers);
    return status;
}

static void
log_disagreement(const struct auth_disagreement *found)
{
    log_notice("auth.disagreement", LOG_STR("queue_id", found->label),
               LOG_STR("method", auth_method_name(found->method)), LOG_STR("own", found->own),
               LOG_STR("reference", found->reference), LOG_STR("domain", found->domain),
               LOG_STR("reason", found->reason));
}

static void
log_shadow(struct auth *auth)
{
    struct auth_shadow_counts counts;
    auth_shadow_counts(auth, &counts);
    log_notice("auth.shadow", LOG_INT("compared", counts.compared),
               LOG_INT("agreed", counts.agreed),
               LOG_INT("spf", counts.disagreements[AUTH_METHOD_SPF]),
               LOG_INT("helo", counts.disagreements[AUTH_METHOD_HELO]),
               LOG_INT("dkim", counts.disagreements[AUTH_METHOD_DKIM]),
               LOG_INT("dmarc", counts.disagreements[AUTH_METHOD_DMARC]),
               LOG_INT("failed", counts.failed));
}

static enum status
open_auth(const struct config *config, struct dns *dns, struct auth **auth_out, struct why *why)
{
    const struct auth_settings settings = {
        .authserv_id = config->authserv_id,
        .discovery = config->milter.dmarc_discovery == CONFIG_DISCOVERY_PSL
                         ? DMARC_DISCOVERY_PSL
                         : DMARC_DISCOVERY_TREEWALK,
        .received_spf = config->milter.received_spf,
        .shadow = config->milter.shadow,
        .helper = config->milter.reference_helper,
        .helpers = config->milter.helpers,
        .timeout_ms = config->dns.time_per_message_ms,
        .queries = (unsigned)config->dns.queries_per_message,
        .disagreed = log_disagreement,
    };
    return auth_open(&settings, dns, auth_out, why);
}

// Until a signal, which libmilter takes. With a shadow its sums are told every SHADOW_LOG_MS.
static void
serve(struct auth *auth, bool has_shadow)
{
    daemon_notify_ready();
    int interval_ms = daemon_wait_interval_ms(WAIT_MS);
    int64_t told_mono_ms = clock_mono_ms();
    while (loop_wait(interval_ms)) {
        (void)daemon_wait(-1, 0); // tells the watchdog; no signal comes this way
        if (has_shadow && clock_mono_ms() - told_mono_ms >= SHADOW_LOG_MS) {
            told_mono_ms = clock_mono_ms();
            log_shadow(auth);
        }
    }
    daemon_notify_stopping();
}

static struct own_mail
own_mail_rules(const struct config *config)
{
    const struct config_networks *trusted = config_host_trusted_networks(config);
    return (struct own_mail){
        .judged = config->milter.authenticate == CONFIG_AUTHENTICATE_ALL,
        .policy = own_mail_policy(config->milter.own_mail == CONFIG_OWN_MAIL_ENFORCE,
                                  config_host_policy(config)),
        .trusted = trusted->items,
        .trusted_count = trusted->count,
        .authserv_id = config->authserv_id,
    };
}

// Listen, serve, stop. auth and dns are closed only when no message is under way: libmilter's
// threads go on with the sessions that are open.
static enum status
run(const struct config *config, struct why *why)
{
    struct dns *dns = NULL;
    enum status status = open_dns(config, &dns, why);
    if (status != ST_OK) {
        return status;
    }
    struct auth *auth = NULL;
    status = open_auth(config, dns, &auth, why);
    if (status != ST_OK) {
        dns_close(dns);
        return status;
    }
    the_host = (struct host){
        .intake = intake_pool_new(config->intake.path),
        .spool = config->milter.spool,
        .authserv_id = config->authserv_id,
        .discovery = config->milter.dmarc_discovery == CONFIG_DISCOVERY_PSL ? "psl" : "treewalk",
        .keep_evidence = config->store.keep_evidence_ms > 0,
        .auth = auth,
        .messages = limiter_new(config->milter.messages_at_once),
        .sessions = limiter_new(UINT64_MAX),
        .deferred = defer_memory_new(),
        .outage = outage_new(),
        .own = own_mail_rules(config),
    };
    const struct loop_socket socket = {
        .address = config->milter.socket,
        .mode = config->milter.socket_mode,
        .group = config->milter.socket_group,
    };
    status = loop_start(&socket, &the_host, why);
    if (status == ST_OK) {
        log_notice("milter.started", LOG_STR("socket", socket.address),
                   LOG_STR("authenticate", the_host.own.judged ? "all" : "routed"),
                   LOG_STR("version", MAILSPUR_VERSION));
        serve(auth, config->milter.shadow);
    }
    if (limiter_close(the_host.messages, DRAIN_MAX_MS)) {
        // The last answers are written by libmilter after our callbacks: its sessions get a moment.
        (void)limiter_close(the_host.sessions, LINGER_MS);
        if (config->milter.shadow) {
            log_shadow(auth);
        }
        auth_close(auth);
        dns_close(dns);
    } else {
        log_warn("milter.messages_cut_off", LOG_STR("effect", "their senders try again"));
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct options options;
    if (!parse_options(argc, argv, &options)) {
        (void)fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    if (options.show_help || options.show_version) {
        (void)fputs(options.show_help ? USAGE : "mailspur-milter " MAILSPUR_VERSION "\n", stdout);
        return EXIT_SUCCESS;
    }
    struct why why = {""};
    AUTO_FD int signal_fd = -1;   // the mask is what counts: libmilter waits for the signals
    static struct config *config; // static, like the host that points into it
    if (daemon_signals_open(&signal_fd, &why) != ST_OK) {
        log_err("milter.start_failed", LOG_STR("why", why.text));
        return EXIT_FAILURE;
    }
    if (load_config(options.config_path, &config) != ST_OK) {
        return EXIT_CONFIG_FAULT;
    }
    if (run(config, &why) != ST_OK) {
        log_err("milter.start_failed", LOG_STR("why", why.text));
        return EXIT_FAILURE;
    }
    log_notice("milter.stopped", LOG_STR("version", MAILSPUR_VERSION));
    return EXIT_SUCCESS;
}
