/* position.h - how far the files of one tail are published, as text.
 *
 * How a tail is exact. Its lines are published in batches. Directly before a batch, in the same
 * turn, the tail appends a record of its own to a private stream of the log: where each of its
 * files stood before the batch, from which of them the batch is, and how many lines it has. The log
 * keeps what is appended in order and loses nothing but its end, ids are given in that order, and
 * after a crash ids leap ahead: so the lines of the batch that are in the log have the ids just
 * above the record's. The next start reads the last record, counts them, and passes over as many
 * lines in the file.
 *
 * A second copy stands in a small file beside the log, written after each batch: it tells the
 * position once retention has removed the record, or the stream was deleted. The file is not
 * synced: it only matters long after.
 */
#ifndef HARK_COMMAND_TAIL_POSITION_H
#define HARK_COMMAND_TAIL_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POSITION_PLACES_MAX = 8,
    POSITION_DONE_MAX = 6,
    POSITION_TEXT_BYTES = 1984, /* of the text with its final NUL: a slot has room for it */
    POSITION_FIRST_BYTES = 512, /* of a file's beginning, which tell it from another, */
    POSITION_LAST_BYTES = 512,  /* and of what stands before the place */
};

/* How far one file is published, and what tells the file from others. After a restart it is that
 * file if its inode's number, its birth (if the file system keeps it), its first bytes and the
 * bytes before the place are the same. The device is not looked at: its number changes when the
 * machine starts. One birth and other bytes: the file was cut, or written anew. The same bytes in
 * another inode: a copy, such as logrotate's copytruncate leaves. */
struct position_place {
    uint64_t inode;
    int64_t born_ns;      /* 0: not known */
    uint64_t offset;      /* of the first byte that is not */
    uint32_t part;        /* how many parts of the line at the offset are */
    uint32_t first_count; /* bytes of its beginning that were looked at, */
    uint64_t first_hash;  /* and their hash */
    uint32_t last_count;  /* bytes directly before the offset, */
    uint64_t last_hash;   /* and their hash; 0 bytes: not known */
    uint32_t skip; /* units behind the offset that are published: the last start counted them and
                      has not read them yet */
    bool stood;    /* the file was seen at the path: it is no copy of another one */
    bool unplaced; /* it stands before files that may go before it */
};

/* A file that is done with, of the moment of the last look or younger: nothing but this tells it
 * from one that is new. */
struct position_done {
    uint64_t inode;
    int64_t born_ns; /* 0: not known */
};

struct position {
    uint32_t lines;     /* of the batch that follows the record */
    int32_t source;     /* from which place they are; -1: from none that can be read again */
    bool last;          /* that file is done with it */
    int64_t looked_ns;  /* wall clock: files born before are known, or no matter; 0: not known */
    uint32_t cut_count; /* where files stood that were cut or are gone: copies may be there. As
                           many are written as there is room for: one, or more, unless as many
                           files are open as may be, each with the longest of numbers */
    struct position_place cuts[POSITION_PLACES_MAX];
    uint32_t done_count;
    struct position_done done[POSITION_DONE_MAX];
    uint32_t count;                                    /* of the places */
    struct position_place places[POSITION_PLACES_MAX]; /* the oldest file first */
};

/* The hash of a file's beginning. */
uint64_t position_hash(const void *bytes, size_t count);

/* Writes a position.
 * Takes: text of POSITION_TEXT_BYTES.
 * Gives: the bytes written, without the NUL. */
size_t position_write(const struct position *position, char *text);

/* Reads one.
 * Takes: text that need not end with NUL.
 * Gives: 0 and *out_position.
 * Fails: -EINVAL. */
int position_read(const char *text, size_t count, struct position *out_position);

/* One of the two slots of the file beside the log, written in turns so that one is always whole. */
enum { POSITION_SLOT_BYTES = 2048, POSITION_SLOTS = 2 };

/* Fills a slot: the position once the batch after record `id` was published.
 * Takes: slot of POSITION_SLOT_BYTES. */
void position_slot_write(uint64_t id, const struct position *position, char *slot);

/* Reads a slot.
 * Gives: 0, *out_id and *out_position.
 * Fails: -EINVAL empty or not whole. */
int position_slot_read(const char *slot, size_t count, uint64_t *out_id,
                       struct position *out_position);

#endif
