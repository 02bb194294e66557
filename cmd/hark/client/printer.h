/* printer.h - standard output through the loop: events are gathered whole and written without
 * blocking the loop. */
#ifndef HARK_COMMAND_CLIENT_PRINTER_H
#define HARK_COMMAND_CLIENT_PRINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "hark.h"

enum { PRINTER_HIGH_BYTES = 256 * 1024 };

/* A growing block of bytes. */
struct printer_block {
    char *bytes;
    size_t count, room;
};

/* In the caller's memory, zeroed before its first use. */
struct printer {
    struct hark_loop *loop;
    struct hark_op write;
    struct hark_op watch;         /* for the end of whoever reads a pipe or a socket */
    struct printer_block filling; /* what is added to */
    struct printer_block writing; /* what is being written */
    size_t whole;   /* bytes of `filling` that belong to whole events: only these are written */
    size_t written; /* bytes of `writing` that are out */
    void (*drained)(struct printer *printer); /* all is out, or at least little is left: go on */
    void (*failed)(struct printer *printer, int error); /* nothing more can be written */
    uint64_t deadline_ns;                               /* what is not out by then fails */
    int error;
};

/* Makes ready to print on standard output. `failed` comes with -EPIPE, too, when nobody is left to
 * read, while nothing is written. */
void printer_init(struct printer *printer, struct hark_loop *loop,
                  void (*drained)(struct printer *printer),
                  void (*failed)(struct printer *printer, int error));

/* Adds bytes of an event.
 * Gives: 0; -ENOMEM. */
int printer_add(struct printer *printer, const void *bytes, size_t count);

/* The event that was added to is whole: it will be printed. */
void printer_end_event(struct printer *printer);

/* The event that was added to will never be whole: it is dropped. */
void printer_drop_event(struct printer *printer);

/* Starts printing what is whole, unless something is being printed. */
void printer_flush(struct printer *printer);

/* What is still to be printed is given up in a second, with -ETIMEDOUT: whoever stopped reading
 * must not keep the program. */
void printer_give_up_soon(struct printer *printer);

/* Whether so much waits that no more should be added for now. */
bool printer_full(const struct printer *printer);

/* Whether all that is whole is out. */
bool printer_idle(const struct printer *printer);

/* Looks no longer for the reader's end: hark_run may return. */
void printer_unwatch(struct printer *printer);

/* Frees the memory.
 * Takes: one that is idle or has failed. */
void printer_done(struct printer *printer);

#endif
