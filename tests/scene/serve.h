/* serve.h - the hark command in a simulated world: processes that run it, with their standard
 * input and output in files, and what scenes know of the events that were published and shown. */
#ifndef SCENE_SERVE_H
#define SCENE_SERVE_H

#include "scene.h"

#include <stdarg.h>
#include <stddef.h>

enum {
    SERVE_WORDS = 40,
    SERVE_STREAMS = 2,
    SERVE_LINES = 40, /* of one run of hark pub, at the most */
    SERVE_RUNS = 24,
    SERVE_TRIES = 8,                /* of those, that are left for the end: town_end_clients */
    SERVE_LAST = SERVE_STREAMS + 1, /* readers that are */
    SERVE_READERS = 12,
    SERVE_DELETIONS = 4,
    SERVE_EVENTS = SERVE_RUNS * SERVE_LINES, /* that a reader is shown, at the most */
    SERVE_OUTPUT_BYTES = 1024 * 1024,
};

/* --- a run of the command --- */

struct serve_run {
    struct hark_sim *world;
    struct hark_sim_process *process; /* NULL: not started */
    char words[SERVE_WORDS][80];
    int count;
    int number;
    const char *input; /* NULL: none */
    bool slowly;       /* the input comes by a pipe, a line at a time */
    char *output;      /* room for SERVE_OUTPUT_BYTES; NULL: goes to the console */
    char *errors;      /* the same, of standard error */
    bool told;         /* output and errors are as the command left them */
};

void serve_word(struct serve_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void serve_start(struct serve_run *run, struct hark_sim_machine *machine);
void serve_run_done(struct serve_run *run);

/* --- what is published, and what is shown --- */

/* A line of a run of hark pub. */
struct serve_line {
    uint64_t acknowledged; /* its id; 0: it was not */
    uint64_t stored;       /* as a reader was shown it; 0: nobody was */
};

struct serve_publisher {
    struct serve_run run;
    int stream;
    int count;
    struct serve_line lines[SERVE_LINES];
};

struct serve_shown {
    uint64_t id;
    int publisher, line;
};

struct serve_gap {
    uint64_t after, before;
};

struct serve_reader {
    struct serve_run run;
    int stream;
    bool from_start;
    bool by_http;
    uint64_t began_ns;
    bool is_last; /* it begins after all the others, when nothing fails any more */
    int count, gaps_count;
    struct serve_shown shown[SERVE_EVENTS];
    struct serve_gap gaps[SERVE_EVENTS];
};

struct serve_deletion {
    struct hark_sim *world;
    struct hark_sim_process *process;
    int stream;
    uint64_t ended_ns;       /* it was answered; 0: it was not */
    bool behind[SERVE_RUNS]; /* publishers that had ended before it began */
};

struct serve_model {
    struct hark_sim *world;
    bool drops; /* there is retention */
    /* Power failed, so that parts of a write that nobody was answered for may be gone with others
     * behind them whole: a gap is told where nothing that was acknowledged is missing */
    bool tears;
    bool
        errs; /* the server's disk fails now and then: readers before the end may be told of gaps */
    /* Power failed where a sync is not waited for: what was acknowledged may be gone. */
    bool forgets;
    int publishers_count, readers_count, deletions_count;
    struct serve_publisher publishers[SERVE_RUNS];
    struct serve_reader readers[SERVE_READERS];
    struct serve_deletion deletions[SERVE_DELETIONS];
};

struct serve_model *serve_model_create(struct hark_sim *world);
void serve_model_destroy(struct serve_model *model);

/* The next of them, with its lines, or its place for what it is shown, to be started by whoever
 * asks. Gives: NULL: there were enough. */
struct serve_publisher *serve_next_publisher(struct serve_model *model, int stream);
struct serve_reader *serve_next_reader(struct serve_model *model, int stream, bool from_start);

/* Starts hark pub with some lines. Where there were enough: nothing happens. */
void serve_publish(struct serve_model *model, struct hark_sim_machine *machine, int stream);

/* Starts hark sub. Gives: NULL: there were enough. */
struct serve_reader *serve_read(struct serve_model *model, struct hark_sim_machine *machine,
                                int stream, bool from_start);

/* When all have ended: that what was acknowledged and shown holds. */
void serve_model_check(struct serve_model *model);

#endif
