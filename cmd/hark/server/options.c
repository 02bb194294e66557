/* options.c - what `hark serve` does if it is told nothing. */
#include "server/options.h"

#include <string.h>

static const char *const http_default[] = {"127.0.0.1:12345"};
static const char *const lines_default[] = {"127.0.0.1:12346"};

void serve_options_init(struct serve_options *out_options)
{
    *out_options = (struct serve_options){
        .http = http_default,
        .http_count = 1,
        .lines = lines_default,
        .lines_count = 1,
        .data = "./hark-data",
        .log.sync = LOG_SYNC_ALWAYS,
        .backend = HARK_BACKEND_AUTO,
        .threads = 1,
        .log_level = SAY_NOTE,
        .stages_ns = 10000000000U,
        .clock_skew_ns = 60000000000U,
    };
}

const char *serve_address(const char *text, bool *out_plain)
{
    static const char plain[] = "plain:";
    *out_plain = strncmp(text, plain, sizeof plain - 1) == 0;
    return *out_plain ? text + sizeof plain - 1 : text;
}
