/* server.h - the server: `hark serve`. It listens for HTTP and for lines, follows files, keeps
 * events in the log, and sleeps until something happens. The command line fills the options;
 * everything else is behind serve_run. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hark.h"

/* When an acknowledgement may be given. */
enum serve_sync {
    SERVE_SYNC_ALWAYS,   /* after the fdatasync of its group */
    SERVE_SYNC_INTERVAL, /* after the write; synced every sync_interval_ns */
    SERVE_SYNC_NEVER,    /* after the write; the kernel decides when */
};

/* What a --tail FILE=STREAM says. */
struct serve_tail {
    const char *file;
    const char *stream;
};

/* Everything that `hark serve` can be told. serve_options_init gives the defaults; texts are the
 * caller's and must outlive serve_run. */
struct serve_options {
    const char *const *http; /* addresses as names_look_up reads them; none: no HTTP port */
    size_t http_count;
    const char *const *lines; /* likewise; none: no lines port */
    size_t lines_count;
    const char *const *hosts; /* names that requests may be for, besides addresses and localhost */
    size_t hosts_count;
    const char *data; /* the directory of the log; made where it is missing */
    const struct serve_tail *tails;
    size_t tails_count;
    enum serve_sync sync;
    uint64_t sync_interval_ns; /* for SERVE_SYNC_INTERVAL */
    enum hark_backend_kind backend;
    uint32_t threads; /* loops that serve connections, each on a thread; 0: one for each CPU */
    uint64_t segment_bytes;    /* the log's segments roll at this size; 0: the log's default */
    uint64_t retention_bytes;  /* the oldest segments go when a log is larger; 0: kept */
    uint64_t retention_age_ns; /* segments go when their newest event is older; 0: kept */
    uint64_t connections_max;  /* 0: what RLIMIT_NOFILE leaves */
    uint64_t connections_each; /* of one address; 0: no limit */
    uint64_t incoming_bytes;   /* memory for what is on its way in, of all connections; 0: 64 MiB */
    uint64_t ring_bytes; /* memory for the newest events of a stream, shared by its subscribers; 0:
                            4 MiB */
    uint64_t heartbeat_ns;     /* the period of SSE comments; 0: 15 s */
    uint64_t head_timeout_ns;  /* the longest time for a request's whole head; 0: 10 s */
    uint64_t body_timeout_ns;  /* the longest time for a request's whole body; 0: 60 s */
    uint64_t idle_timeout_ns;  /* the longest time between two requests of a connection; 0: 75 s */
    uint64_t stall_timeout_ns; /* the longest time in which a reader may take nothing; 0: 60 s */
    uint64_t half_closed_ns;   /* the same for one that has ended its own side; 0: 10 s */
    uint64_t shutdown_timeout_ns; /* the longest time that an orderly end may take; 0: 5 s */
    const char *allow_origin;     /* the value of Access-Control-Allow-Origin; NULL: none is sent */
    int ready_descriptor; /* a line end is written to it, once everything is listened on; 0: none */
    const char *config;   /* the file that the options came from, for messages; NULL: none */
    bool quiet;           /* no lines on standard error but errors */
};

/* The defaults of `hark serve`: HTTP on 127.0.0.1:12345, lines on 127.0.0.1:12346, ./hark-data,
 * synced always. */
void serve_options_init(struct serve_options *out_options);

/* Runs the worker until a signal ends it, in order. It prints on standard error what it listens on
 * and, where it fails, one line that says what failed, on what, why, and what to do.
 * Takes: options of which texts and numbers are not yet checked.
 * Gives: the exit code: 0 ended in order; 1 the environment refused (a used port, a second
 *   instance, an unwritable directory); 2 an option makes no sense. */
int serve_run(const struct serve_options *options);

#endif
