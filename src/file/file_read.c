/* file_read.c - a whole file, read until a read gives nothing: no length is asked for, since what
 * /proc and a file that grows tell of theirs is not true.
 *
 * The caller's op is a timer that never comes, so it can be cancelled and have a deadline; the
 * steps have an op of their own. What must hold: `done` comes when both have ended and nothing is
 * open. */
#include "hark/close.h"
#include "hark/file.h"
#include "hark/files.h"
#include "hark/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { FIRST_ROOM = 16384 };

/* --- its end --- */

static void tell(struct hark_file_read *reading)
{
    if (reading->error) {
        free(reading->bytes);
        reading->bytes = NULL;
        reading->count = 0;
    } else
        reading->bytes[reading->count] = '\0';
    reading->done(reading, reading->error);
}

/* The op is due now, or has ended already: cancelled, or late. */
static void finish(struct hark_file_read *reading)
{
    reading->finished = true;
    if (hark_op_active(&reading->op))
        hark_sleep_move(&reading->op, 0);
    else
        tell(reading);
}

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_file_read *reading = hark_container_of(op, struct hark_file_read, op);
    if (reading->finished)
        return tell(reading);
    if (!reading->error)
        reading->error = (int)result;
    hark_cancel(&reading->step);
}

static void closed(struct hark_op *op, int64_t result)
{
    (void)result; /* nothing was written */
    finish(hark_container_of(op, struct hark_file_read, step));
}

static void end(struct hark_file_read *reading, int error)
{
    if (!reading->error)
        reading->error = error;
    if (reading->fd < 0)
        return finish(reading);
    hark_close(reading->loop, &reading->step, reading->fd, closed);
}

/* --- reading --- */

/* Room for one byte more than there may be, which tells that there are too many, and for the null
 * byte. */
static int make_room(struct hark_file_read *reading)
{
    size_t room = reading->room ? reading->room * 2 : FIRST_ROOM;
    if (room > reading->bytes_max + 1)
        room = reading->bytes_max + 1;
    char *bytes = realloc(reading->bytes, room + 1);
    if (!bytes)
        return -ENOMEM;
    reading->bytes = bytes;
    reading->room = room;
    return 0;
}

static void got(struct hark_op *op, int64_t result);

static void read_on(struct hark_file_read *reading)
{
    int error = reading->count == reading->room ? make_room(reading) : 0;
    if (error)
        return end(reading, error);
    hark_read(reading->loop, &reading->step, reading->fd, reading->bytes + reading->count,
              reading->room - reading->count, HARK_AT_POSITION, got);
}

static void got(struct hark_op *op, int64_t result)
{
    struct hark_file_read *reading = hark_container_of(op, struct hark_file_read, step);
    if (result <= 0 || reading->error)
        return end(reading, (int)(result < 0 ? result : 0));
    reading->count += (size_t)result;
    if (reading->count > reading->bytes_max)
        return end(reading, -EFBIG);
    read_on(reading);
}

static void opened(struct hark_op *op, int64_t result)
{
    struct hark_file_read *reading = hark_container_of(op, struct hark_file_read, step);
    if (result >= 0)
        reading->fd = (int)result;
    if (result < 0 || reading->error)
        return end(reading, (int)(result < 0 ? result : 0));
    read_on(reading);
}

void hark_file_read_start(struct hark_loop *loop, struct hark_file_read *reading, int directory,
                          const char *path, size_t bytes_max, hark_file_read_done *done)
{
    hark_sleep_until(loop, &reading->op, HARK_NEVER, ended);
    reading->loop = loop;
    reading->bytes = NULL;
    reading->count = reading->room = 0;
    reading->done = done;
    reading->bytes_max = bytes_max;
    reading->fd = -1;
    reading->error = 0;
    reading->finished = false;
    if (bytes_max > SIZE_MAX / 4)
        return end(reading, -EINVAL);
    hark_openat(loop, &reading->step, directory, path, O_RDONLY, 0, opened);
}
