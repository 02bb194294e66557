/* sse.h - event streams (text/event-stream, WHATWG HTML 9.2): encoding for a server, decoding for a
 * client.
 *
 * What an event stream can carry is text in lines: CR LF, CR and LF in an event all arrive as LF.
 * Other bytes pass as they are.
 */
#ifndef HARK_COMMAND_WIRE_SSE_H
#define HARK_COMMAND_WIRE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SSE_TYPE "text/event-stream"
#define SSE_HEARTBEAT                                                                              \
    ":\n\n" /* a comment: keeps proxies and dead peers from going unnoticed, and no client sees it \
             */

enum {
    SSE_NAME_BYTES_MAX = 128,         /* of an event's name */
    SSE_GAP_BYTES_MAX = 96,           /* of an encoded gap */
    SSE_RETRY_BYTES_MAX = 32,         /* of an encoded retry */
    SSE_ID_BYTES_MAX = 1024,          /* a decoder refuses longer ids */
    SSE_DATA_BYTES_MAX = 1024 * 1024, /* a decoder refuses more in one event */
};

/* The bytes that an event takes when it is encoded.
 * Takes: name: NULL or "" for a plain event ("message"), else without CR, LF and at most
 *   SSE_NAME_BYTES_MAX bytes. */
size_t sse_event_size(uint64_t id, const char *name, const void *data, size_t count);

/* Encodes an event: id, name, each line of data, an empty line. An empty event is one empty line of
 * data.
 * Gives: the bytes written, which are sse_event_size.
 * Fails: -ENOSPC room is smaller; -EINVAL the name has a CR, LF or is too long. */
int64_t sse_event_encode(uint64_t id, const char *name, const void *data, size_t count, char *bytes,
                         size_t room);

/* Encodes the report that events are missing: "event: gap", data {"after":"A","first":"F"}: nothing
 * is kept between A, which the client knew, and F, the next that it will see (ids are strings:
 * JavaScript's numbers end at 2^53). It carries no id, so that the client's position stays.
 * Takes: room of SSE_GAP_BYTES_MAX.
 * Gives: the bytes written. */
size_t sse_gap_encode(uint64_t after, uint64_t first, char *bytes);

/* Encodes how long a client should wait before it connects again.
 * Takes: room of SSE_RETRY_BYTES_MAX.
 * Gives: the bytes written.
 */
size_t sse_retry_encode(uint64_t milliseconds, char *bytes);

/* One event as a client sees it. Text ends with a NUL besides its count. */
struct sse_event {
    const char *id;   /* the last id that was set, by this event or an earlier one; "" at first */
    const char *name; /* "message" if none was given */
    const char *data;
    size_t data_count;
};

/* Called for each event; valid until it returns. The callback must not touch the decoder. */
typedef void sse_decoded(void *context, const struct sse_event *event);

/* A decoder, in the caller's memory. It holds one event at a time, bounded by the limits above. */
struct sse_decoder {
    char *last_id;  /* for reading: what to send as Last-Event-ID; NULL or "" if there is none */
    uint64_t retry; /* for reading: milliseconds, valid with has_retry */
    bool has_retry;

    /* --- private --- */
    sse_decoded *decoded;
    void *context;
    char *line, *data, *name, *id;
    size_t line_count, line_room, data_count, data_room;
    unsigned mark_count;
    bool after_cr;
    bool has_data;
    int error;
};

/* Makes ready to decode a stream from its beginning. Allocates nothing. */
void sse_decoder_init(struct sse_decoder *decoder, sse_decoded *decoded, void *context);

/* Makes ready for the next connection: a half event is dropped, last_id and retry are kept. */
void sse_decoder_restart(struct sse_decoder *decoder);

/* Takes bytes, calls back for each event in them.
 * Gives: 0.
 * Fails: -EMSGSIZE a line, id, name or event is past its limit; -ENOMEM. Every later call gives the
 *   same until a restart. */
int sse_decoder_feed(struct sse_decoder *decoder, const void *bytes, size_t count);

/* Frees everything; the decoder is then as after init. */
void sse_decoder_done(struct sse_decoder *decoder);

#endif
