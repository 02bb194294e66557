/* disk.c - see the header. */
#include "log/disk.h"

void not_on_uring(void)
{
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("what io_uring does is no call");
}

/* --- it breaks --- */

void fail_calls(const char *names, int fd)
{
    FAULT(.calls = names, .fd = fd, .error = -EIO, .times = FAULT_FOR_EVER);
}

void fail_write(int fd)
{
    fail_calls("kernel_pwritev2 kernel_pwritev kernel_pwrite kernel_writev", fd);
}

void fail_read(int fd)
{
    fail_calls("kernel_preadv2 kernel_preadv kernel_pread", fd);
}

int descriptor_of(const char *path, const char *suffix)
{
    char names[64][64], link[64], target[4096];
    int count = list_files(path, suffix, names, 64);
    assert_in_range(count, 1, 64);
    for (int fd = 0; fd < 256; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        if (strcmp(target, inside(path, names[count - 1])) == 0)
            return fd;
    }
    fail_msg("no descriptor of %s", names[count - 1]);
    return -1;
}

/* --- it is slow: syncs say that they have begun, and wait until they are let go --- */

static struct slow_disk *_Atomic slow_disk;

void slow_sync(void *unused)
{
    struct slow_disk *slow = slow_disk;
    char byte = 0;
    (void)unused;
    if (!slow)
        return;
    if (write(slow->began[1], &byte, 1) != 1 || read(slow->goes_on[0], &byte, 1) != 1)
        abort();
}

void slow_begin(struct slow_disk *slow)
{
    *slow = (struct slow_disk){0};
    assert_int_equal(pipe2(slow->began, O_CLOEXEC), 0);
    assert_int_equal(pipe2(slow->goes_on, O_CLOEXEC), 0);
    slow_disk = slow;
    FAULT(.calls = "kernel_fdatasync", .before = slow_sync, .times = FAULT_FOR_EVER);
}

void slow_await(struct hark_loop *loop, struct slow_disk *slow)
{
    harness_op_again(&slow->op);
    hark_read(loop, &slow->op.op, slow->began[0], &slow->byte, 1, -1, harness_done);
    harness_run_until(loop, &slow->op.ended);
}

void slow_let_go(struct slow_disk *slow)
{
    assert_int_equal(write(slow->goes_on[1], "", 1), 1);
}

void slow_end(void)
{
    slow_disk = NULL;
}

void slow_close(struct slow_disk *slow)
{
    for (int i = 0; i < 2; i++) {
        close(slow->began[i]);
        close(slow->goes_on[i]);
    }
}
