// SPDX-License-Identifier: Apache-2.0
// mailspur.yaml and one domain file, the second behind a line "%%": either there is a configuration
// and no error, or the other way round; and its routes can be matched.
#include "tests/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/strbuf.h"
#include "config/config.h"

static const char DIVIDER[] = "\n%%\n";
static char folder[] = "/tmp/mailspur-fuzz-XXXXXX";

static void
put_path(struct strbuf *out, const char *name)
{
    strbuf_printf(out, "%s/%s", folder, name);
}

static void
write_file(const char *name, const void *data, size_t size)
{
    AUTO_STRBUF path = STRBUF_INIT(256);
    put_path(&path, name);
    FILE *file = fopen(strbuf_text(&path), "w");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
}

static void
clean(void)
{
    static const char *const names[] = {"domains.d/one.yaml", "domains.d", "mailspur.yaml", ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_STRBUF path = STRBUF_INIT(256);
        put_path(&path, names[i]);
        (void)remove(strbuf_text(&path));
    }
}

static void
prepare(void)
{
    AUTO_STRBUF path = STRBUF_INIT(256);
    if (mkdtemp(folder) == NULL || atexit(clean) != 0) {
        abort();
    }
    put_path(&path, "domains.d");
    if (mkdir(strbuf_text(&path), S_IRWXU) != 0) {
        abort();
    }
}

static void
match_routes(const struct config *config)
{
    static const char *const local_parts[] = {"", "support", "ticket+4711", "a+b+c", "\xff\x80"};
    for (size_t i = 0; i < config->domain_count; i++) {
        const struct config_domain *domain = config->domains[i];
        if (config_find_domain(config, domain->name) != domain) {
            abort();
        }
        for (size_t j = 0; j < domain->route_count * ARRAY_LEN(local_parts); j++) {
            struct captures captures;
            (void)pattern_match(domain->routes[j / ARRAY_LEN(local_parts)].recipient,
                                local_parts[j % ARRAY_LEN(local_parts)], &captures);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    if (!is_ready) {
        prepare();
        is_ready = true;
    }
    const uint8_t *input = size == 0 ? (const uint8_t *)"" : data;
    const uint8_t *divider = memmem(input, size, DIVIDER, sizeof(DIVIDER) - 1);
    size_t host_size = divider == NULL ? size : (size_t)(divider - input) + 1;
    size_t domain_at = divider == NULL ? size : host_size + sizeof(DIVIDER) - 2;
    write_file("mailspur.yaml", input, host_size);
    write_file("domains.d/one.yaml", input + domain_at, size - domain_at);
    AUTO_STRBUF path = STRBUF_INIT(256);
    put_path(&path, "mailspur.yaml");
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = NULL;
    enum status status = config_load(strbuf_text(&path), &diagnostics, &config);
    if ((status == ST_OK) != (diagnostics.errors == 0) || (status == ST_OK) != (config != NULL)) {
        abort();
    }
    for (size_t i = 0; i < diagnostics.count; i++) {
        AUTO_FREE char *line = diagnostic_format(&diagnostics.items[i]);
        if (line[0] == '\0') {
            abort();
        }
    }
    diagnostics_done(&diagnostics);
    if (status == ST_OK) {
        match_routes(config);
    }
    return 0;
}
