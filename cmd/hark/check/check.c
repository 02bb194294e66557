/* check.c - opens the log of a directory as `hark serve` would, only to look (log_options.inspect),
 * and reads every stream from its beginning to its end. So it sees what the server and its readers
 * would see, and besides that each byte of each segment.
 *
 * What must hold: nothing in the directory is changed; whatever is told as damaged or lost makes
 * the exit code.
 */
#include "check/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "hark.h"
#include "log/log.h"

enum { EXIT_UNREADABLE = 3 };

const struct options_command check_options = {
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

struct check {
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
    struct check *check = context;
    check->damaged += severity == LOG_ERROR;
    printf("%s: %s\n", severity == LOG_ERROR ? "damaged" : "note", text);
}

/* --- stream by stream --- */

static void read_on(struct check *check);

static void closed(void *context, int result)
{
    (void)context;
    (void)result; /* it was open only to look */
}

static void next_stream(struct check *check)
{
    check->stream = log_stream_next(check->log, check->stream);
    if (!check->stream) {
        check->damaged += log_statistics(check->log)->damaged;
        printf("%" PRIu64 " segments, %" PRIu64 " bytes, %" PRIu64 " streams, %" PRIu64
               " events: %s\n",
               log_statistics(check->log)->segments, log_statistics(check->log)->bytes,
               log_statistics(check->log)->streams, check->all,
               check->damaged == 0 ? "all is whole" : "not all is whole");
        log_close(check->log, closed, NULL);
        return;
    }
    check->events = check->gaps = 0;
    log_cursor_init(&check->cursor, check->stream, LOG_START);
    read_on(check);
}

static void end_stream(struct check *check)
{
    const struct log_stream *stream = check->stream;
    check->all += check->events;
    check->damaged += check->gaps;
    printf("stream %s: %" PRIu64 " events", stream->name, check->events);
    if (stream->first != 0)
        printf(", ids %" PRIu64 " to %" PRIu64, stream->first, stream->last);
    if (stream->lost >= stream->generation && stream->lost < stream->first)
        printf(", nothing is kept up to id %" PRIu64, stream->lost);
    printf("%s\n", check->gaps == 0 ? "" : ": not whole");
    next_stream(check);
}

static void take_events(struct check *check)
{
    const struct log_gap *gap = &check->cursor.gap;
    struct log_event event;
    if (gap->first != 0) {
        check->gaps++;
        printf("lost: in stream %s, what it had after id %" PRIu64 " and before id %" PRIu64 "\n",
               check->stream->name, gap->after, gap->first);
    }
    while (log_cursor_next(&check->cursor, &event))
        check->events++;
}

static void grow(struct check *check, size_t needed)
{
    unsigned char *larger = realloc(check->buffer, needed);
    if (!larger)
        return; /* the next read says so again */
    check->buffer = larger;
    check->capacity = needed;
}

static void read_done(struct log_cursor *cursor, int64_t result)
{
    struct check *check = hark_container_of(cursor, struct check, cursor);
    if (result == -EMSGSIZE && check->capacity < cursor->needed)
        grow(check, cursor->needed);
    if (result < 0 && (result != -EMSGSIZE || check->capacity < cursor->needed)) {
        check->gaps++;
        printf("lost: in stream %s, what it has after id %" PRIu64 " cannot be read: %s\n",
               check->stream->name, cursor->after, hark_error_text(result));
    }
    if (result >= 0)
        take_events(check);
    if (result > 0 || (result == -EMSGSIZE && check->capacity >= cursor->needed))
        read_on(check);
    else
        end_stream(check);
}

static void read_on(struct check *check)
{
    log_read(check->log, &check->cursor, check->buffer, check->capacity, read_done);
}

/* --- the whole --- */

static void opened(void *context, int result, struct log *log)
{
    struct check *check = context;
    check->error = result;
    check->log = log;
    if (log)
        next_stream(check);
}

/* Gives: 0, or why the directory could not be read. */
static int read_all(struct check *check)
{
    struct log_options options = {.inspect = true, .report = take_report, .report_context = check};
    int error = log_open(check->loop, check->path, &options, opened, check);
    if (error == 0)
        error = hark_run(check->loop);
    return error != 0 ? error : check->error;
}

static int check_directory(const char *path)
{
    struct check check = {.path = path, .capacity = LOG_READ_BYTES_MIN * 4};
    int error = hark_loop_create(NULL, &check.loop);
    check.buffer = malloc(check.capacity);
    if (error == 0 && !check.buffer)
        error = -ENOMEM;
    if (error == 0)
        error = read_all(&check);
    free(check.buffer);
    if (check.loop)
        hark_loop_destroy(check.loop);
    if (error != 0) {
        say("cannot check %s: %s", path,
            error == -EBUSY ? "a server runs on it: end that first, or check a copy"
                            : hark_error_text(error));
        return EXIT_UNREADABLE;
    }
    return check.damaged == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int check_run(int argc, char **argv)
{
    struct options_memory memory = {NULL};
    struct options_found found;
    switch (options_parse(&check_options, &memory, argc, argv, NULL, &found)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_WRONG:
        return EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (strcmp(found.operands[0], "check") != 0) {
        say("hark log does not know '%s' (try: hark log check DIR)", found.operands[0]);
        return EXIT_USAGE;
    }
    return check_directory(found.operands[1]);
}
