/* test_share.c - promise 11: one transfer that never runs dry has its share of a turn, and the
 * others have theirs. What a socket holds is bounded by the machine's settings, so what is received
 * is made up here. On uring the kernel does it by itself. */
#include "fault/faults.h"

enum { PIECE = 64 * 1024, MEBIBYTE = 1 << 20, WHOLE = 16 * MEBIBYTE };

static bool never_dry;
static size_t moved;

int64_t kernel_recv(uint64_t *calls, int fd, void *bytes, size_t count, int flags)
{
    (void)calls;
    if (!never_dry) {
        ssize_t got = recv(fd, bytes, count, flags);
        return got < 0 ? -errno : got;
    }
    size_t piece = count < PIECE ? count : PIECE;
    moved += piece;
    return (int64_t)piece;
}

/* From its start on, or from when it is told that something is there. */
static void receive_all(struct hark_loop *loop, bool waits_first)
{
    struct harness_op receiving = {0};
    struct harness_op other = {0};
    char *bytes = malloc(WHOLE);
    int ends[2];
    assert_non_null(bytes);
    harness_socket_pair(loop, ends);
    moved = 0;
    never_dry = !waits_first;
    hark_recv(loop, &receiving.op, ends[0], bytes, WHOLE, MSG_WAITALL, harness_done);
    assert_int_equal(moved > 0, never_dry);
    never_dry = true;
    assert_int_equal(send(ends[1], "x", 1, 0), 1);
    hark_nop(loop, &other.op, harness_done);
    while (!other.ended)
        assert_result(hark_run_ready(loop), 1);
    assert_true(moved <= 4 * MEBIBYTE);
    while (!receiving.ended) {
        size_t before = moved;
        assert_true(hark_run_once(loop) >= 0); /* it does not sleep: nothing would wake it */
        assert_true(moved - before <= 4 * MEBIBYTE);
    }
    never_dry = false;
    assert_result(receiving.result, WHOLE);
    free(bytes);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

TEST(promise_11_transfer_that_never_runs_dry_has_its_share)
{
    for (int kind = HARK_BACKEND_EPOLL; kind < HARK_BACKEND_KINDS; kind++) {
        const struct hark_options options = {.backend = (enum hark_backend_kind)kind};
        struct hark_loop *loop = NULL;
        assert_result(hark_loop_create(&options, &loop), 0);
        receive_all(loop, false);
        receive_all(loop, true);
        harness_loop_destroy(loop);
    }
}
