/* recent.h - the newest events of one stream in one encoding, ready to be sent, shared by all of
 * its readers.
 *
 * Each event is encoded once, behind the one before it, in chunks that are counted: one reference
 * is held here, each send that is on its way holds another. So a reader sends all that it lacks of
 * a chunk in one call, many events together, and nothing is copied per reader. Past the limit the
 * oldest chunk leaves; a send that is on its way keeps that chunk's memory until it ends, a reader
 * that comes later reads the disk.
 */
#ifndef HARK_COMMAND_BROKER_RECENT_H
#define HARK_COMMAND_BROKER_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/encoding.h"

/* The size of a chunk once a stream is busy; the first ones are smaller, and a longer event has a
 * chunk of its own. */
enum { RECENT_CHUNK_BYTES = 65536 };

/* Encoded bytes grow from the front, the entries that tell where each event ends from the back. */
struct recent_chunk {
    struct recent_chunk *next;
    uint32_t references;
    uint32_t capacity;
    uint32_t filled;
    uint32_t count;
    bool kept; /* not dropped yet */
    _Alignas(16) char bytes[];
};

struct recent {
    struct recent_chunk *first;
    struct recent_chunk *last;
    uint64_t floor; /* every event after this id is here */
    uint64_t top;   /* the newest id */
    size_t bytes;   /* of all chunks kept */
    size_t bytes_max;
    enum broker_encoding encoding;
    bool active;
};

/* Encoded events that follow each other in one chunk. */
struct recent_range {
    struct recent_chunk *chunk;
    const char *bytes;
    size_t count;
    uint64_t first_id;
    uint64_t last_id;
    uint32_t events;
};

void recent_init(struct recent *recent, enum broker_encoding encoding, size_t bytes_max);

/* Begins to keep events: those after id.
 * Takes: one that is not active. */
void recent_start(struct recent *recent, uint64_t id);

/* Lets go of everything; sends that are on their way keep their chunks. */
void recent_stop(struct recent *recent);

/* Encodes an event behind the others.
 * Takes: an active one; an id above all before it.
 * Gives: the bytes that it took; 0 if memory is lacking: it is then emptied, and readers find the
 *   event on the disk.
 */
size_t recent_append(struct recent *recent, uint64_t id, const void *bytes, size_t count);

/* The events after an id, as many as lie together.
 * Takes: after at or above the floor; hint: a chunk that the caller holds a reference of and in
 *   which its last range ended, or NULL.
 * Gives: true and *out_range; false if there is none. No reference is taken. */
bool recent_find(const struct recent *recent, uint64_t after, const struct recent_chunk *hint,
                 struct recent_range *out_range);

void recent_chunk_hold(struct recent_chunk *chunk);

/* Takes: NULL: nothing happens. */
void recent_chunk_release(struct recent_chunk *chunk);

#endif
