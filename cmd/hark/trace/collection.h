/* collection.h - all that one run of `hark trace` gathers: from rings through ops into the table,
 * the stories and the picture. Whoever else wants to see the ops is called from here. */
#ifndef HARK_COMMAND_TRACE_COLLECTION_H
#define HARK_COMMAND_TRACE_COLLECTION_H

#include <stdio.h>

#include "stages/ops.h"
#include "trace/html.h"
#include "trace/join.h"
#include "trace/json.h"
#include "trace/rings.h"
#include "trace/simulated.h"
#include "trace/story.h"
#include "trace/table.h"

enum { TRACE_EVENTS_DEFAULT = 1 << 18, TRACE_EVENTS_MIN = 64, TRACE_EVENTS_MAX = 1 << 26 };

struct trace_collection_options {
    uint64_t kinds;          /* ops of these kinds alone, bits of theirs; 0: of all */
    uint64_t slower_than_ns; /* stories and picture: no others */
    size_t slowest;          /* how many stories */
    const char *output;      /* the picture's file; NULL: none */
    const char *html;        /* the page's */
    uint32_t events;         /* of a ring, to be recorded; 0: TRACE_EVENTS_DEFAULT */
    uint64_t kernel_bytes;   /* of each of the kernel's buffers; 0: what suits the machine */
};

/* In the caller's memory, zeroed. */
struct trace_collection {
    struct trace_collection_options options;
    struct trace_rings rings;
    struct trace_ops *ops;
    struct trace_join *join;           /* NULL: what the kernel does is not seen */
    struct trace_kernel *kernel;       /* NULL: the real one tells nothing */
    struct trace_simulated *simulated; /* in its place; NULL: there is none */
    const struct trace_loop *joined;   /* by that one: the loop whose ops come out */
    const char *kernel_missing;        /* why not; NULL: nobody has asked */
    struct trace_table table;
    struct trace_slowest slowest;
    struct trace_json json;
    struct trace_html html;
    uint64_t round_ns; /* when the last round began */
};

/* Fails: -ENOMEM; what opening a picture's file gives, after a line that says so. */
int trace_collection_open(struct trace_collection *collection,
                          const struct trace_collection_options *options);

/* Lets the kernel tell its part, from here on, if it can.
 * Takes: pid: of a process whose threads, and whatever they start from here on, are traced. */
void trace_collection_ask_kernel(struct trace_collection *collection, pid_t pid);

/* The same of the kernel of a world whose recordings are read: of most directories there is none.
 * Fails: as trace_simulated_open, after a line that says so; -ENOENT without. */
int trace_collection_ask_simulated(struct trace_collection *collection, const char *directory);

/* Reads what has been written to the rings that are open; settles what ended before the round
 * before. */
void trace_collection_round(struct trace_collection *collection);

/* The share of its ring, or of its buffer in the kernel, that the fullest one held at the last
 * round. */
double trace_collection_fill(const struct trace_collection *collection);

/* The last round, and the end of the pictures.
 * Gives: 0; a negative errno if one could not be written, after a line that says so. */
int trace_collection_end(struct trace_collection *collection);

/* Prints loops, losses, table and stories. With nothing to print it prints nothing.
 * Gives: how many ops there were. */
uint64_t trace_collection_print(const struct trace_collection *collection, FILE *file);

void trace_collection_done(struct trace_collection *collection);

#endif
