// SPDX-License-Identifier: Apache-2.0
// mailspur.yaml and one domain file, the second behind a line "%%": either there is a configuration
// and no error, or the other way round; and its routes can be matched.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "config/config.h"
#include "tests/fuzz/scratch.h"

static const char DIVIDER[] = "\n%%\n";
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
        scratch_make("domains.d");
        is_ready = true;
    }
    const uint8_t *input = size == 0 ? (const uint8_t *)"" : data;
    const uint8_t *divider = memmem(input, size, DIVIDER, sizeof(DIVIDER) - 1);
    size_t host_size = divider == NULL ? size : (size_t)(divider - input) + 1;
    size_t domain_at = divider == NULL ? size : host_size + sizeof(DIVIDER) - 2;
    scratch_write("mailspur.yaml", input, host_size);
    scratch_write("domains.d/one.yaml", input + domain_at, size - domain_at);
    AUTO_STRBUF path = STRBUF_INIT(256);
    scratch_path(&path, "mailspur.yaml");
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
