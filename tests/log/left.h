/* left.h - what a crash, a disk or a person may have left of a log: few events in one segment, or
 * many in some, of which it can be told which are there. */
#ifndef TESTS_LOG_LEFT_H
#define TESTS_LOG_LEFT_H

#include "log/fixture.h"

enum { FEW = 12, MANY = 120, MANY_SEGMENT_BYTES = 4096 };

extern uint64_t few_ids[FEW];
extern char few_texts[FEW][32];
extern uint64_t many_ids[MANY];

/* Appends FEW events to two streams in turn. */
void fill_few(struct hark_loop *loop, struct log *log);

/* A directory with that one segment, and no index. */
void place(const char *path, const char *name, const unsigned char *bytes, size_t length);

/* A log of MANY events of "s" in segments of MANY_SEGMENT_BYTES, opened and closed. A stream "gone"
 * was deleted in their middle, and "late" came last. */
void fill_many(struct hark_loop *loop, const char *path);

/* Checks that what is read of "s" and the gaps between make up all that was appended.
 * Gives: the events that are there. */
int check_many(struct hark_loop *loop, struct log *log, uint64_t after);

#endif
