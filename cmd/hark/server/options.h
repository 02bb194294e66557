/* options.h - everything that `hark serve` can be told: what its parts can be, and which there
 * are. */
#ifndef HARK_COMMAND_SERVER_OPTIONS_H
#define HARK_COMMAND_SERVER_OPTIONS_H

#include "access/rates.h"
#include "base/say.h"
#include "broker/options.h"
#include "connection/options.h"
#include "hark.h"
#include "log/log.h"
#include "subscriptions/subscriptions.h"
#include "tail/tail.h"

/* Files in PEM. */
struct serve_tls {
    const char *certificate; /* with those that lead to its CA behind it; NULL: no TLS */
    const char *key;         /* NULL: in the same file */
    const char *client_ca;   /* NULL: clients are not asked for certificates */
};

/* What the process gives up that a running server does not need. */
enum serve_sandbox {
    SANDBOX_OFF,
    SANDBOX_ON,       /* what the kernel has of it */
    SANDBOX_REQUIRED, /* all of it, or no server */
};

/* serve_options_init gives the defaults; texts are the caller's and must outlive serve_run. */
struct serve_options {
    const char *const *http; /* addresses as serve_address reads them; none: no HTTP port */
    size_t http_count;
    const char *const *lines; /* likewise; none: no lines port */
    size_t lines_count;
    const char *data; /* the directory of the log; made if it is missing */
    const struct tail_file *tails;
    size_t tails_count;
    struct log_options log;       /* reports are the server's */
    struct broker_options broker; /* of each thread */
    struct connection_options connection;
    struct serve_tls tls;
    struct subscription_options subscriptions;
    const char *tokens; /* the file of rules that say who may do what; NULL: everybody may all */
    uint64_t clock_skew_ns; /* how far off the clocks of who signs tokens may be: whole seconds */
    enum serve_sandbox sandbox;
    const char *const *sandbox_reads; /* files and directories that may be read besides */
    size_t sandbox_reads_count;
    bool insecure; /* also on addresses that others can reach */
    enum hark_backend_kind backend;
    uint32_t threads;           /* loops that serve connections, each on a thread; 0: one for each
                                     CPU */
    uint64_t connections_max;   /* 0: what RLIMIT_NOFILE leaves */
    uint64_t connections_each;  /* of one address; 0: no limit */
    uint64_t rates[RATE_KINDS]; /* of one address, in a second, on each thread; 0: no limit */
    uint64_t stages_ns;         /* for how long stages are recorded after each look at them; 0:
                                     never */
    uint64_t stall_ns;          /* callbacks that hold a loop for longer are told of; 0: none; else
                                     1 ms or more */
    uint64_t shutdown_timeout_ns; /* the longest time that an orderly end may take; 0: 5 s */
    int ready_descriptor; /* a line end is written to it, once everything is listened on; 0: none */
    const char *config;   /* the file that the options came from, for messages; NULL: none */
    enum say_format log_format;
    enum say_level log_level; /* the least that is said */
    bool quiet;               /* no lines on standard error but errors */
};

/* What an address is behind "plain:", which stands before one that has no TLS where others have.
 * Gives: the rest, for names_look_up. */
const char *serve_address(const char *text, bool *out_plain);

/* The defaults of `hark serve`: HTTP on 127.0.0.1:12345, lines on 127.0.0.1:12346, ./hark-data,
 * synced always. */
void serve_options_init(struct serve_options *out_options);

#endif
