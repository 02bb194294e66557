/* html.h - the page: one file that a browser opens, with all ops in it and whatever shows them;
 * it asks no network for anything. Written while ops come in, so its memory does not grow with
 * them.
 *
 * The ops stand in it as blocks: <script type="application/octet-stream" data-block="ops">, which
 * no browser runs, with numbers in base64. Numbers are unsigned LEB128 (seven bits a byte, the
 * least first, the eighth bit: more follow); those that may be negative are folded first (0, -1,
 * 1, -2: 0, 1, 2, 3). Each block can be read without the others.
 *
 *   ops      how many were before it, then each: flags, which times it has (bit n: the n-th of
 *            request, queued, delegated, performed, done, woke, returned, call, called, fetch),
 *            loop (its place in "loops"), kind, descriptor + 1, id without the loop's number,
 *            thread, tries, result (folded), how many ancestors, of each its id, kind and
 *            descriptor + 1; then the times it has, each as the folded difference to the one before
 *            it, the first to the first of the op before in its block, or to the trace's base
 *   waits    loop, whether it might sleep, begin (folded difference to the one before, or the
 *            base), length
 *   facts    op (its number in the page), time (folded difference to the base), CPU + 1, stage,
 *            whether it is a guess, device, sector, and the texts "what" and "text": each either
 *            0, its length and its bytes, or, if it has been in this block, the how many-th new one
 *            it was (from 1)
 *
 * Behind them stands one of JSON, id="about": the loops, the names of kinds and errors, what is
 * not in the page. */
#ifndef HARK_COMMAND_TRACE_HTML_H
#define HARK_COMMAND_TRACE_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include "stages/op.h"

enum {
    TRACE_HTML_BLOCK = 3 << 14, /* bytes of a block; a multiple of 3, so that base64 has no end */
    TRACE_HTML_ERRORS = 4096,
    TRACE_HTML_TEXTS = 1024, /* of a block that are known again */
};

/* In the page; what comes after is counted. */
enum { TRACE_HTML_OPS = 1 << 20, TRACE_HTML_WAITS = 1 << 20, TRACE_HTML_FACTS = 1 << 20 };

struct trace_html_block {
    const char *name;
    uint64_t count; /* in all blocks of this name */
    uint64_t left_out;
    uint64_t last_ns; /* what the next time counts from */
    size_t used;
    uint8_t bytes[TRACE_HTML_BLOCK];
    uint16_t text_count; /* in this block */
    struct {
        uint16_t number; /* 0: none */
        uint16_t at, length;
    } texts[TRACE_HTML_TEXTS]; /* by their hashes: the newest of each */
};

/* In the caller's memory, zeroed. */
struct trace_html {
    FILE *file;
    uint64_t base_ns; /* what times count from; 0: nothing has come yet */
    const struct trace_loop **loops;
    size_t loop_count;
    struct trace_html_block ops, waits, facts;
    bool errors[TRACE_HTML_ERRORS]; /* those that ops have ended with */
};

/* What the page says of itself. */
struct trace_html_about {
    uint64_t kinds;          /* ops of these kinds alone, bits of theirs; 0: of all */
    uint64_t slower_than_ns; /* no others; 0: all */
    uint64_t ended;          /* ops of those, also those that were not slow */
    const char *kernel;      /* why the kernel's part is not seen; NULL: it is, or was not asked */
};

/* Takes: file: written to until trace_html_end, which leaves it open. */
void trace_html_begin(struct trace_html *html, FILE *file);

/* Takes: op: its loop stays until trace_html_end. */
void trace_html_op(struct trace_html *html, const struct trace_op *op);

/* Whether no op has room any more. */
bool trace_html_is_full(const struct trace_html *html);

void trace_html_wait(struct trace_html *html, const struct trace_loop *loop, uint64_t from_ns,
                     uint64_t until_ns, uint64_t may_sleep_ns);

/* Ends the page. Whether all could be written, the file knows (ferror). */
void trace_html_end(struct trace_html *html, const struct trace_html_about *about);

#endif
