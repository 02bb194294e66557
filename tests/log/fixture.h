/* fixture.h - the log's calls as steps of a test: each starts something and runs the loop until
 * that has ended. */
#ifndef TESTS_LOG_FIXTURE_H
#define TESTS_LOG_FIXTURE_H

#include "harness/harness.h"
#include "log/log.h"
#include "streams/streams.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPORTS_MAX = 64, REPORT_LENGTH = 256 };

struct reports {
    int count;
    enum log_severity severity[REPORTS_MAX];
    char text[REPORTS_MAX][REPORT_LENGTH];
};

/* What the log has told of, for tests that look. */
extern struct reports reports;

void record_report(void *context, enum log_severity severity, const char *text);
bool reported(const char *part);

/* For tests that open and close a log very often: files in memory, where there is room for them and
 * nobody chose another place. */
#define FILES_IN_MEMORY                                                                            \
    __attribute__((constructor)) static void files_in_memory(void)                                 \
    {                                                                                              \
        if (access("/dev/shm", W_OK | X_OK) == 0)                                                  \
            setenv("TMPDIR", "/dev/shm", 0);                                                       \
    }

/* --- opening and closing --- */

struct opening {
    bool ended;
    int result;
    struct log *log;
};

void opening_ended(void *context, int result, struct log *log);

/* Gives: 0 and *out_log, or what log_open's callback was given. */
int try_open(struct hark_loop *loop, const char *path, const struct log_options *options,
             struct log **out_log);
struct log *open_log(struct hark_loop *loop, const char *path, const struct log_options *options);

struct closing {
    bool ended;
    int result;
};

void closing_ended(void *context, int result);
int try_close(struct hark_loop *loop, struct log *log);
void close_log(struct hark_loop *loop, struct log *log);

/* --- appending --- */

struct append {
    struct log_append request;
    bool ended;
    int64_t result;
};

void append_ended(struct log_append *request, int64_t result);
void append_start(struct log *log, struct append *append, const char *name, const void *bytes,
                  size_t length);

/* Gives: the id, or a negative errno. */
int64_t try_append(struct hark_loop *loop, struct log *log, const char *name, const void *bytes,
                   size_t length);
uint64_t append_bytes(struct hark_loop *loop, struct log *log, const char *name, const void *bytes,
                      size_t length);
uint64_t append_text(struct hark_loop *loop, struct log *log, const char *name, const char *text);

/* Any append, as the request says. */
void change_start(struct log *log, struct append *append, struct log_append request);
int64_t try_change(struct hark_loop *loop, struct log *log, struct log_append request);

int64_t delete_stream(struct hark_loop *loop, struct log *log, const char *name);
const struct log_stream *find(const struct log *log, const char *name);

/* --- reading --- */

struct reading {
    struct log_cursor cursor;
    bool ended;
    int64_t result;
};

void reading_ended(struct log_cursor *cursor, int64_t result);

/* One log_read. */
int64_t read_once(struct hark_loop *loop, struct log *log, struct reading *reading, void *buffer,
                  size_t capacity);

/* One event or gap, as a test sees it. */
struct seen {
    uint64_t id; /* 0: a gap */
    uint64_t time_ns;
    struct log_gap gap;
    size_t length;
    unsigned char *bytes; /* a copy */
};

struct history {
    struct seen *seen;
    size_t count, capacity;
    size_t events;
    size_t gaps;
};

void history_free(struct history *history);
void take_batch(struct reading *reading, struct history *history);
struct history read_from(struct hark_loop *loop, struct log *log, const char *name, uint64_t after);
void assert_text(const struct seen *seen, const char *text);

/* --- files --- */

/* The names in a directory that end so, sorted.
 * Gives: how many. */
int list_files(const char *path, const char *suffix, char names[][64], int room);
int count_files(const char *path, const char *suffix);

/* The path of a file inside a directory. The text lives until the second call after it. */
const char *inside(const char *directory, const char *name);
void remove_files(const char *path, const char *suffix);
unsigned char *load_file(const char *path, size_t *out_length);
void store_file(const char *path, const void *bytes, size_t length);

#endif
