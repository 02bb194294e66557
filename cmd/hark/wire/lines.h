/* lines.h - the protocol of the lines port: splitting what comes in, encoding what goes out. No I/O
 * is done here.
 *
 * A client's first line is its command; one CR before its LF is passed over. Where the server has
 * rules, a line with a token may go before it, which is answered only where nobody knows the token:
 *
 *     AUTH TOKEN
 *
 *     PUB NAME              each further line is one event
 *     PUB NAME ack          the same, and each is answered with its id and LF once it is durable
 *     SUB NAME              events from now on
 *     SUB NAME now          the same, and the first line is the position at which they begin: ID
 *     SUB NAME start        events from the oldest that is kept ("SUB NAME after start" is the
 *                           same)
 *     SUB NAME after ID     events after ID
 *
 * Of a published line every byte before the LF belongs to the event, a CR too. Bytes after the last
 * LF are no event: a client that dies in the middle of a line publishes no half of it.
 *
 * A subscriber gets one line for each event, and lines of two more kinds:
 *
 *     ID<TAB>EVENT          an event without LF
 *     +<TAB>PART            an event with LFs comes as several lines: each part that an LF follows
 *                           with a "+",
 *     ID<TAB>PART           the last part with the event's id. Nothing is escaped: other bytes pass
 *                           as they are
 *     GAP<TAB>AFTER<TAB>ID  nothing is kept between AFTER, which the client named or had, and ID,
 *                           the next event
 *     ERR reason            something is wrong; the connection ends
 */
#ifndef HARK_COMMAND_WIRE_LINES_H
#define HARK_COMMAND_WIRE_LINES_H

#include "wire/name.h"

enum {
    LINES_COMMAND_BYTES_MAX = 256,         /* the first line without its LF */
    LINES_AUTH_BYTES_MAX = 4096 + 6,       /* likewise, of AUTH */
    LINES_EVENT_BYTES_MAX = 1024 * 1024,   /* an event */
    LINES_GAP_BYTES_MAX = 48,              /* an encoded gap */
    LINES_ID_BYTES_MAX = ID_BYTES_MAX + 1, /* an encoded answer of PUB ... ack */
};

/* Cuts a stream of bytes into lines. In the caller's memory. A line that lies whole in one piece is
 * not copied. */
struct lines_splitter {
    size_t limit; /* the longest line without its LF; may be changed between two lines */

    /* --- private --- */
    char *kept;
    size_t kept_count, kept_room;
    int error;
    bool given; /* the kept line was handed out and goes with the next call */
};

/* Makes ready. Allocates nothing. */
void lines_splitter_init(struct lines_splitter *splitter, size_t limit);

/* Takes bytes up to the end of the next line.
 * Takes: *bytes and *count: a piece; both are moved past what was taken.
 * Gives: 1 a line, in *out_line and *out_count without its LF, valid until the next call or the
 *   piece's end of life; 0 the piece is used up, a half line is kept.
 * Fails: -EMSGSIZE the line is longer than the limit: the connection wants to be ended; -ENOMEM. */
int lines_splitter_next(struct lines_splitter *splitter, const char **bytes, size_t *count,
                        const char **out_line, size_t *out_count);

/* The bytes of a half line that are kept. */
static inline size_t lines_splitter_kept(const struct lines_splitter *splitter)
{
    return splitter->given ? 0 : splitter->kept_count;
}

/* Frees what is kept; the splitter is then as after init. */
void lines_splitter_done(struct lines_splitter *splitter);

enum lines_verb {
    LINES_AUTH, /* the command is still to come */
    LINES_PUB,
    LINES_SUB,
};

enum lines_from {
    LINES_FROM_NOW,
    LINES_FROM_START,
    LINES_FROM_AFTER, /* command.after */
};

/* A first line, understood. */
struct lines_command {
    enum lines_verb verb;
    enum lines_from from; /* SUB */
    uint64_t after;       /* SUB */
    bool position;        /* SUB NAME now: begin with lines_id_encode of the position */
    bool ack;             /* PUB */
    char name[NAME_BYTES_MAX + 1];
    const char *token; /* AUTH: inside the line */
    size_t token_count;
};

/* Understands a first line.
 * Takes: the line without its LF.
 * Gives: NULL and *out_command; else the reason for "ERR reason", one constant line. */
const char *lines_command_parse(const char *line, size_t count, struct lines_command *out_command);

#define LINES_TOO_LONG "the line is too long" /* the reason after -EMSGSIZE */

/* The bytes that an event takes on the way to a subscriber. */
size_t lines_event_size(uint64_t id, const void *event, size_t count);

/* Encodes an event for a subscriber.
 * Gives: the bytes written, which are lines_event_size.
 * Fails: -ENOSPC room is smaller. */
int64_t lines_event_encode(uint64_t id, const void *event, size_t count, char *bytes, size_t room);

/* Encodes the report that events are missing.
 * Takes: room of LINES_GAP_BYTES_MAX.
 * Gives: the bytes written. */
size_t lines_gap_encode(uint64_t after, uint64_t first, char *bytes);

/* Encodes the answer to a published line, its id; or the position to "SUB NAME now".
 * Takes: room of LINES_ID_BYTES_MAX.
 * Gives: the bytes written. */
size_t lines_id_encode(uint64_t id, char *bytes);

/* What a client finds in a line from the server. */
enum lines_kind {
    LINES_EVENT, /* the last or only part of an event: id and bytes */
    LINES_PART,  /* a part of an event, which an LF and further parts follow: bytes */
    LINES_GAP,   /* after, and id: the next event */
    LINES_ID,    /* the answer to a published line, or to "SUB NAME now": id */
    LINES_ERROR, /* bytes: the reason */
};

struct lines_output {
    enum lines_kind kind;
    uint64_t id;
    uint64_t after;
    const char *bytes; /* inside the line */
    size_t count;
};

/* What a reason of LINES_ERROR ends with if it may be another one soon. */
#define LINES_LATER "try again later"

/* Whether to come again is of use after this reason. */
bool lines_is_for_now(const char *reason);

/* Understands a line from the server.
 * Takes: the line without its LF.
 * Gives: 0 and *out_output.
 * Fails: -EINVAL none of these. */
int lines_output_parse(const char *line, size_t count, struct lines_output *out_output);

#endif
