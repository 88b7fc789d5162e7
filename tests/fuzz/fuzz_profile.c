// SPDX-License-Identifier: Apache-2.0
// Profile files: what is taken makes records, or says why not.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "tests/fuzz/scratch.h"
#include "verifier/domain/profile.h"

static void
prepare(void)
{
    static const char host[] =
        "hostname: mx.ours.example\ninbound_mx: mx.ours.example\n"
        "verification: {spf_include: _spf.ours.example, dkim_zone: dkim.ours.example}\n";
    scratch_make("profiles");
    scratch_write("mailspur.yaml", host, sizeof(host) - 1);
}

static void
make_records(const struct config *config)
{
    const struct config_profile *profile = config_find_profile(config, "own");
    const struct profile_inputs inputs = {
        .domain = "client.example",
        .token = "t0ken",
        .ses_tokens = {"a", "b", "c"},
        .ses_zone = "dkim.zone.example",
        .existing_spf = "v=spf1 mx -all",
    };
    AUTO_RECORDS records = {.count = 0};
    struct why why = {.text = ""};
    if (profile == NULL) {
        abort();
    }
    enum status status = profile_records_make(config, profile, &inputs, &records, &why);
    if ((status != ST_OK && why.text[0] == '\0') || records.count > RECORDS_MAX) {
        abort();
    }
    for (size_t i = 0; i < records.count; i++) {
        if (strstr(records.items[i].name, "client.example") == NULL) {
            abort();
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
    scratch_write("profiles/own.yaml", size == 0 ? (const uint8_t *)"" : data, size);
    AUTO_STRBUF path = STRBUF_INIT(256);
    scratch_path(&path, "mailspur.yaml");
    struct diagnostics diagnostics = {.items = NULL};
    AUTO_CONFIG *config = NULL;
    enum status status = config_load(strbuf_text(&path), &diagnostics, &config);
    if ((status == ST_OK) != (diagnostics.errors == 0)) {
        abort();
    }
    diagnostics_done(&diagnostics);
    if (status == ST_OK) {
        make_records(config);
    }
    return 0;
}
