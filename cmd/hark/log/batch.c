/* batch.c - the bytes of a commit: requests become records, in one list of vectors.
 *
 * Small events are copied into one buffer, behind their headers: a copy of some hundred bytes costs
 * less than a vector of its own; large ones are written from where they are.
 *
 * What must hold: nothing is changed for a request that is refused; what is needed to count a
 * request later is reserved here; sequences are given in order and never taken back; a request is
 * decided on what those before it leave, so that nobody has to ask before and hope that it lasts.
 */
#include "log/batch.h"

#include "log/bytes.h"
#include "log/record.h"

#include <errno.h>
#include <stdlib.h>

#define COPIED_BYTES_MAX 4096u /* larger events have their own vector */

static void add_vector(struct log_commit *commit, const void *bytes, size_t count)
{
    struct iovec *last = commit->vectors == 0 ? NULL : &commit->vector[commit->vectors - 1];
    if (last && (char *)last->iov_base + last->iov_len == bytes)
        last->iov_len += count;
    else
        commit->vector[commit->vectors++] = (struct iovec){(void *)bytes, count};
}

static void add_buffered(struct log_commit *commit, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    memcpy(commit->buffer + commit->used, bytes, count);
    add_vector(commit, commit->buffer + commit->used, count);
    commit->used += count;
}

/* Whether all that the segment holds so far is on the disk. */
static bool is_synced(const struct log *log)
{
    const struct log_commit *commit = &log->commit;
    if (log->options.sync == LOG_SYNC_ALWAYS || log->active->last_sequence == log->active->first)
        return true;
    return log->options.sync == LOG_SYNC_INTERVAL && !commit->dirty &&
           !hark_op_active(&commit->sync);
}

static void add_record(struct log *log, struct log_record *record)
{
    static const unsigned char zeros[RECORD_ALIGNMENT];
    struct log_commit *commit = &log->commit;
    unsigned char header[RECORD_HEADER_BYTES];
    record->time_ns = commit->time_ns;
    record->flags = commit->bytes == 0 && is_synced(log) ? RECORD_OPENS_COMMIT : 0;
    record_encode(header, record, log->active->first, log->active->end + commit->bytes);
    add_buffered(commit, header, sizeof header);
    if (record->notes_length > 0) {
        unsigned char length[4];
        put32(length, record->notes_length);
        add_buffered(commit, length, sizeof length);
        add_buffered(commit, record->notes, record->notes_length);
    }
    if (record->length > COPIED_BYTES_MAX)
        add_vector(commit, record->payload, record->length);
    else
        add_buffered(commit, record->payload, record->length);
    const uint64_t payload = record_with_notes(record->length, record->notes_length);
    add_buffered(commit, zeros, record_padding(payload));
    commit->bytes += record_size(payload);
}

/* --- what is decided of a request, in its turn --- */

static bool has_name(const struct log_append *request)
{
    return request->name_length >= 1 && request->name_length <= LOG_NAME_MAX;
}

struct log_row *batch_stream(const struct log *log, const struct log_append *request)
{
    if (!has_name(request))
        return NULL;
    return request->entry ? request->entry->row
                          : table_by_name(&log->table, request->name, request->name_length);
}

/* A stream that the same commit makes may not come into being. Who is told "there is one" may rely
 * on it. */
static bool depends_on(const struct log_append *request, const struct log_row *stream)
{
    return stream && stream->pending &&
           (request->kind == LOG_CREATE || request->condition != LOG_UNCONDITIONAL);
}

bool batch_must_wait(const struct log *log, const struct log_append *request,
                     const struct log_row *stream)
{
    const struct log_commit *commit = &log->commit;
    uint32_t length = batch_length(request);
    size_t copied = length > COPIED_BYTES_MAX ? 0 : length;
    size_t overhead = 2 * (size_t)RECORD_HEADER_BYTES + LOG_NAME_MAX + 2 * (size_t)RECORD_ALIGNMENT;
    if (request->decide || request->notes_length > 0)
        overhead += 4 + LOG_CHANGE_BYTES_MAX;
    if (commit->leans && request->kind == LOG_DELETE)
        return true;
    return commit->closes || commit->used + copied + overhead > BATCH_BUFFER_BYTES ||
           commit->vectors + 4 > COMMIT_VECTORS || depends_on(request, stream);
}

static int check_kind(enum log_kind kind, const struct log_row *stream)
{
    switch (kind) {
    case LOG_EVENT:
    case LOG_ONLY_NOTES:
        return 0;
    case LOG_CREATE:
        return stream ? -EEXIST : 0;
    case LOG_DELETE:
        return stream ? 0 : -ENOENT;
    }
    return -EINVAL;
}

static int check_condition(const struct log_append *request, const struct log_row *stream)
{
    switch (request->condition) {
    case LOG_UNCONDITIONAL:
        return 0;
    case LOG_IF_PRESENT:
        return stream ? 0 : -ENOENT;
    case LOG_IF_ABSENT:
        return stream ? -EEXIST : 0;
    case LOG_IF_SAME:
        return stream && stream->facts.generation == request->generation ? 0 : -ESTALE;
    }
    return -EINVAL;
}

static int check_notes(const struct log_append *request)
{
    const bool may = request->kind == LOG_EVENT || request->kind == LOG_ONLY_NOTES;
    if (request->notes_length == 0)
        return request->kind == LOG_ONLY_NOTES ? -EINVAL : 0;
    return may && request->notes_length <= LOG_CHANGE_BYTES_MAX &&
                   notes_are_whole(request->notes, request->notes_length)
               ? 0
               : -EINVAL;
}

bool batch_depends(const struct log_append *request, const struct log_row *stream, int refusal)
{
    return refusal != 0 && request->decide && stream && (stream->pending || stream->changing);
}

int batch_check(const struct log *log, struct log_append *request, const struct log_row *stream)
{
    if (request->error != 0)
        return request->error;
    if (!has_name(request) || batch_length(request) > LOG_EVENT_BYTES_MAX)
        return -EINVAL;
    int error = check_condition(request, stream);
    if (error == 0)
        error = check_kind(request->kind, stream);
    if (error == 0 && request->decide)
        error = request->decide(request, !stream ? NULL : &stream->facts);
    if (error == 0 && request->kind == LOG_DELETE && stream && stream->leaners > 0)
        error = -EBUSY;
    if (error == 0)
        error = check_notes(request);
    bool own = request->name[0] == '.';
    if (error == 0 && !stream && !own && log->table.count >= log->options.streams_max)
        return -EDQUOT;
    return error;
}

/* --- its records --- */

/* What a request writes: the creation of the stream, if there is none, then what it is about. */
static bool has_own_record(const struct log_append *request)
{
    return request->kind != LOG_CREATE;
}

static uint64_t bytes_of(const struct log_append *request, const struct log_row *stream)
{
    return (has_own_record(request) ? record_size(batch_payload(request)) : 0) +
           (stream ? 0 : record_size(request->name_length));
}

bool batch_must_roll(const struct log *log, const struct log_append *request,
                     const struct log_row *stream)
{
    const struct log_segment *active = log->active;
    if (!active || active->failed || log->must_roll ||
        log->next + 2 >= active->first + SEGMENT_SPAN)
        return true;
    return log->builder.planned > 0 &&
           active->end + log->commit.bytes + bytes_of(request, stream) > log->options.segment_bytes;
}

/* Memory for counting it, before anything is changed. Gives: 0, or -ENOMEM. */
static int reserve(struct log *log, struct log_row *stream, const struct log_append *request,
                   bool creates)
{
    uint64_t offset = log->active->end + log->commit.bytes;
    if (request->kind != LOG_DELETE && table_list_row(&log->table, stream) != 0)
        return -ENOMEM;
    if (creates && builder_plan(&log->builder, offset, log->next) == UINT32_MAX)
        return -ENOMEM;
    if (!has_own_record(request))
        return 0;
    if (creates)
        offset += record_size(request->name_length);
    uint32_t block = builder_plan(&log->builder, offset, log->next + creates);
    if (block == UINT32_MAX)
        return -ENOMEM;
    if (request->kind == LOG_ONLY_NOTES)
        return 0;
    return request->kind == LOG_DELETE ? builder_reserve_deleted(&log->builder)
                                       : row_reserve(stream, log->active->first, block);
}

static void add_creation(struct log *log, const struct log_append *request)
{
    struct log_record record = {
        .kind = RECORD_CREATE,
        .stream = log->next,
        .sequence = log->next,
        .length = request->name_length,
        .payload = (const unsigned char *)request->name,
    };
    add_record(log, &record);
    log->next++;
}

static void add_own_record(struct log *log, const struct log_append *request,
                           const struct log_row *stream)
{
    struct log_record record = {
        .kind = request->kind == LOG_DELETE       ? RECORD_DELETE
                : request->kind == LOG_ONLY_NOTES ? RECORD_NOTE
                                                  : RECORD_EVENT,
        .stream = stream->facts.generation,
        .sequence = log->next,
        .length = batch_length(request),
        .payload = request->bytes,
        .notes = request->notes,
        .notes_length = request->notes_length,
    };
    add_record(log, &record);
    log->next++;
    if (request->kind == LOG_DELETE)
        log->commit.closes = true; /* what comes after it must not find the stream */
}

static struct log_row *add_stream(struct log *log, const struct log_append *request)
{
    struct stream_entry *entry = request->entry;
    if (!entry)
        entry = streams_get(&log->table.names, request->name, request->name_length);
    return entry ? table_add(&log->table, log->next, entry) : NULL;
}

/* What will be noted of the stream, once the commit is there. */
static int change_notes(struct log_row *stream, const struct log_append *request, bool *leans)
{
    struct log_note base;
    struct log_notes *next;
    if (request->notes_length == 0)
        return 0;
    int error = notes_change(stream->changing ? stream->next_notes : stream->notes, request->notes,
                             request->notes_length, &next);
    if (error != 0)
        return error;
    if (stream->changing)
        free(stream->next_notes);
    stream->next_notes = next;
    stream->changing = true;
    *leans |= !stream->base && notes_find(next, LOG_NOTE_BASE, sizeof LOG_NOTE_BASE - 1, &base);
    return 0;
}

int batch_add(struct log *log, struct log_append *request, struct log_row *stream)
{
    bool creates = !stream;
    if (creates)
        stream = add_stream(log, request);
    if (!stream)
        return -ENOMEM;
    if (creates)
        stream->pending = true;
    int error = reserve(log, stream, request, creates);
    if (error == 0)
        error = change_notes(stream, request, &log->commit.leans);
    if (error != 0) {
        if (creates)
            table_remove(&log->table, stream);
        return error;
    }
    if (creates)
        add_creation(log, request);
    if (has_own_record(request))
        add_own_record(log, request, stream);
    request->creates = creates;
    request->stream = &stream->facts;
    if (request->kind == LOG_EVENT || creates)
        stream->facts.touched_ns = log->commit.time_ns; /* before an expiry behind it is decided */
    request->id = log->next - 1;
    request->time_ns = log->commit.time_ns;
    return 0;
}
