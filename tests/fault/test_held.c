/* test_held.c - a stream that is not read has no memory for what comes all the same: what it holds
 * is delivered, then it ends with -ENOMEM, and nothing behind the gap is delivered. */
#include "fault/memory.h"
#include "harness/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 16384, PIECE = 1024 };

static char sent[BYTES], received[BYTES];

struct reader {
    struct hark_stream stream;
    size_t count;
    int pieces;
    bool starves; /* of memory, from its first piece on */
    bool ended, closed, detached;
    int64_t end;
    int fd;
};

static void got(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct reader *reader = hark_container_of(stream, struct reader, stream);
    assert_false(reader->ended);
    if (count <= 0) {
        reader->ended = true;
        reader->end = count;
        return;
    }
    assert_true(reader->count + (size_t)count <= BYTES);
    memcpy(received + reader->count, bytes, (size_t)count);
    reader->count += (size_t)count;
    if (reader->pieces++ == 0) {
        hark_stream_read_stop(stream);
        if (reader->starves)
            memory_begin(2, true); /* there is some for one piece */
    }
}

static void is_closed(struct hark_stream *stream)
{
    hark_container_of(stream, struct reader, stream)->closed = true;
}

static void is_detached(struct hark_stream *stream, int fd)
{
    struct reader *reader = hark_container_of(stream, struct reader, stream);
    reader->detached = true;
    reader->fd = fd;
}

static const struct hark_stream_events events = {
    .received = got, .closed = is_closed, .detached = is_detached};

/* Gives: whether memory was lacking. On other backends than io_uring nothing comes any more. */
static bool starve(struct hark_loop *loop, struct reader *reader, int pair[2])
{
    *reader = (struct reader){.starves = true};
    memset(received, 0, sizeof received);
    harness_fill(sent, BYTES, 3);
    harness_socket_pair(loop, pair);
    assert_int_equal(send(pair[1], sent, BYTES, MSG_DONTWAIT), BYTES);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    hark_stream_open(loop, &reader->stream, pair[0], NULL, &events);
    hark_stream_read_start(&reader->stream);
    while (reader->pieces == 0)
        assert_true(hark_run_once(loop) >= 0);
    harness_settle(loop);
    assert_int_equal(reader->pieces, 1);
    bool lacked = memory_refused() > 0;
    memory_end();
    return lacked;
}

static void check(const struct reader *reader)
{
    assert_true(reader->count < BYTES);
    assert_memory_equal(received, sent, reader->count);
    assert_result(reader->end, -ENOMEM);
}

BACKEND_TEST_WITH(stream_without_memory_for_what_it_holds_ends_with_enomem_behind_it,
                  .buffer_bytes = PIECE)
{
    struct reader reader;
    int pair[2];
    bool lacked = starve(loop, &reader, pair);
    hark_stream_read_start(&reader.stream);
    harness_run_until(loop, &reader.ended);
    if (lacked)
        check(&reader);
    else
        assert_memory_equal(received, sent, BYTES);
    hark_stream_close(&reader.stream);
    harness_run_until(loop, &reader.closed);
    harness_close(loop, pair[1]);
}

BACKEND_TEST_WITH(stream_detached_without_memory_for_what_it_holds_tells_the_end_before,
                  .buffer_bytes = PIECE)
{
    struct reader reader;
    int pair[2];
    bool lacked = starve(loop, &reader, pair);
    hark_stream_detach(&reader.stream);
    harness_run_until(loop, &reader.detached);
    assert_true(reader.ended == lacked);
    if (lacked)
        check(&reader);
    close(reader.fd);
    harness_close(loop, pair[1]);
}
