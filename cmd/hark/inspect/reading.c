/* reading.c - see the header. What must hold: nothing in the directory is changed. */
#include "inspect/reading.h"

#include <errno.h>
#include <stdlib.h>

#include "base/say.h"
#include "hark.h"

struct reading {
    const struct reading_receiver *receiver;
    struct hark_loop *loop;
    struct log *log;
    int error; /* why it could not be opened */
    const struct log_stream *stream;
    struct log_cursor cursor;
    unsigned char *buffer;
    size_t capacity;
};

/* --- stream by stream --- */

static void read_on(struct reading *reading);

static void closed(void *context, int result)
{
    (void)context;
    (void)result; /* it was open only to look */
}

static bool is_enough(const struct reading *reading)
{
    const struct reading_receiver *receiver = reading->receiver;
    return receiver->enough && receiver->enough(receiver->context);
}

static void next_stream(struct reading *reading)
{
    const struct reading_receiver *receiver = reading->receiver;
    do
        reading->stream = log_stream_next(reading->log, reading->stream);
    while (reading->stream && receiver->stream &&
           !receiver->stream(receiver->context, reading->stream));
    if (reading->stream && !is_enough(reading)) {
        log_cursor_init(&reading->cursor, reading->stream, LOG_START);
        read_on(reading);
        return;
    }
    if (receiver->end)
        receiver->end(receiver->context, log_statistics(reading->log));
    log_close(reading->log, closed, NULL);
}

static void take_events(struct reading *reading)
{
    const struct reading_receiver *receiver = reading->receiver;
    const struct log_gap *gap = &reading->cursor.gap;
    struct log_event event;
    if (gap->first != 0 && receiver->gap)
        receiver->gap(receiver->context, reading->stream, gap);
    while (log_cursor_next(&reading->cursor, &event))
        if (receiver->event)
            receiver->event(receiver->context, reading->stream, &event);
}

static void grow(struct reading *reading, size_t needed)
{
    unsigned char *larger = realloc(reading->buffer, needed);
    if (!larger)
        return; /* the next read says so again */
    reading->buffer = larger;
    reading->capacity = needed;
}

static void read_done(struct log_cursor *cursor, int64_t result)
{
    struct reading *reading = hark_container_of(cursor, struct reading, cursor);
    const struct reading_receiver *receiver = reading->receiver;
    const bool is_larger = result == -EMSGSIZE && reading->capacity < cursor->needed;
    if (is_larger)
        grow(reading, cursor->needed);
    const bool grew = is_larger && reading->capacity >= cursor->needed;
    if (result < 0 && !grew && receiver->unreadable)
        receiver->unreadable(receiver->context, reading->stream, cursor->after, (int)result);
    if (result >= 0)
        take_events(reading);
    if ((result > 0 || grew) && !is_enough(reading)) {
        read_on(reading);
        return;
    }
    if (receiver->stream_end)
        receiver->stream_end(receiver->context, reading->stream);
    next_stream(reading);
}

static void read_on(struct reading *reading)
{
    log_read(reading->log, &reading->cursor, reading->buffer, reading->capacity, read_done);
}

/* --- the whole --- */

static void opened(void *context, int result, struct log *log)
{
    struct reading *reading = context;
    reading->error = result;
    reading->log = log;
    if (log)
        next_stream(reading);
}

static int read_all(struct reading *reading, const char *path)
{
    const struct log_options options = {.inspect = true,
                                        .report = reading->receiver->report,
                                        .report_context = reading->receiver->context};
    int error = log_open(reading->loop, path, &options, opened, reading);
    if (error == 0)
        error = hark_run(reading->loop);
    return error != 0 ? error : reading->error;
}

int reading_run(const char *path, const struct reading_receiver *receiver)
{
    struct reading reading = {.receiver = receiver, .capacity = LOG_READ_BYTES_MIN * 4};
    int error = hark_loop_create(NULL, &reading.loop);
    reading.buffer = malloc(reading.capacity);
    if (error == 0 && !reading.buffer)
        error = -ENOMEM;
    if (error == 0)
        error = read_all(&reading, path);
    free(reading.buffer);
    if (reading.loop)
        hark_loop_destroy(reading.loop);
    return error;
}

void reading_say(const char *verb, const char *path, int error)
{
    say("cannot %s %s: %s", verb, path,
        error == -EBUSY ? "a server runs on it: end that first, or take a copy" : why(error));
}
