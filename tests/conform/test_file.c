/* test_file.c - read, write, readv, writev, fsync, fdatasync, ftruncate, fallocate, copy_file_range
 * on files and pipes. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t read_at(struct hark_loop *loop, int fd, void *bytes, size_t count, int64_t offset)
{
    struct harness_op reading = {0};
    hark_read(loop, &reading.op, fd, bytes, count, offset, harness_done);
    assert_int_equal(reading.calls, 0);
    return harness_wait(loop, &reading);
}

static int64_t write_at(struct hark_loop *loop, int fd, const void *bytes, size_t count,
                        int64_t offset)
{
    struct harness_op writing = {0};
    hark_write(loop, &writing.op, fd, bytes, count, offset, harness_done);
    assert_int_equal(writing.calls, 0);
    return harness_wait(loop, &writing);
}

BACKEND_TEST(bytes_written_at_offsets_are_read_back)
{
    char in[3000];
    char out[1000];
    int fd = harness_file("file", "", 0);
    for (int piece = 2; piece >= 0; piece--) {
        harness_fill(out, sizeof out, (uint64_t)piece);
        assert_result(write_at(loop, fd, out, sizeof out, piece * 1000), 1000);
    }
    assert_result(read_at(loop, fd, in, sizeof in, 0), 3000);
    for (int piece = 0; piece < 3; piece++)
        assert_true(harness_filled(in + piece * 1000, 1000, (uint64_t)piece));
    assert_result(read_at(loop, fd, in, sizeof in, 2990), 10);
    assert_result(read_at(loop, fd, in, sizeof in, 3000), 0);
    assert_result(read_at(loop, fd, in, 0, 0), 0);
    harness_close(loop, fd);
}

WORLDS_WITHOUT(position_of_the_file_moves_with_reads_and_writes, SHORT,
               "counts where the position is")
BACKEND_TEST(position_of_the_file_moves_with_reads_and_writes)
{
    char in[10];
    int fd = harness_file("file", "0123456789", 10);
    assert_result(read_at(loop, fd, in, 4, HARK_AT_POSITION), 4);
    assert_memory_equal(in, "0123", 4);
    assert_result(write_at(loop, fd, "XY", 2, HARK_AT_POSITION), 2);
    assert_result(read_at(loop, fd, in, 10, HARK_AT_POSITION), 4);
    assert_memory_equal(in, "6789", 4);
    assert_result(read_at(loop, fd, in, 10, HARK_AT_POSITION), 0);
    assert_result(read_at(loop, fd, in, 10, 3), 7);
    assert_memory_equal(in, "3XY6789", 7);
    harness_close(loop, fd);
}

BACKEND_TEST(vectors_are_written_and_read_in_order)
{
    char one[2];
    char other[8];
    struct iovec out[2] = {{.iov_base = (char[]){"abc"}, .iov_len = 3},
                           {.iov_base = (char[]){"defg"}, .iov_len = 4}};
    struct iovec in[2] = {{.iov_base = one, .iov_len = 2}, {.iov_base = other, .iov_len = 8}};
    struct harness_op writing = {0};
    struct harness_op reading = {0};
    int fd = harness_file("file", "", 0);
    hark_writev(loop, &writing.op, fd, out, 2, 5, harness_done);
    assert_result(harness_wait(loop, &writing), 7);
    hark_readv(loop, &reading.op, fd, in, 2, 5, harness_done);
    assert_result(harness_wait(loop, &reading), 7);
    assert_memory_equal(one, "ab", 2);
    assert_memory_equal(other, "cdefg", 5);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    harness_op_again(&reading);
    hark_readv(loop, &reading.op, fd, in, 2, HARK_AT_POSITION, harness_done);
    assert_result(harness_wait(loop, &reading), 10);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 10);
    harness_close(loop, fd);
}

BACKEND_TEST(too_many_vectors_give_einval)
{
    static struct iovec vectors[1025];
    struct harness_op ops[2] = {0};
    int fd = harness_file("file", "", 0);
    hark_readv(loop, &ops[0].op, fd, vectors, 1025, 0, harness_done);
    hark_writev(loop, &ops[1].op, fd, vectors, 1025, 0, harness_done);
    harness_run(loop);
    assert_result(ops[0].result, -EINVAL);
    assert_result(ops[1].result, -EINVAL);
    harness_close(loop, fd);
}

BACKEND_TEST(file_op_of_the_wrong_kind_gives_its_error)
{
    char bytes[10] = {0};
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int reader = harness_file("file", "text", 4);
    int only_read = open(harness_path("file"), O_RDONLY | O_CLOEXEC);
    int only_write = open(harness_path("file"), O_WRONLY | O_CLOEXEC);
    assert_result(read_at(loop, directory, bytes, 10, 0), -EISDIR);
    assert_result(read_at(loop, only_write, bytes, 10, 0), -EBADF);
    assert_result(write_at(loop, only_read, bytes, 10, 0), -EBADF);
    assert_result(read_at(loop, reader, bytes, 10, -5), -EINVAL);
    assert_result(write_at(loop, reader, bytes, 10, -5), -EINVAL);
    harness_close(loop, directory);
    harness_close(loop, reader);
    harness_close(loop, only_read);
    harness_close(loop, only_write);
}

BACKEND_TEST(file_op_at_an_address_that_is_not_mapped_gives_efault)
{
    if (harness_in_world())
        harness_skip("in a world a process has all of the program's memory");
    int fd = harness_file("file", "text", 4);
    char *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(hole != MAP_FAILED);
    assert_result(read_at(loop, fd, hole, 4, 0), -EFAULT);
    assert_result(write_at(loop, fd, hole, 4, 0), -EFAULT);
    munmap(hole, 4096);
    harness_close(loop, fd);
}

BACKEND_TEST(write_past_the_size_limit_gives_efbig)
{
    if (harness_in_world())
        harness_skip("a world limits descriptors alone");
    struct rlimit limit;
    struct rlimit small;
    int fd = harness_file("file", "", 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int64_t result = write_at(loop, fd, "x", 1, 200);
    int64_t partial = write_at(loop, fd, "0123456789", 10, 95);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_result(result, -EFBIG);
    assert_result(partial, 5);
    harness_close(loop, fd);
}

BACKEND_TEST(write_to_a_full_device_gives_enospc)
{
    int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        harness_skip("there is no /dev/full");
    assert_result(write_at(loop, fd, "x", 1, 0), -ENOSPC);
    harness_close(loop, fd);
}

BACKEND_TEST(promise_12_file_that_cannot_seek_passes_over_offsets)
{
    int fd = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
    struct iovec vector = {.iov_base = (char[]){"other"}, .iov_len = 5};
    struct harness_op writing = {0};
    if (fd < 0)
        harness_skip("/proc/self/comm: %s", strerror(errno));
    assert_result(write_at(loop, fd, "hark", 4, 0), 4);
    hark_writev(loop, &writing.op, fd, &vector, 1, 0, harness_done);
    assert_result(harness_wait(loop, &writing), 5);
    harness_close(loop, fd);
}

BACKEND_TEST(pipe_passes_bytes_and_ends)
{
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        int ends[2];
        char in[10];
        struct harness_op reading = {0};
        harness_pipe(ends, flags);
        hark_read(loop, &reading.op, ends[0], in, sizeof in, HARK_AT_POSITION, harness_done);
        harness_settle(loop);
        assert_int_equal(reading.calls, 0);
        assert_result(write_at(loop, ends[1], "abc", 3, 77), 3); /* a pipe passes over offsets */
        assert_result(harness_wait(loop, &reading), 3);
        assert_memory_equal(in, "abc", 3);
        harness_op_again(&reading);
        hark_read(loop, &reading.op, ends[0], in, sizeof in, 5, harness_done);
        harness_settle(loop);
        harness_close(loop, ends[1]);
        assert_result(harness_wait(loop, &reading), 0);
        harness_close(loop, ends[0]);
    }
}

BACKEND_TEST(promise_14_write_to_a_pipe_without_reader_gives_epipe_and_no_signal)
{
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        int ends[2];
        struct harness_op writing = {0};
        struct iovec vector = {.iov_base = (char[]){"x"}, .iov_len = 1};
        harness_pipe(ends, flags);
        close(ends[0]);
        assert_result(write_at(loop, ends[1], "x", 1, HARK_AT_POSITION), -EPIPE);
        hark_writev(loop, &writing.op, ends[1], &vector, 1, HARK_AT_POSITION, harness_done);
        assert_result(harness_wait(loop, &writing), -EPIPE);
        harness_run(loop);
        harness_close(loop, ends[1]);
    }
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    assert_false(sigismember(&blocked, SIGPIPE)); /* as it was before */
    assert_int_equal(sigpending(&blocked), 0);
    assert_false(sigismember(&blocked, SIGPIPE));
}

BACKEND_TEST(blocking_descriptors_do_not_block_the_loop)
{
    int ends[2];
    char in[1];
    struct harness_op reading = {0};
    struct harness_op timer = {0};
    harness_pipe(ends, 0);
    hark_read(loop, &reading.op, ends[0], in, 1, HARK_AT_POSITION, harness_done);
    hark_sleep(loop, &timer.op, 1000000, harness_done);
    assert_result(harness_wait(loop, &timer), 0);
    assert_int_equal(reading.calls, 0);
    hark_cancel(&reading.op);
    harness_run(loop);
    assert_result(reading.result, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static int64_t simple(struct hark_loop *loop, int fd,
                      void (*start)(struct hark_loop *, struct hark_op *, int, hark_done *))
{
    struct harness_op op = {0};
    start(loop, &op.op, fd, harness_done);
    return harness_wait(loop, &op);
}

BACKEND_TEST(fsync_and_fdatasync_give_zero_or_einval_for_a_pipe)
{
    int ends[2];
    int fd = harness_file("file", "text", 4);
    harness_pipe(ends, 0);
    assert_result(simple(loop, fd, hark_fsync), 0);
    assert_result(simple(loop, fd, hark_fdatasync), 0);
    assert_result(simple(loop, ends[0], hark_fsync), -EINVAL);
    assert_result(simple(loop, ends[1], hark_fdatasync), -EINVAL);
    harness_close(loop, fd);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static int64_t truncate_to(struct hark_loop *loop, int fd, int64_t length)
{
    struct harness_op op = {0};
    hark_ftruncate(loop, &op.op, fd, length, harness_done);
    return harness_wait(loop, &op);
}

static int64_t size_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return status.st_size;
}

BACKEND_TEST(ftruncate_sets_the_length_or_says_why_not)
{
    int ends[2];
    int fd = harness_file("file", "text", 4);
    harness_pipe(ends, 0);
    assert_result(truncate_to(loop, fd, 2), 0);
    assert_int_equal(size_of(fd), 2);
    assert_result(truncate_to(loop, fd, 5000), 0);
    assert_int_equal(size_of(fd), 5000);
    assert_result(truncate_to(loop, fd, -1), -EINVAL);
    assert_result(truncate_to(loop, ends[0], 0), -EINVAL);
    assert_result(truncate_to(loop, fd, INT64_MAX), -EFBIG);
    harness_close(loop, fd);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static int64_t allocate(struct hark_loop *loop, int fd, int mode, int64_t offset, int64_t length)
{
    struct harness_op op = {0};
    hark_fallocate(loop, &op.op, fd, mode, offset, length, harness_done);
    return harness_wait(loop, &op);
}

BACKEND_TEST(fallocate_reserves_or_says_why_not)
{
    int fd = harness_file("file", "text", 4);
    int64_t result = allocate(loop, fd, 0, 0, 10000);
    if (result == -EOPNOTSUPP)
        harness_skip("this file system does not allocate");
    assert_result(result, 0);
    assert_int_equal(size_of(fd), 10000);
    assert_result(allocate(loop, fd, FALLOC_FL_KEEP_SIZE, 20000, 100), 0);
    assert_int_equal(size_of(fd), 10000);
    assert_result(allocate(loop, fd, 0, 0, 0), -EINVAL);
    assert_result(allocate(loop, fd, 0, -1, 5), -EINVAL);
    assert_result(allocate(loop, fd, 0, INT64_MAX - 10, 10), -EFBIG);
    assert_result(allocate(loop, fd, 0x40000000, 0, 10), -EOPNOTSUPP);
    harness_close(loop, fd);
}

WORLDS_WITHOUT(hundred_file_ops_at_once_each_give_their_bytes, SHORT,
               "each op is one piece of the file")
BACKEND_TEST(hundred_file_ops_at_once_each_give_their_bytes)
{
    enum { OPS = 200, PIECE = 512 };
    static struct harness_op ops[OPS];
    static char out[OPS][PIECE];
    static char in[OPS][PIECE];
    int fd = harness_file("file", "", 0);
    for (unsigned index = 0; index < OPS; index++) {
        harness_fill(out[index], PIECE, index);
        hark_write(loop, &ops[index].op, fd, out[index], PIECE, index * PIECE, harness_done);
    }
    harness_run(loop);
    for (unsigned index = 0; index < OPS; index++) {
        assert_result(ops[index].result, PIECE);
        harness_op_again(&ops[index]);
        hark_read(loop, &ops[index].op, fd, in[index], PIECE, index * PIECE, harness_done);
    }
    harness_run(loop);
    for (unsigned index = 0; index < OPS; index++)
        assert_true(harness_filled(in[index], PIECE, index));
    harness_close(loop, fd);
}

BACKEND_TEST(file_ops_cancelled_at_once_each_give_one_final_call)
{
    enum { OPS = 100 };
    static struct harness_op ops[OPS];
    static char in[OPS][64];
    struct harness_op closing = {0};
    int fd = harness_file("file", "text", 4);
    for (unsigned index = 0; index < OPS; index++) {
        hark_read(loop, &ops[index].op, fd, in[index], 64, 0, harness_done);
        if (index % 2)
            hark_cancel(&ops[index].op);
    }
    hark_close(loop, &closing.op, fd, harness_done);
    harness_run(loop);
    assert_result(closing.result, 0);
    for (unsigned index = 0; index < OPS; index++) {
        assert_int_equal(ops[index].calls, 1);
        assert_true(ops[index].result == 4 || ops[index].result == -ECANCELED);
        assert_true(ops[index].order < closing.order);
    }
}

BACKEND_TEST(descriptor_closed_while_files_are_read_does_not_show_the_next_file)
{
    for (int round = 0; round < 50; round++) {
        char in[4] = {0};
        struct harness_op reading = {0};
        struct harness_op closing = {0};
        int fd = harness_file("old", "old!", 4);
        hark_read(loop, &reading.op, fd, in, 4, 0, harness_done);
        hark_close(loop, &closing.op, fd, harness_done);
        assert_result(harness_wait(loop, &closing), 0);
        int other = harness_file("new", "new!", 4);
        harness_run(loop);
        assert_true(reading.result == -ECANCELED ||
                    (reading.result > 0 && reading.result <= 4 &&
                     memcmp(in, "old!", (size_t)reading.result) == 0));
        harness_close(loop, other);
    }
}

static int64_t copy(struct hark_loop *loop, int from, int64_t from_offset, int to,
                    int64_t to_offset, size_t count)
{
    struct harness_op copying = {0};
    hark_copy_file_range(loop, &copying.op, from, from_offset, to, to_offset, count, harness_done);
    assert_int_equal(copying.calls, 0);
    return harness_wait(loop, &copying);
}

BACKEND_TEST(copy_file_range_copies_between_offsets_and_at_positions)
{
    char bytes[1000];
    char in[2000];
    harness_fill(bytes, sizeof bytes, 3);
    int from = harness_file("from", bytes, sizeof bytes);
    int to = harness_file("to", "", 0);
    assert_result(copy(loop, from, 100, to, 50, 500), 500);
    assert_result(read_at(loop, to, in, sizeof in, 0), 550);
    assert_memory_equal(in + 50, bytes + 100, 500);
    assert_result(copy(loop, from, HARK_AT_POSITION, to, HARK_AT_POSITION, 300), 300);
    assert_result(copy(loop, from, HARK_AT_POSITION, to, HARK_AT_POSITION, 300), 300);
    assert_result(read_at(loop, to, in, sizeof in, 0), 600);
    assert_memory_equal(in, bytes, 600);
    assert_result(copy(loop, from, 900, to, 0, 500), 100); /* as far as there is something */
    assert_result(copy(loop, from, 1000, to, 0, 500), 0);
    harness_close(loop, from);
    harness_close(loop, to);
}

BACKEND_TEST(copy_file_range_that_cannot_gives_its_error)
{
    int ends[2];
    int from = harness_file("from", "0123456789", 10);
    int to = harness_file("to", "", 0);
    harness_pipe(ends, 0);
    assert_result(copy(loop, from, 0, -1, 0, 5), -EBADF);
    assert_result(copy(loop, from, -2, to, 0, 5), -EINVAL);
    assert_result(copy(loop, from, 0, to, -2, 5), -EINVAL);
    assert_result(copy(loop, from, 0, from, 3, 5), -EINVAL); /* onto itself */
    assert_result(copy(loop, from, 0, ends[1], 0, 5), -EINVAL);
    harness_close(loop, from);
    harness_close(loop, to);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
