/* fixture.c - see the header. */
#include "log/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct reports reports;

void record_report(void *context, enum log_severity severity, const char *text)
{
    struct reports *all = context;
    if (all->count < REPORTS_MAX) {
        all->severity[all->count] = severity;
        snprintf(all->text[all->count], REPORT_LENGTH, "%s", text);
    }
    all->count++;
}

bool reported(const char *part)
{
    for (int i = 0; i < reports.count && i < REPORTS_MAX; i++)
        if (strstr(reports.text[i], part))
            return true;
    return false;
}

/* --- opening and closing --- */

void opening_ended(void *context, int result, struct log *log)
{
    struct opening *opening = context;
    assert_false(opening->ended);
    *opening = (struct opening){true, result, log};
}

int try_open(struct hark_loop *loop, const char *path, const struct log_options *options,
             struct log **out_log)
{
    struct opening opening = {0};
    struct log_options own = !options ? (struct log_options){0} : *options;
    own.report = record_report;
    own.report_context = &reports;
    assert_int_equal(log_open(loop, path, &own, opening_ended, &opening), 0);
    assert_false(opening.ended);
    harness_run_until(loop, &opening.ended);
    assert_true((opening.result == 0) == !!opening.log);
    *out_log = opening.log;
    return opening.result;
}

struct log *open_log(struct hark_loop *loop, const char *path, const struct log_options *options)
{
    struct log *log = NULL;
    assert_result(try_open(loop, path, options, &log), 0);
    return log;
}

void closing_ended(void *context, int result)
{
    struct closing *closing = context;
    assert_false(closing->ended);
    *closing = (struct closing){true, result};
}

int try_close(struct hark_loop *loop, struct log *log)
{
    struct closing closing = {0};
    log_close(log, closing_ended, &closing);
    assert_false(closing.ended);
    harness_run_until(loop, &closing.ended);
    return closing.result;
}

void close_log(struct hark_loop *loop, struct log *log)
{
    assert_result(try_close(loop, log), 0);
}

/* --- appending --- */

void append_ended(struct log_append *request, int64_t result)
{
    struct append *append = hark_container_of(request, struct append, request);
    assert_false(append->ended);
    append->ended = true;
    append->result = result;
    if (result > 0)
        assert_int_equal(request->id, result);
}

void append_start(struct log *log, struct append *append, const char *name, const void *bytes,
                  size_t length)
{
    *append = (struct append){0};
    append->request.name = name;
    append->request.name_length = (uint32_t)strlen(name);
    append->request.bytes = bytes;
    append->request.length = (uint32_t)length;
    append->request.done = append_ended;
    log_append(log, &append->request);
    assert_false(append->ended);
}

int64_t try_append(struct hark_loop *loop, struct log *log, const char *name, const void *bytes,
                   size_t length)
{
    struct append append;
    append_start(log, &append, name, bytes, length);
    harness_run_until(loop, &append.ended);
    return append.result;
}

uint64_t append_bytes(struct hark_loop *loop, struct log *log, const char *name, const void *bytes,
                      size_t length)
{
    int64_t id = try_append(loop, log, name, bytes, length);
    if (id <= 0)
        assert_result(id, 1);
    return (uint64_t)id;
}

uint64_t append_text(struct hark_loop *loop, struct log *log, const char *name, const char *text)
{
    return append_bytes(loop, log, name, text, strlen(text));
}

void change_start(struct log *log, struct append *append, struct log_append request)
{
    *append = (struct append){.request = request};
    append->request.name_length = (uint32_t)strlen(request.name);
    append->request.done = append_ended;
    log_append(log, &append->request);
    assert_false(append->ended);
}

int64_t try_change(struct hark_loop *loop, struct log *log, struct log_append request)
{
    struct append append;
    change_start(log, &append, request);
    harness_run_until(loop, &append.ended);
    return append.result;
}

int64_t delete_stream(struct hark_loop *loop, struct log *log, const char *name)
{
    return try_change(loop, log, (struct log_append){.kind = LOG_DELETE, .name = name});
}

const struct log_stream *find(const struct log *log, const char *name)
{
    return log_stream_find(log, name, strlen(name));
}

/* --- reading --- */

void reading_ended(struct log_cursor *cursor, int64_t result)
{
    struct reading *reading = hark_container_of(cursor, struct reading, cursor);
    assert_false(reading->ended);
    reading->ended = true;
    reading->result = result;
}

int64_t read_once(struct hark_loop *loop, struct log *log, struct reading *reading, void *buffer,
                  size_t capacity)
{
    reading->ended = false;
    log_read(log, &reading->cursor, buffer, capacity, reading_ended);
    assert_false(reading->ended);
    harness_run_until(loop, &reading->ended);
    return reading->result;
}

static struct seen *history_add(struct history *history)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity == 0 ? 64 : history->capacity * 2;
        history->seen = realloc(history->seen, history->capacity * sizeof *history->seen);
        assert_non_null(history->seen);
    }
    history->seen[history->count] = (struct seen){0};
    return &history->seen[history->count++];
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        free(history->seen[i].bytes);
    free(history->seen);
    *history = (struct history){0};
}

void take_batch(struct reading *reading, struct history *history)
{
    struct log_event event;
    int64_t taken = 0;
    if (reading->cursor.gap.first != 0) {
        history_add(history)->gap = reading->cursor.gap;
        history->gaps++;
    }
    while (log_cursor_next(&reading->cursor, &event)) {
        struct seen *seen = history_add(history);
        *seen = (struct seen){.id = event.id,
                              .time_ns = event.time_ns,
                              .length = event.length,
                              .bytes = malloc(event.length + 1)};
        assert_non_null(seen->bytes);
        memcpy(seen->bytes, event.bytes, event.length);
        seen->bytes[event.length] = '\0';
        history->events++;
        taken++;
    }
    assert_int_equal(taken, reading->result);
}

/* Reads a stream to its end.
 * Gives: 0, or a negative errno. */
static int64_t read_stream(struct hark_loop *loop, struct log *log, const struct log_stream *stream,
                           uint64_t after, struct history *history)
{
    struct reading reading = {0};
    size_t capacity = LOG_READ_BYTES_MIN;
    unsigned char *buffer = malloc(capacity);
    int64_t result = 0;
    log_cursor_init(&reading.cursor, stream, after);
    do {
        result = read_once(loop, log, &reading, buffer, capacity);
        if (result >= 0)
            take_batch(&reading, history);
        if (result == -EMSGSIZE) {
            assert_true(reading.cursor.needed > capacity);
            capacity = reading.cursor.needed;
            buffer = realloc(buffer, capacity);
        }
        assert_non_null(buffer);
    } while (result > 0 || result == -EMSGSIZE);
    free(buffer);
    return result;
}

struct history read_from(struct hark_loop *loop, struct log *log, const char *name, uint64_t after)
{
    struct history history = {0};
    const struct log_stream *stream = find(log, name);
    assert_non_null(stream);
    assert_result(read_stream(loop, log, stream, after, &history), 0);
    return history;
}

void assert_text(const struct seen *seen, const char *text)
{
    assert_int_not_equal(seen->id, 0);
    assert_int_equal(seen->length, strlen(text));
    assert_string_equal((const char *)seen->bytes, text);
}

/* --- files --- */

int list_files(const char *path, const char *suffix, char names[][64], int room)
{
    struct dirent **entries = NULL;
    int all = scandir(path, &entries, NULL, alphasort), count = 0;
    for (int i = 0; i < all; i++) {
        size_t length = strlen(entries[i]->d_name), end = strlen(suffix);
        if (length >= end && strcmp(entries[i]->d_name + length - end, suffix) == 0) {
            if (count < room)
                snprintf(names[count], 64, "%.63s", entries[i]->d_name);
            count++;
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

int count_files(const char *path, const char *suffix)
{
    return list_files(path, suffix, NULL, 0);
}

const char *inside(const char *directory, const char *name)
{
    static char paths[2][8192];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%.4095s/%.255s", directory, name);
    return paths[turn];
}

void remove_files(const char *path, const char *suffix)
{
    static char names[2048][64];
    int count = list_files(path, suffix, names, 2048);
    assert_in_range(count, 0, 2048);
    for (int i = 0; i < count; i++)
        assert_int_equal(unlink(inside(path, names[i])), 0);
}

unsigned char *load_file(const char *path, size_t *out_length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    unsigned char *bytes = malloc((size_t)status.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)status.st_size), status.st_size);
    close(fd);
    *out_length = (size_t)status.st_size;
    return bytes;
}

void store_file(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}
