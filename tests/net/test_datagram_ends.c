/* test_datagram_ends.c - a datagram socket whose owner ends it where it is told of an error: once
 * it is told of the end, nothing of the socket is used any more. */
#include "net/side.h"

#include <errno.h>
#include <string.h>

enum { POISON = 0xa5, ROUNDS = 20 };

/* What `closed` and `detached` leave is overwritten, as if it were freed and used again. */
struct owned {
    struct hark_datagram datagram;
    bool detaches;
    int failed;
    int error;
    int fd; /* that was detached */
    bool over;
};

static struct owned *owner_of(struct hark_datagram *datagram)
{
    return hark_container_of(datagram, struct owned, datagram);
}

static void failed(struct hark_datagram *datagram, const struct hark_datagram_error *error)
{
    struct owned *owned = owner_of(datagram);
    owned->failed++;
    owned->error = error->error;
    if (owned->detaches)
        assert_result(hark_datagram_detach(datagram), 0);
    else
        hark_datagram_close(datagram);
}

static void closed(struct hark_datagram *datagram)
{
    struct owned *owned = owner_of(datagram);
    memset(datagram, POISON, sizeof *datagram);
    owned->over = true;
}

static void detached(struct hark_datagram *datagram, int fd)
{
    struct owned *owned = owner_of(datagram);
    memset(datagram, POISON, sizeof *datagram);
    owned->fd = fd;
    owned->over = true;
}

static const struct hark_datagram_events events = {
    .failed = failed, .closed = closed, .detached = detached};

static void assert_poison_is_whole(const struct owned *owned)
{
    unsigned char expected[sizeof owned->datagram];
    memset(expected, POISON, sizeof expected);
    assert_memory_equal(&owned->datagram, expected, sizeof expected);
}

static void end_in_failed(struct hark_loop *loop, uint32_t flags, bool detaches)
{
    static struct owned owned;
    const struct hark_address peer = side_nobody(loop);
    const struct hark_datagram_options options = {.flags = flags};
    owned = (struct owned){.detaches = detaches, .fd = -1};
    assert_result(hark_datagram_connect(loop, &owned.datagram, NULL, &peer, &options, &events), 0);
    hark_datagram_receive_start(&owned.datagram);
    assert_result(hark_datagram_send(&owned.datagram, "abc", 3, NULL), 0);
    harness_run_until(loop, &owned.over);
    for (int i = 0; i < ROUNDS && hark_run_once(loop) > 0; i++)
        ;
    assert_poison_is_whole(&owned);
    assert_int_equal(owned.failed, 1);
    assert_result(owned.error, -ECONNREFUSED);
    if (detaches)
        harness_close(loop, owned.fd);
}

BACKEND_TEST(datagram_closed_where_it_failed_is_left_alone)
{
    end_in_failed(loop, 0, false);
}

BACKEND_TEST(datagram_detached_where_it_failed_is_left_alone)
{
    end_in_failed(loop, 0, true);
}

BACKEND_TEST(datagram_with_errors_closed_where_it_failed_is_left_alone)
{
    end_in_failed(loop, HARK_DATAGRAM_ERRORS, false);
}

BACKEND_TEST(datagram_with_errors_detached_where_it_failed_is_left_alone)
{
    end_in_failed(loop, HARK_DATAGRAM_ERRORS, true);
}
