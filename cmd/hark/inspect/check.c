/* check.c - so it sees what the server and its readers would see, and besides that each byte of
 * each segment.
 *
 * What must hold: whatever is told as damaged or lost makes the exit code. */
#include "inspect/check.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/say.h"
#include "inspect/reading.h"

struct findings {
    uint64_t events;  /* read from the stream */
    uint64_t gaps;    /* of the stream */
    uint64_t all;     /* events of all streams */
    uint64_t damaged; /* what was told */
};

static void take_report(void *context, enum log_severity severity, const char *text)
{
    struct findings *findings = context;
    findings->damaged += severity == LOG_ERROR;
    printf("%s: %s\n", severity == LOG_ERROR ? "damaged" : "note", text);
}

static bool take_stream(void *context, const struct log_stream *stream)
{
    struct findings *findings = context;
    (void)stream;
    findings->events = findings->gaps = 0;
    return true;
}

static void take_event(void *context, const struct log_stream *stream,
                       const struct log_event *event)
{
    struct findings *findings = context;
    (void)stream, (void)event;
    findings->events++;
}

static void take_gap(void *context, const struct log_stream *stream, const struct log_gap *gap)
{
    struct findings *findings = context;
    findings->gaps++;
    printf("lost: in stream %s, what it had after id %" PRIu64 " and before id %" PRIu64 "\n",
           stream->entry->name, gap->after, gap->first);
}

static void take_unreadable(void *context, const struct log_stream *stream, uint64_t after,
                            int error)
{
    struct findings *findings = context;
    findings->gaps++;
    printf("lost: in stream %s, what it has after id %" PRIu64 " cannot be read: %s\n",
           stream->entry->name, after, why(error));
}

static void end_stream(void *context, const struct log_stream *stream)
{
    struct findings *findings = context;
    findings->all += findings->events;
    findings->damaged += findings->gaps;
    printf("stream %s: %" PRIu64 " events", stream->entry->name, findings->events);
    if (stream->first != 0)
        printf(", ids %" PRIu64 " to %" PRIu64, stream->first, stream->last);
    if (stream->lost >= stream->generation && stream->lost < stream->first)
        printf(", nothing is kept up to id %" PRIu64, stream->lost);
    printf("%s\n", findings->gaps == 0 ? "" : ": not whole");
}

static void sum_up(void *context, const struct log_statistics *statistics)
{
    struct findings *findings = context;
    findings->damaged += statistics->damaged;
    printf("%" PRIu64 " segments, %" PRIu64 " bytes, %" PRIu64 " streams, %" PRIu64 " events: %s\n",
           statistics->segments, statistics->bytes, statistics->streams, findings->all,
           findings->damaged == 0 ? "all is whole" : "not all is whole");
}

int check_directory(const char *path)
{
    struct findings findings = {0};
    const struct reading_receiver receiver = {
        .context = &findings,
        .report = take_report,
        .stream = take_stream,
        .event = take_event,
        .gap = take_gap,
        .unreadable = take_unreadable,
        .stream_end = end_stream,
        .end = sum_up,
    };
    int error = reading_run(path, &receiver);
    if (error != 0) {
        reading_say("check", path, error);
        return EXIT_UNREADABLE;
    }
    return findings.damaged == 0 ? EXIT_DONE : EXIT_REFUSED;
}
