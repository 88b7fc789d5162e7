// SPDX-License-Identifier: Apache-2.0
// Files that the configuration names: the daemon has to read them, and the milter, which sees
// hostile mail, must not get at secrets.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/document.h"
#include "config/text.h"
#include "control/cli/doctor/access.h"
#include "control/cli/doctor/doctor.h"

static const char DAEMON_USER[] = "mailspur"; /* both: systemd/mailspur.sysusers */
static const char MILTER_USER[] = "mailspur-milter";

/* Keys whose values are paths, wherever they stand. */
struct file_key {
    const char *key;
    bool is_secret;
};
static const struct file_key KEYS[] = {
    {"secret_file", true},     {"authorization_file", true}, {"access_key_file", true},
    {"secret_key_file", true}, {"session_token_file", true}, {"ca_file", false},
};

struct users {
    bool has_daemon;
    bool has_milter;
    struct access_user daemon;
    struct access_user milter;
    struct doctor *doctor;
    size_t faults;
    size_t files;
};

static void
tell_secret(struct users *users, const char *path, const char *text)
{
    AUTO_STRBUF line = STRBUF_INIT(PATH_MAX + 64);
    strbuf_printf(&line, "chown %s: %s && chmod go= %s", DAEMON_USER, path, path);
    users->faults++;
    doctor_tell(users->doctor, DOCTOR_WRONG, "secrets",
                (struct doctor_cure){.file = DOCTOR_SHELL, .line = strbuf_text(&line)}, "%s", text);
}

static void
check_secret(struct users *users, const char *path, mode_t mode)
{
    struct why why;
    if ((mode & S_IRWXO) != 0) {
        (void)why_set(&why, ST_REFUSED, "everybody on this host can get at %.200s (mode %04o)",
                      path, (unsigned)mode & 07777);
        tell_secret(users, path, why.text);
    } else if (users->has_milter && access_check(&users->milter, path, S_IROTH, &why) == ST_OK) {
        (void)why_set(&why, ST_REFUSED, "mailspur-milter, which sees hostile mail, can read %.200s",
                      path);
        tell_secret(users, path, why.text);
    }
}

static void
check_file(struct users *users, const struct file_key *key, const char *path)
{
    struct stat file;
    struct why why;
    if (stat(path, &file) != 0) {
        if (errno != ENOENT) { // `config check` tells of what is not there
            (void)why_errno(&why, ST_IO, "%s: %.200s", key->key, path);
            users->faults++;
            doctor_tell(users->doctor, DOCTOR_WARNING, "files", DOCTOR_NO_CURE,
                        "cannot be looked at: %s", why.text);
        }
        return;
    }
    users->files++;
    if (key->is_secret) {
        check_secret(users, path, file.st_mode);
    }
    if (users->has_daemon && access_check(&users->daemon, path, S_IROTH, &why) == ST_REFUSED) {
        users->faults++;
        doctor_tell(users->doctor, DOCTOR_WRONG, "files", DOCTOR_NO_CURE, "%s: %s", key->key,
                    why.text);
    }
}

static void
walk(struct users *users, const struct node *node, const char *folder)
{
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        const struct node *child = node->children[i];
        for (size_t k = 0; k < ARRAY_LEN(KEYS); k++) {
            if (child->key != NULL && child->kind == NODE_SCALAR && !node_is_empty(child) &&
                strcmp(child->key, KEYS[k].key) == 0) {
                AUTO_FREE char *path = text_resolve(folder, child->text);
                check_file(users, &KEYS[k], path);
            }
        }
        walk(users, child, folder);
    }
}

static void
walk_file(struct users *users, const char *path)
{
    struct diagnostics found = {.items = NULL};
    AUTO_NODE *root = NULL;
    AUTO_FREE char *folder = text_folder(path);
    document_read(path, &found, &root); // its faults were told when the configuration was loaded
    walk(users, root, folder);
    diagnostics_done(&found);
}

void
doctor_check_files(const struct doctor_host *host, struct doctor *doctor)
{
    static const struct file_key STORE = {"store.path", true};
    static const struct file_key DKIM_KEYS = {"verification.dkim_keys", true};
    struct users users = {.doctor = doctor};
    users.has_daemon = access_user_find(DAEMON_USER, &users.daemon) == ST_OK;
    users.has_milter = access_user_find(MILTER_USER, &users.milter) == ST_OK;
    walk_file(&users, host->config_path);
    for (size_t i = 0; i < host->config->domain_count; i++) {
        walk_file(&users, host->config->domains[i]->file);
    }
    check_file(&users, &STORE, host->config->store.path);
    check_file(&users, &DKIM_KEYS, host->config->verification.dkim_keys);
    if (users.faults == 0) {
        doctor_ok(doctor, "files",
                  "%zu files with secrets, keys and certificates are as they "
                  "should be",
                  users.files);
    }
}
