/* inspect.c - opens the log of a directory as `hark serve` would, only to look
 * (log_options.inspect), and reads every stream from its beginning to its end. So it sees what the
 * server and its readers would see, and besides that each byte of each segment.
 *
 * What must hold: nothing in the directory is changed; whatever is told as damaged or lost makes
 * the exit code.
 */
#include "inspect/inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "hark.h"
#include "log/log.h"
#include "streams/streams.h"

enum { EXIT_UNREADABLE = 3 };

const struct options_command inspect_options = {
    .name = "log",
    .usage = "check DIR",
    .about =
        "Reads all that a data directory of hark serve holds, and tells what is whole, damaged or\n"
        "lost: by segment, and by stream and id. Changes nothing. No server may run on it.\n",
    .after = "Exit code: 0 all is whole, 1 something is damaged or lost, 2 wrong usage, 3 it "
             "cannot be read.\n\n"
             "Example:\n  hark log check hark-data\n",
    .operands_min = 2,
    .operands_max = 2,
    .operands = "check and a DIR",
};

struct inspection {
    struct hark_loop *loop;
    const char *path;
    struct log *log;
    int error; /* why it could not be opened */
    const struct log_stream *stream;
    struct log_cursor cursor;
    unsigned char *buffer;
    size_t capacity;
    uint64_t events;  /* read from the stream */
    uint64_t gaps;    /* of the stream */
    uint64_t all;     /* events of all streams */
    uint64_t damaged; /* what was told */
};

static void take_report(void *context, enum log_severity severity, const char *text)
{
    struct inspection *inspection = context;
    inspection->damaged += severity == LOG_ERROR;
    printf("%s: %s\n", severity == LOG_ERROR ? "damaged" : "note", text);
}

/* --- stream by stream --- */

static void read_on(struct inspection *inspection);

static void closed(void *context, int result)
{
    (void)context;
    (void)result; /* it was open only to look */
}

static void next_stream(struct inspection *inspection)
{
    inspection->stream = log_stream_next(inspection->log, inspection->stream);
    if (!inspection->stream) {
        inspection->damaged += log_statistics(inspection->log)->damaged;
        printf("%" PRIu64 " segments, %" PRIu64 " bytes, %" PRIu64 " streams, %" PRIu64
               " events: %s\n",
               log_statistics(inspection->log)->segments, log_statistics(inspection->log)->bytes,
               log_statistics(inspection->log)->streams, inspection->all,
               inspection->damaged == 0 ? "all is whole" : "not all is whole");
        log_close(inspection->log, closed, NULL);
        return;
    }
    inspection->events = inspection->gaps = 0;
    log_cursor_init(&inspection->cursor, inspection->stream, LOG_START);
    read_on(inspection);
}

static void end_stream(struct inspection *inspection)
{
    const struct log_stream *stream = inspection->stream;
    inspection->all += inspection->events;
    inspection->damaged += inspection->gaps;
    printf("stream %s: %" PRIu64 " events", stream->entry->name, inspection->events);
    if (stream->first != 0)
        printf(", ids %" PRIu64 " to %" PRIu64, stream->first, stream->last);
    if (stream->lost >= stream->generation && stream->lost < stream->first)
        printf(", nothing is kept up to id %" PRIu64, stream->lost);
    printf("%s\n", inspection->gaps == 0 ? "" : ": not whole");
    next_stream(inspection);
}

static void take_events(struct inspection *inspection)
{
    const struct log_gap *gap = &inspection->cursor.gap;
    struct log_event event;
    if (gap->first != 0) {
        inspection->gaps++;
        printf("lost: in stream %s, what it had after id %" PRIu64 " and before id %" PRIu64 "\n",
               inspection->stream->entry->name, gap->after, gap->first);
    }
    while (log_cursor_next(&inspection->cursor, &event))
        inspection->events++;
}

static void grow(struct inspection *inspection, size_t needed)
{
    unsigned char *larger = realloc(inspection->buffer, needed);
    if (!larger)
        return; /* the next read says so again */
    inspection->buffer = larger;
    inspection->capacity = needed;
}

static void read_done(struct log_cursor *cursor, int64_t result)
{
    struct inspection *inspection = hark_container_of(cursor, struct inspection, cursor);
    if (result == -EMSGSIZE && inspection->capacity < cursor->needed)
        grow(inspection, cursor->needed);
    if (result < 0 && (result != -EMSGSIZE || inspection->capacity < cursor->needed)) {
        inspection->gaps++;
        printf("lost: in stream %s, what it has after id %" PRIu64 " cannot be read: %s\n",
               inspection->stream->entry->name, cursor->after, hark_error_text(result));
    }
    if (result >= 0)
        take_events(inspection);
    if (result > 0 || (result == -EMSGSIZE && inspection->capacity >= cursor->needed))
        read_on(inspection);
    else
        end_stream(inspection);
}

static void read_on(struct inspection *inspection)
{
    log_read(inspection->log, &inspection->cursor, inspection->buffer, inspection->capacity,
             read_done);
}

/* --- the whole --- */

static void opened(void *context, int result, struct log *log)
{
    struct inspection *inspection = context;
    inspection->error = result;
    inspection->log = log;
    if (log)
        next_stream(inspection);
}

/* Gives: 0, or why the directory could not be read. */
static int read_all(struct inspection *inspection)
{
    struct log_options options = {
        .inspect = true, .report = take_report, .report_context = inspection};
    int error = log_open(inspection->loop, inspection->path, &options, opened, inspection);
    if (error == 0)
        error = hark_run(inspection->loop);
    return error != 0 ? error : inspection->error;
}

static int check_directory(const char *path)
{
    struct inspection inspection = {.path = path, .capacity = LOG_READ_BYTES_MIN * 4};
    int error = hark_loop_create(NULL, &inspection.loop);
    inspection.buffer = malloc(inspection.capacity);
    if (error == 0 && !inspection.buffer)
        error = -ENOMEM;
    if (error == 0)
        error = read_all(&inspection);
    free(inspection.buffer);
    if (inspection.loop)
        hark_loop_destroy(inspection.loop);
    if (error != 0) {
        say("cannot check %s: %s", path,
            error == -EBUSY ? "a server runs on it: end that first, or check a copy"
                            : hark_error_text(error));
        return EXIT_UNREADABLE;
    }
    return inspection.damaged == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int inspect_run(int argc, char **argv)
{
    struct options_found found;
    int code;
    if (!options_parse(&inspect_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    if (strcmp(found.operands[0], "check") != 0) {
        say("hark log does not know '%s' (try: hark log check DIR)", found.operands[0]);
        return EXIT_USAGE;
    }
    return check_directory(found.operands[1]);
}
