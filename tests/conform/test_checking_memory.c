/* test_checking_memory.c - what a build with -Dchecking=true tells of memory that is touched while
 * the loop has it. And what it must not tell. Promise 4. */
#include "harness/sanitizer.h"
#include "harness/told.h"

#ifdef HARK_CHECKING

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static char room[256];

/* Has the program's end of the connection mean another file. */
static void replace(const int ends[2], int fd)
{
    assert_int_equal(dup2(fd, ends[0]), ends[0]);
    close(fd);
}

/* --- bytes that are sent or written --- */

#define SENT "bytes were changed while an op was in flight that sends or writes them: "

static void changes_sent_bytes(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    static char bytes[100000];
    hark_send(loop, &op, ends[0], bytes, sizeof bytes, 0, harness_ignore);
    bytes[77777]++;
    hark_run(loop);
}

BACKEND_TEST(promise_04_sent_bytes_changed_in_flight_are_told)
{
    harness_assert_told(changes_sent_bytes, SENT "hark_send on descriptor", true);
}

static void changes_written_bytes(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    char bytes[] = "written";
    replace(ends, harness_file("file", "", 0));
    hark_write(loop, &op, ends[0], bytes, sizeof bytes, 0, harness_ignore);
    bytes[0] = 'W';
    hark_run(loop);
}

BACKEND_TEST(promise_04_written_bytes_changed_in_flight_are_told)
{
    harness_assert_told(changes_written_bytes, SENT "hark_write on descriptor", true);
}

static void changes_sent_vectors_bytes(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    char first[] = "first", second[] = "second";
    struct iovec vectors[] = {{first, sizeof first}, {second, sizeof second}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
    hark_sendmsg(loop, &op, ends[0], &message, 0, harness_ignore);
    second[3] = 'O';
    hark_run(loop);
}

BACKEND_TEST(promise_04_bytes_of_a_message_changed_in_flight_are_told)
{
    harness_assert_told(changes_sent_vectors_bytes, SENT "hark_sendmsg on descriptor", true);
}

/* --- what stands around them --- */

#define AROUND                                                                                     \
    "an address, a path or a vector was changed while an op was in flight that it was given to: "

static void changes_a_vector(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    char bytes[] = "bytes";
    struct iovec vector = {bytes, sizeof bytes};
    replace(ends, harness_file("file", "", 0));
    hark_writev(loop, &op, ends[0], &vector, 1, 0, harness_ignore);
    vector.iov_len--;
    hark_run(loop);
}

BACKEND_TEST(promise_04_vector_changed_in_flight_is_told)
{
    harness_assert_told(changes_a_vector, AROUND "hark_writev on descriptor", true);
}

static void changes_a_path(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    char path[] = "/nowhere";
    (void)ends;
    hark_openat(loop, &op, AT_FDCWD, path, O_RDONLY, 0, harness_ignore);
    path[1] = 'N';
    hark_run(loop);
}

BACKEND_TEST(promise_04_path_changed_in_flight_is_told)
{
    harness_assert_told(changes_a_path, AROUND "hark_openat", false);
}

static void changes_an_address(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    struct hark_address address;
    replace(ends, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(hark_address_parse("127.0.0.1:1", &address), 0);
    hark_connect(loop, &op, ends[0], &address.name.any, address.length, harness_ignore);
    address.name.ip4.sin_port++;
    hark_run(loop);
}

BACKEND_TEST(promise_04_address_changed_in_flight_is_told)
{
    harness_assert_told(changes_an_address, AROUND "hark_connect on descriptor", true);
}

/* --- room that is filled --- */

#define FILLED "bytes were changed by the program while an op was in flight that fills them: "

static void changes_received_bytes(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_recv(loop, &op, ends[0], room, sizeof room, 0, harness_ignore);
    hark_run_ready(loop);
    room[200]++;
    harness_put(ends[1], "four");
    hark_run(loop);
}

BACKEND_TEST(promise_04_room_of_a_receive_changed_in_flight_is_told)
{
    harness_assert_told(changes_received_bytes, FILLED "hark_recv on descriptor", true);
}

static void changes_room_of_a_cancelled_receive(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    struct iovec vectors[] = {{room, 10}, {room + 100, 10}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
    hark_recvmsg(loop, &op, ends[0], &message, 0, harness_ignore);
    hark_run_ready(loop);
    hark_cancel(&op);
    room[100]++;
    hark_run(loop);
}

BACKEND_TEST(promise_04_room_of_a_cancelled_receive_changed_in_flight_is_told)
{
    harness_assert_told(changes_room_of_a_cancelled_receive, FILLED "hark_recvmsg on descriptor",
                        true);
}

static void changes_read_bytes(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    int pipe[2];
    harness_pipe(pipe, O_NONBLOCK);
    replace(ends, pipe[0]);
    hark_read(loop, &op, ends[0], room, sizeof room, HARK_AT_POSITION, harness_ignore);
    hark_run_ready(loop);
    room[64]++;
    harness_put(pipe[1], "up to sixty-four");
    hark_run(loop);
}

BACKEND_TEST(promise_04_room_of_a_read_changed_in_flight_is_told)
{
    harness_assert_told(changes_read_bytes, FILLED "hark_read on descriptor", true);
}

static void unmaps_a_buffer(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    const size_t count = 4096;
    void *bytes = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    hark_recv(loop, &op, ends[0], bytes, count, 0, harness_ignore);
    hark_run_ready(loop);
    munmap(bytes, count);
    hark_cancel(&op);
    hark_run(loop);
}

BACKEND_TEST(promise_04_buffer_freed_in_flight_is_told)
{
    harness_assert_told(
        unmaps_a_buffer,
        "memory that an op was given was freed while it was in flight: hark_recv on descriptor",
        true);
}

#if ADDRESS_SANITIZED
static void frees_a_buffer(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    char *bytes = malloc(64);
    hark_recv(loop, &op, ends[0], bytes, 64, 0, harness_ignore);
    hark_run_ready(loop);
    free(bytes);
    hark_cancel(&op);
    hark_run(loop);
}

BACKEND_TEST(promise_04_buffer_freed_on_the_heap_in_flight_is_told)
{
    harness_assert_told(
        frees_a_buffer,
        "memory that an op was given was freed while it was in flight: hark_recv on descriptor",
        true);
}
#endif

/* --- lent buffers --- */

static char *kept;

static void keep(struct hark_op *op, int64_t result)
{
    if (result > 0)
        kept = hark_buffer_keep(op);
}

/* Turns the loop until another piece has come in a buffer that is kept. */
static void receive_and_keep(struct hark_loop *loop, int from, const char *text)
{
    kept = NULL;
    harness_put(from, text);
    while (!kept)
        hark_run_once(loop);
}

/* Each of the pool's buffers has its turn. */
static void write_to_a_returned_buffer(struct hark_loop *loop, const int ends[2], size_t at)
{
    static struct hark_op op;
    hark_recv_each(loop, &op, ends[0], keep);
    receive_and_keep(loop, ends[1], "first");
    hark_buffer_return(loop, kept);
    kept[at] = 'x';
    for (int i = 0; i < 1000; i++) {
        receive_and_keep(loop, ends[1], "next");
        hark_buffer_return(loop, kept);
    }
}

static void writes_to_a_returned_buffer(struct hark_loop *loop, const int ends[2])
{
    write_to_a_returned_buffer(loop, ends, 1000);
}

static void writes_to_the_beginning_of_a_returned_buffer(struct hark_loop *loop, const int ends[2])
{
    write_to_a_returned_buffer(loop, ends, 1);
}

static void writes_beyond_a_lent_buffer(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_recv_each(loop, &op, ends[0], keep);
    receive_and_keep(loop, ends[1], "first");
    kept[hark_buffer_size(loop)] = 'x';
    hark_buffer_return(loop, kept);
}

BACKEND_TEST(promise_04_write_to_a_returned_buffer_is_told)
{
#if ADDRESS_SANITIZED
    harness_assert_reported(writes_to_a_returned_buffer, "use-after-poison");
#else
    harness_assert_told(
        writes_to_a_returned_buffer,
        "a lent buffer was written to after it had been returned: hark_recv_each on descriptor",
        true);
#endif
}

/* On uring the kernel writes over it. */
BACKEND_TEST(promise_04_write_to_the_beginning_of_a_returned_buffer_is_told_where_the_loop_fills_it)
{
#if ADDRESS_SANITIZED
    harness_assert_reported(writes_to_the_beginning_of_a_returned_buffer, "use-after-poison");
#else
    if (harness_backend() == HARK_BACKEND_URING)
        harness_assert_not_told(writes_to_the_beginning_of_a_returned_buffer);
    else
        harness_assert_told(
            writes_to_the_beginning_of_a_returned_buffer,
            "a lent buffer was written to after it had been returned: hark_recv_each on descriptor",
            true);
#endif
}

BACKEND_TEST(promise_04_write_beyond_a_lent_buffer_is_told)
{
#if ADDRESS_SANITIZED
    harness_assert_reported(writes_beyond_a_lent_buffer, "use-after-poison");
#else
    harness_assert_told(writes_beyond_a_lent_buffer, "a lent buffer was written to beyond its end",
                        false);
#endif
}

#if ADDRESS_SANITIZED
static void reads_a_returned_buffer(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_recv_each(loop, &op, ends[0], keep);
    receive_and_keep(loop, ends[1], "first");
    hark_buffer_return(loop, kept);
    _exit(kept[0] == 'f');
}

BACKEND_TEST(promise_04_read_of_a_returned_buffer_is_told)
{
    harness_assert_reported(reads_a_returned_buffer, "use-after-poison");
}
#endif

static void returns_a_buffer_twice(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_recv_each(loop, &op, ends[0], keep);
    receive_and_keep(loop, ends[1], "kept");
    char *first = kept;
    receive_and_keep(loop, ends[1], "returned");
    hark_buffer_return(loop, first);
    hark_buffer_return(loop, first);
}

BACKEND_TEST(promise_04_return_of_a_buffer_twice_while_others_are_lent_is_told)
{
    harness_assert_told(returns_a_buffer_twice,
                        "a buffer was returned twice: hark_recv_each on descriptor", true);
}

/* --- what is no breach --- */

/* Bytes that nobody looks at may go to one place. */
static void throws_away_from_two(struct hark_loop *loop, const int ends[2])
{
    static struct harness_op one, other;
    int pair[2];
    harness_socket_pair(loop, pair);
    hark_recv(loop, &one.op, ends[0], room, sizeof room, 0, harness_done);
    hark_recv(loop, &other.op, pair[0], room + 1, sizeof room - 1, 0, harness_done);
    hark_run_ready(loop);
    harness_put(ends[1], "a short one");
    harness_put(pair[1], "and one that is longer, which overwrites what lay behind the other");
    hark_run(loop);
    assert_true(one.ended && other.ended);
    hark_recv(loop, &one.op, ends[0], room, sizeof room, 0, harness_ignore);
    hark_recv(loop, &other.op, pair[0], room, sizeof room, 0, harness_ignore);
    harness_put(pair[1], "the other ends first");
    harness_turns(loop, 3);
    hark_cancel(&one.op);
    hark_run(loop);
}

BACKEND_TEST(receives_into_one_place_are_not_told)
{
    harness_assert_not_told(throws_away_from_two);
}

/* Behind what is sent a buffer may grow, and what cannot be read is for the kernel to refuse. */
static void touches_what_is_its_own(struct hark_loop *loop, const int ends[2])
{
    static struct harness_op send, refused;
    static char bytes[100];
    hark_send(loop, &send.op, ends[0], bytes, 50, 0, harness_done);
    hark_write(loop, &refused.op, ends[0], (void *)8, 50, HARK_AT_POSITION, harness_done);
    bytes[50]++;
    hark_run(loop);
    assert_result(send.result, 50);
    assert_result(refused.result, -EFAULT);
}

BACKEND_TEST(memory_beside_what_an_op_was_given_is_not_told)
{
    harness_assert_not_told(touches_what_is_its_own);
}

#else

TEST(checking_build_tells_touched_memory)
{
    harness_skip("for a build with -Dchecking=true");
}

#endif
