/* follower.c - a follower is handed on from step to step: where to begin (start.h), what stands at
 * the path (walk.h), the bytes (read.h), the stream (publish.h). Each step knows the steps after
 * it; what leads back is given to them from here: `steps`.
 */
#include "tail/follower.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/stream.h"
#include "tail/read.h"
#include "tail/start.h"
#include "tail/walk.h"
#include "tail/watches.h"
#include "wire/name.h"

/* What could not be had may be there now. */
static void go_on_again(struct tail_follower *follower)
{
    if (!follower->ready)
        tail_start(follower);
    else if (follower->lacks)
        tail_walk(follower);
    tail_read(follower);
}

static const struct tail_steps steps = {
    .walk = tail_walk,
    .again = go_on_again,
};

char *tail_absolute_path(const char *path)
{
    char directory[PATH_MAX];
    char *absolute;
    if (*path == '/')
        return strdup(path);
    if (hark_os_getcwd(directory, sizeof directory) ||
        asprintf(&absolute, "%s/%s", directory, path) < 0)
        return NULL;
    return absolute;
}

void tail_records_name(const char *path, const char *stream, char *name)
{
    char key[PATH_MAX + NAME_BYTES_MAX + 2];
    int length = snprintf(key, sizeof key, "%s=%s", path, stream);
    snprintf(name, TAIL_RECORDS_NAME_BYTES, ".tail-%016" PRIx64,
             position_hash(key, length < (int)sizeof key ? (size_t)length : sizeof key - 1));
}

static int follower_init(struct tail *tail, struct tail_follower *follower, const char *path,
                         const char *stream)
{
    follower->tail = tail;
    follower->steps = &steps;
    follower->slot_fd = -1;
    follower->path = tail_absolute_path(path);
    follower->stream_name = strdup(stream);
    follower->way = calloc(1, sizeof *follower->way);
    follower->walking = calloc(1, sizeof *follower->walking);
    if (!follower->path || !follower->stream_name || !follower->way || !follower->walking)
        return -ENOMEM;
    follower->way->directory_watch = -1;
    tail_records_name(follower->path, follower->stream_name, follower->private_name);
    for (const struct tail_follower *other = tail->followers; other < follower; other++)
        if (strcmp(other->private_name, follower->private_name) == 0)
            return -EINVAL;
    return broker_stream_open(tail->broker, stream, strlen(stream), &follower->stream);
}

void tail_follower_free(struct tail_follower *follower)
{
    broker_stream_close(follower->stream);
    free(follower->path);
    free(follower->stream_name);
    free(follower->way);
    free(follower->walking);
    free(follower->moved);
    free(follower->opening);
    free(follower->early);
    free(follower->batch);
    free(follower->buffer.block);
}

int tail_follower_add(struct tail *tail, const char *path, const char *stream,
                      const struct tail_pattern *pattern, struct tail_follower **out_follower)
{
    struct tail_follower *follower = &tail->followers[tail->count];
    int error = follower_init(tail, follower, path, stream);
    if (error) {
        tail_follower_free(follower);
        memset(follower, 0, sizeof *follower);
        return error;
    }
    follower->pattern = pattern;
    tail->count++;
    *out_follower = follower;
    return 0;
}

void tail_follower_begin(struct tail_follower *follower)
{
    tail_watches_early(follower->tail, follower->path);
    tail_start(follower);
}
