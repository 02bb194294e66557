/* log.h - one durable log for all streams of a data directory.
 *
 * Events of every stream go into one sequence of segment files, through the loop's ops alone:
 * nothing here blocks the loop's thread. The id of an event is its place in that sequence: it grows
 * within each stream and is never given twice, whatever was cut, lost, deleted or made anew. An
 * append is answered once it is as durable as log_options.sync asks; what was not answered with
 * success is never read. Ids stay far below 2^53, so that a JSON number holds them.
 *
 * The log never prints: what a person should know is handed to log_options.report, one line each.
 *
 * Thread, for every function here: the loop's.
 */
#ifndef HARK_COMMAND_LOG_LOG_H
#define HARK_COMMAND_LOG_LOG_H

#include "hark.h"

#define LOG_NAME_MAX        128u           /* bytes of a stream's name */
#define LOG_EVENT_BYTES_MAX (1024u * 1024) /* bytes of an event */
#define LOG_READ_BYTES_MIN  (64u * 1024)   /* the smallest buffer that log_read takes */

/* Of notes: the bytes of a key; as log_note_put writes them, those of one append, and all of a
 * stream. */
#define LOG_NOTE_KEY_MAX     255u
#define LOG_CHANGE_BYTES_MAX (16u * 1024)
#define LOG_NOTES_BYTES_MAX  (32u * 1024)

/* What log_options.segment_bytes may be, and in words. */
#define LOG_SEGMENT_BYTES_MIN   (UINT64_C(4) << 10)
#define LOG_SEGMENT_BYTES_MAX   (UINT64_C(4) << 30)
#define LOG_SEGMENT_BYTES_RANGE "4K to 4G"

/* As a cursor's position: from the oldest event that is kept, without a gap before it. No event has
 * this id. */
#define LOG_START ((uint64_t)0)

struct log;
struct stream_entry;
struct streams;

/* When an append is answered. */
enum log_sync {
    LOG_SYNC_ALWAYS,   /* once it is on the disk: one write and one fdatasync for all appends of a
                          turn */
    LOG_SYNC_INTERVAL, /* once it is written; the disk follows within sync_interval_ns */
    LOG_SYNC_NEVER,    /* once it is written; the kernel chooses when it goes to the disk */
};

enum log_severity { LOG_NOTE, LOG_WARNING, LOG_ERROR };

/* Tells a person something about the log's state.
 * Takes: text: one line without its end, the log's: copy it to keep it. Must not call the log. */
typedef void log_report(void *context, enum log_severity severity, const char *text);

/* How a log is opened. All zero is the default: sync always, nothing removed, no reports. */
struct log_options {
    enum log_sync sync;
    uint64_t sync_interval_ns;  /* with LOG_SYNC_INTERVAL; 0: one second */
    uint64_t segment_bytes;     /* a segment ends at about this size; 0: 64 MiB; 4 KiB to 4 GiB */
    uint64_t retain_bytes;      /* oldest segments go while all together are larger; 0: no bound */
    uint64_t retain_age_ns;     /* segments go whose newest event is older; 0: no bound */
    uint32_t open_segments_max; /* sealed segments held open for reading while no read uses them; 0:
                                   16 */
    uint64_t table_bytes; /* the table of streams is written once so much has been written since the
                             one before, and more than it takes itself; 0: 4 MiB */
    uint64_t streams_max; /* 0: no bound. Streams with a dot in front of their names are the
                             program's own, and never refused */
    bool inspect; /* only to look: each segment is read whole, nothing in the directory is changed,
                     appends give -EROFS; others may look as well */
    log_report *report;
    bool (*spare)(void *context); /* gives up a descriptor that was kept for the log, which lacks
                                     one. Gives: false: none is left. NULL: none is kept */
    void *report_context;         /* of both */
};

/* The log is open, or is not.
 * Takes: result 0 and the log, or a negative errno and NULL. */
typedef void log_opened(void *context, int result, struct log *log);

/* Opens the log of a directory, recovers it, and calls back. The directory is made where it is
 * missing (not its parents).
 * Takes: directory: copied. options: copied; NULL for the defaults.
 * Gives: 0: `opened` will be called once, from hark_run, with 0; -EBUSY another process (or log)
 *   has the directory open; -EPROTO the segments are of a newer version of hark; what the file
 *   system answered: -EACCES, -ENOTDIR, -ENOENT (the parent is missing), -ENOSPC, -EIO, ...
 * Fails: at once, and `opened` is not called: -EINVAL an option is out of range; -ENOMEM;
 *   -ENAMETOOLONG. */
int log_open(struct hark_loop *loop, const char *directory, const struct log_options *options,
             log_opened *opened, void *context);

/* The log is closed and its memory gone.
 * Takes: result: 0, or the first error of the last flush. */
typedef void log_closed(void *context, int result);

/* Answers every append that was made, syncs, seals, lets the directory go and calls back. From this
 * call on appends and reads end with -ESHUTDOWN; reads in flight end first.
 * Takes: log: NULL is not allowed. */
void log_close(struct log *log, log_closed *closed, void *context);

/* The table of streams that the log keeps its own in: for who hangs more on them
 * (streams/streams.h), and takes that off before the log is closed. */
struct streams *log_streams(struct log *log);

/* A stream, as it now is. Fields are the log's: read them only. Valid until the callback of
 * LOG_DELETE of it returns with success, or the log is closed. */
struct log_stream {
    struct stream_entry *entry; /* its name, streams/streams.h; NULL: it was deleted */
    /* Never given twice, unlike the name: the id of its creation, less than every event's in it. */
    uint64_t generation;
    uint64_t count; /* of the events that are kept */
    uint64_t bytes; /* of those events, without what the log adds */
    uint64_t first; /* the oldest id kept; 0 none is */
    uint64_t last;  /* the newest id ever acknowledged in it, kept or not; 0 none */
    uint64_t lost;  /* ids up to this one are not all kept: retention or damage; 0 none is lost */
    /* Wall clock: when it changed last, the log was opened, or log_stream_touch was called. Nothing
     * of this is on the disk. */
    uint64_t touched_ns;
};

/* Wall clock, as the log has it. */
uint64_t log_now_ns(const struct log *log);

/* Says that a stream is in use now. */
void log_stream_touch(struct log *log, const struct log_stream *stream);

/* Finds a stream.
 * Gives: the stream, or NULL. Constant time. */
const struct log_stream *log_stream_find(const struct log *log, const char *name,
                                         size_t name_length);

/* The same for who has found its name already. */
const struct log_stream *log_stream_of(const struct stream_entry *entry);

/* A value that is noted of a stream. The bytes are the log's, and valid until the next append to it
 * is answered. */
struct log_note {
    const void *bytes;
    size_t count; /* 1 at least */
};

/* Notes are values under keys that belong to a stream, beside its events: they change with an
 * append, as durably and at the same moment, and go with the stream. What they mean is for those
 * who append.
 * Gives: true and *out_note, as it is acknowledged; false: there is none under that key. */
bool log_stream_note(const struct log_stream *stream, const char *key, size_t key_length,
                     struct log_note *out_note);

/* Steps through all notes of a stream.
 * Takes: *at: 0 for the first, then as it was left.
 * Gives: true, *out_key and *out_note; false: there is no more. */
bool log_stream_note_each(const struct log_stream *stream, uint32_t *at, struct log_note *out_key,
                          struct log_note *out_note);

/* A stream may lean on another, which it needs: a note of 8 bytes under this key, little-endian, is
 * the generation of that one. It is noted once, and not changed. A stream that others lean on is
 * not deleted (-EBUSY).
 * Gives: how many lean on it, as it is acknowledged. */
#define LOG_NOTE_BASE "base"
uint32_t log_stream_leaners(const struct log_stream *stream);

/* The one that it leans on; NULL: none, or that is lost. */
const struct log_stream *log_stream_base(const struct log_stream *stream);

/* The same for log_append.decide: as the appends before that one leave it. */
bool log_stream_note_next(const struct log_stream *stream, const char *key, size_t key_length,
                          struct log_note *out_note);

/* Writes a note into log_append.notes.
 * Takes: key: 1 to LOG_NOTE_KEY_MAX bytes; value: none: it is noted no more.
 * Gives: the bytes that it takes, 3 more than key and value together. */
uint32_t log_note_put(unsigned char *to, const char *key, size_t key_length, const void *value,
                      size_t value_length);

/* Steps through all streams, in order of creation.
 * Takes: after: the one before, or NULL for the first.
 * Gives: the next; NULL at the end. */
const struct log_stream *log_stream_next(const struct log *log, const struct log_stream *after);

/* The same for who comes back later: the oldest stream with a generation above that.
 * Takes: 0: the first of all. */
const struct log_stream *log_stream_above(const struct log *log, uint64_t generation);

/* What an append changes. All kinds stand in one order, and each is decided when its turn in that
 * order has come: on what those before it have made of the stream. */
enum log_kind {
    LOG_EVENT,      /* an event; the stream is made if there is none */
    LOG_CREATE,     /* a stream without an event; -EEXIST there is one */
    LOG_DELETE,     /* no stream any more; -ENOENT there is none */
    LOG_ONLY_NOTES, /* notes without an event; the stream is made if there is none */
};

/* What has to be so when the turn of an append has come. If it is not, the answer is this error,
 * and nothing is changed. */
enum log_condition {
    LOG_UNCONDITIONAL,
    LOG_IF_PRESENT, /* there is a stream of that name; else -ENOENT */
    LOG_IF_ABSENT,  /* there is none; else -EEXIST */
    LOG_IF_SAME,    /* there is one of that generation; else -ESTALE */
};

struct log_append;

/* An append has ended.
 * Takes: result: the id, above 0; or a negative errno. */
typedef void log_appended(struct log_append *request, int64_t result);

/* One append, in the caller's memory, usually inside the caller's own struct. Zero it once, then
 * set what is to be told. Everything it points to is the log's until `done` is called. */
struct log_append {
    enum log_kind kind;
    enum log_condition condition;
    const char *name;
    uint32_t name_length;
    uint32_t length; /* these two for an event */
    const void *bytes;
    /* That name, of log_streams, if the caller has found it and keeps it there; NULL: it is looked
     * up. */
    struct stream_entry *entry;
    uint64_t generation; /* for LOG_IF_SAME */
    /* What changes of the stream's notes, as log_note_put writes it; with LOG_EVENT and
     * LOG_ONLY_NOTES. */
    const unsigned char *notes;
    uint32_t notes_length;
    /* Decides what becomes of the append once its turn has come and its condition holds; may set
     * notes, and make LOG_ONLY_NOTES of a LOG_DELETE or the other way round. It is asked again if
     * the answer has to wait for another commit: it must not change anything else. NULL: nobody
     * asks.
     * Takes: stream: NULL: there is none. Gives: 0: it goes on; a negative errno: its answer, and
     *   -ECANCELED is not counted as an error. */
    int (*decide)(struct log_append *request, const struct log_stream *stream);
    log_appended *done;
    struct log *log; /* set for decide */
    /* Set when done is called with success: */
    /* After LOG_DELETE: what the stream leaned on, if nobody does any more; else NULL. */
    const struct log_stream *released;
    uint64_t id;
    uint64_t time_ns; /* wall clock; not sure to grow, as clocks are set */
    /* Set when done is called, with `decide`: the newest id acknowledged in the stream of that
     * name, or that of its creation; 0: there is none. */
    uint64_t tail;
    const struct log_stream *stream; /* after LOG_DELETE: NULL */
    /* Private: */
    struct log_append *next;
    int32_t error;
    bool creates;
};

/* Appends. Appends are answered in the order in which they were made.
 * Takes: request: the log's until `done`, which is never called from inside this call. name: 1 to
 *   LOG_NAME_MAX bytes; the log does not mind which, but for streams_max. bytes: length of them, 0
 *   to LOG_EVENT_BYTES_MAX.
 * Gives: the id, to done: of a stream that was created its generation. Cursors in a stream that was
 *   deleted end with -ENOENT; one that is made under the same name later is another: cursors from
 *   before find a gap.
 * Fails: -EINVAL name or length is out of range, or the notes are none; -E2BIG the stream would
 *   have more than LOG_NOTES_BYTES_MAX of them; what `decide` has given; -EDQUOT a new stream would
 *   pass streams_max; -ENOENT, -EEXIST, -ESTALE by its kind or its condition; -EBUSY others lean on
 *   the stream that is to be deleted; -ENOSPC, -EFBIG, -EDQUOT nothing was kept of it: try again
 *   when there is space; -EMFILE, -ENFILE, -EACCES, -EPERM, -EROFS nothing was kept of it: no
 *   segment could be made; -EREMOTEIO the same, as the disk failed; -EAGAIN nothing was kept of it:
 *   no thread could be started; -EIO the disk failed: it may or may not be found after a crash, and
 *   is not read before; -ENOMEM; -ESHUTDOWN the log is being closed. */
void log_append(struct log *log, struct log_append *request);

/* One event, as read. */
struct log_event {
    uint64_t id;
    uint64_t time_ns;
    const void *bytes; /* inside the buffer given to log_read */
    size_t length;
};

/* Something between two events is not kept. */
struct log_gap {
    uint64_t after; /* where the cursor was */
    uint64_t first; /* everything from this id on is kept, as far as is known; 0: there is no gap */
};

/* Private: a place among those that wait for a segment to be opened, or for a descriptor. */
struct log_wait {
    struct log_wait *next;
    void (*ready)(struct log_wait *wait, int result);
};

struct log_cursor;

/* A read has ended.
 * Takes: result: how many events wait in the buffer, for log_cursor_next; 0 the cursor stands at
 *   the end of what is acknowledged; or a negative errno. */
typedef void log_read_done(struct log_cursor *cursor, int64_t result);

/* A place in a stream, and the one read in flight for it, in the caller's memory. */
struct log_cursor {
    uint64_t stream; /* log_stream.generation */
    uint64_t after;  /* the id of the last event taken; moved by log_cursor_next, and past a gap by
                        log_read */
    struct log_gap gap; /* what the last read found, before its first event */
    size_t needed;      /* after -EMSGSIZE: the bytes of buffer that the next event takes */
    /* Private: */
    struct hark_op op;
    struct log *log;
    log_read_done *done;
    struct log_segment *segment; /* held, or waited for */
    struct log_wait wait;
    unsigned char *buffer;
    size_t capacity;
    size_t filled;
    size_t walked;          /* by log_cursor_next */
    uint64_t place_segment; /* where to go on, if that segment still has it */
    uint64_t place_offset;
    uint64_t read_offset; /* where in the segment the buffer begins */
    uint64_t read_end;    /* where the neighbouring blocks end */
    bool reading;
    bool cancelled;
    bool searching; /* past something unreadable */
};

/* Places a cursor.
 * Takes: any cursor without a read in flight. after: an id, or LOG_START. An id that is less than
 *   the stream's generation, so from a stream of that name before it, makes the first read tell a
 *   gap; an id that is greater than all, none. */
void log_cursor_init(struct log_cursor *cursor, const struct log_stream *stream, uint64_t after);

/* The same, by log_stream.generation.
 * Thread: any that has the cursor. */
void log_cursor_place(struct log_cursor *cursor, uint64_t stream, uint64_t after);

/* Reads the next events after cursor->after into a buffer, then calls back; never from inside this
 * call. Only blocks that hold events of the stream are read.
 * Takes: buffer: the log's until done, and holds the events until the next read; capacity: at least
 *   LOG_READ_BYTES_MIN.
 * Gives: to done, the count of events; cursor->gap.first is above 0 where something is missing
 *   before the first of them (also with the result 0). The cursor moves as log_cursor_next takes
 *   events: those not taken are read again.
 * Fails: -ENOENT the stream was deleted; -EMSGSIZE the next event alone is larger than the buffer:
 *   try again with one of cursor->needed bytes; -EINVAL capacity; -ECANCELED; -ESHUTDOWN; -EMFILE,
 *   -ENFILE, -ENOMEM, -EIO: try again later. */
void log_read(struct log *log, struct log_cursor *cursor, void *buffer, size_t capacity,
              log_read_done *done);

/* Takes the next event of the last read.
 * Gives: true and *out_event, and cursor->after is its id; false at the end.
 * Thread: any that has the cursor and its buffer. */
bool log_cursor_next(struct log_cursor *cursor, struct log_event *out_event);

/* Asks the read in flight to end soon: its one `done` follows, with -ECANCELED or its result.
 * Without one, nothing happens. */
void log_cursor_cancel(struct log_cursor *cursor);

/* Why events are refused: the error of the last commit, where it failed.
 * Gives: 0: they are taken, as far as is known. */
int log_trouble(const struct log *log);

/* Counters since the log was opened, and sizes as they now are. */
struct log_statistics {
    uint64_t segments;      /* files */
    uint64_t bytes;         /* of the segments, without their indexes */
    uint64_t streams;       /* that exist */
    uint64_t appends;       /* answered with success */
    uint64_t append_bytes;  /* of their events */
    uint64_t append_errors; /* answered with an error */
    uint64_t commits;       /* writes that carried them */
    uint64_t syncs;         /* fdatasync calls for them */
    uint64_t sync_errors;   /* of which failed */
    uint64_t reads;         /* from segments, for cursors */
    uint64_t read_bytes;    /* of those */
    uint64_t damaged;    /* places where something is unreadable or missing, as the start or readers
                            found */
    uint64_t cut_bytes;  /* cut off by the start: the ends of writes that a crash has interrupted */
    uint64_t dead_bytes; /* of the segments: events of streams that were deleted since */
    uint64_t removed;    /* segments removed by retention, or since all in them was deleted */
    uint64_t open_segments;  /* descriptors held */
    uint64_t oldest_time_ns; /* wall clock of the oldest segment's creation; 0 none */
};

/* The counters: valid, and kept up to date, until the log is closed. */
const struct log_statistics *log_statistics(const struct log *log);

#endif
