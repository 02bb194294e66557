/* publish.c - PUB: lines become events, in batches that are published together.
 *
 * A batch holds copies of the lines of one piece, or a part of it, while the log writes them. A
 * connection has a few of them; when all are in flight it is not read from until one comes back.
 * What must hold: lines are published in the order in which they came, and answered in it, which
 * the log sees to.
 */
#include "broker/publish.h"
#include "base/check.h"
#include "lines/answer.h"
#include "lines/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection/refusal.h"

enum {
    BATCH_EVENTS = 64,
    BATCH_BYTES = 32 * 1024, /* unless one line is longer */
    BATCHES_MAX = 16,
    PENDING_BYTES_MAX = 1024 * 1024,
};

/* One line, and the way back from it to its batch. */
struct line {
    struct broker_publish publish;
    struct lines_batch *batch;
    size_t end; /* where its bytes end among those of the batch */
};

struct lines_batch {
    struct lines_batch *next;
    struct lines_connection *lines;
    char *bytes;
    size_t count;
    size_t room;
    unsigned events;
    unsigned answered;
    struct line line[BATCH_EVENTS];
};

static struct lines_batch *batch_take(struct lines_connection *lines)
{
    struct lines_publishing *publishing = &lines->publishing;
    struct lines_batch *batch = publishing->batches;
    if (batch) {
        publishing->batches = batch->next;
        return batch;
    }
    batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->lines = lines;
    publishing->batches_made++;
    return batch;
}

static void batch_give(struct lines_batch *batch)
{
    struct lines_publishing *publishing = &batch->lines->publishing;
    if (batch->room > BATCH_BYTES) {
        free(batch->bytes);
        batch->bytes = NULL;
        batch->room = 0;
    }
    batch->count = 0;
    batch->events = 0;
    batch->answered = 0;
    batch->next = publishing->batches;
    publishing->batches = batch;
}

static bool batch_room(struct lines_batch *batch, size_t count)
{
    size_t room = batch->room == 0 ? 1024 : batch->room;
    while (room < batch->count + count)
        room *= 2;
    if (room == batch->room)
        return true;
    char *bytes = realloc(batch->bytes, room);
    if (!bytes)
        return false;
    batch->bytes = bytes;
    batch->room = room;
    return true;
}

/* --- answers --- */

static void answer(struct lines_connection *lines, int64_t id)
{
    if (lines->connection.closing)
        return;
    if (id == -ENOENT && lines->publishing.present)
        lines_refuse(lines, "there is no such stream, and the rules do not allow to make it");
    else if (id < 0)
        lines_refuse(lines, refusal_of(id).reason);
    else if (lines->publishing.ack)
        lines_answer_id(lines, (uint64_t)id);
}

static void published(struct broker_publish *publish, int64_t id)
{
    struct lines_batch *batch = hark_container_of(publish, struct line, publish)->batch;
    struct lines_connection *lines = batch->lines;
    answer(lines, id);
    lines->publishing.pending--;
    if (++batch->answered != batch->events)
        return;
    lines->publishing.pending_bytes -= batch->count;
    batch_give(batch);
    connection_answered(&lines->connection);
}

/* --- taking and publishing --- */

bool lines_publish_may(const struct lines_connection *lines)
{
    const struct lines_publishing *publishing = &lines->publishing;
    if (!publishing->filling && !publishing->batches && publishing->batches_made == BATCHES_MAX)
        return false;
    return publishing->pending_bytes < PENDING_BYTES_MAX;
}

int lines_publish_add(struct lines_connection *lines, const char *bytes, size_t count)
{
    struct lines_publishing *publishing = &lines->publishing;
    struct lines_batch *batch = publishing->filling;
    if (!batch)
        batch = publishing->filling = batch_take(lines);
    if (!batch || !batch_room(batch, count))
        return -ENOMEM;
    if (count != 0)
        memcpy(batch->bytes + batch->count, bytes, count);
    batch->count += count;
    batch->line[batch->events].batch = batch;
    batch->line[batch->events].end = batch->count;
    batch->events++;
    if (batch->events == BATCH_EVENTS || batch->count >= BATCH_BYTES)
        lines_publish_flush(lines);
    return 0;
}

void lines_publish_flush(struct lines_connection *lines)
{
    struct lines_publishing *publishing = &lines->publishing;
    struct lines_batch *batch = publishing->filling;
    size_t begin = 0;
    if (!batch || batch->events == 0)
        return;
    publishing->filling = NULL;
    publishing->pending += batch->events;
    publishing->pending_bytes += batch->count;
    connection_await(&lines->connection);
    for (unsigned i = 0; i < batch->events; i++) {
        struct line *line = &batch->line[i];
        const char *bytes = batch->bytes + begin;
        if (publishing->present)
            broker_publish_present(lines->stream, &line->publish, bytes, line->end - begin,
                                   published);
        else
            broker_publish(lines->stream, &line->publish, bytes, line->end - begin, published);
        begin = line->end;
    }
}

void lines_publish_done(struct lines_connection *lines)
{
    struct lines_publishing *publishing = &lines->publishing;
    check(publishing->pending == 0);
    if (publishing->filling)
        batch_give(publishing->filling);
    publishing->filling = NULL;
    while (publishing->batches) {
        struct lines_batch *batch = publishing->batches;
        publishing->batches = batch->next;
        free(batch->bytes);
        free(batch);
    }
}
