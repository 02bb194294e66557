/* test_cut_faults.c - a write moves a part and is then refused, and what was written cannot be cut
 * off again, or the cut cannot be synced. What io_uring does is no call: the tests are for the
 * other backends. */
#include "fault/faults.h"
#include "log/disk.h"

enum { PART = 100, KEPT = 4 };

static atomic_int write_goes_wrong; /* 0: it does not; 1: the next moves a part, 2: is refused */

/* In place of the one of faults.c. */
int64_t kernel_pwritev(uint64_t *calls, int fd, const struct iovec *vector, int count, off_t offset)
{
    int wrong = atomic_load(&write_goes_wrong);
    (void)calls;
    if (wrong)
        atomic_store(&write_goes_wrong, wrong == 1 ? 2 : 0);
    if (wrong == 2)
        return -ENOSPC;
    ssize_t result = wrong == 1
                         ? pwrite(fd, vector[0].iov_base,
                                  vector[0].iov_len < PART ? vector[0].iov_len : PART, offset)
                         : pwritev(fd, vector, count, offset);
    return result < 0 ? -errno : result;
}

static void append_kept(struct hark_loop *loop, struct log *log)
{
    for (int i = 0; i < KEPT; i++)
        append_text(loop, log, "s", "kept");
}

static void check_kept(struct hark_loop *loop, struct log *log)
{
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.gaps, 0);
    assert_int_equal(history.events, 2 * KEPT);
    for (size_t i = 0; i < history.count; i++)
        assert_text(&history.seen[i], "kept");
    history_free(&history);
}

static void refuse_and_fail(struct hark_loop *loop, const char *calls)
{
    static unsigned char refused[2000];
    const char *path = harness_path("data");
    not_on_uring();
    struct log *log = open_log(loop, path, NULL);
    append_kept(loop, log);
    int fault = FAULT(.calls = calls, .error = -EIO);
    atomic_store(&write_goes_wrong, 1);
    assert_result(try_append(loop, log, "s", refused, sizeof refused), -EIO);
    assert_int_equal(atomic_load(&write_goes_wrong), 0);
    assert_int_equal(fault_met(fault), 1);
    fault_end(fault);
    append_kept(loop, log);
    assert_int_equal(count_files(path, ".log"), 2); /* another file may do better */
    check_kept(loop, log);
    close_log(loop, log);
    for (int start = 0; start < 2; start++) {
        log = open_log(loop, path, NULL);
        check_kept(loop, log);
        close_log(loop, log);
    }
}

BACKEND_TEST(a_refused_write_that_cannot_be_cut_off_does_not_come_back)
{
    refuse_and_fail(loop, "kernel_ftruncate");
}

BACKEND_TEST(a_refused_write_whose_cut_cannot_be_synced_does_not_come_back)
{
    refuse_and_fail(loop, "kernel_fdatasync");
}
