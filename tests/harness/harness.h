/* harness.h - what every test program includes: cmocka, the library, and the runner that owns main.
 *
 *     #include "harness/harness.h"
 *
 *     TEST(parse_empty_text_is_refused) { ... }                  runs once
 *     BACKEND_TEST(recv_at_end_of_stream_gives_zero) { ... }     runs on each backend, with `struct
 *                                                                hark_loop *loop`
 *
 * Tests register themselves. Each runs in a child process of its own with a time-out; descriptors
 * that it leaves open are a failure, and so are an op in flight, a loop that does not destroy with
 * 0, and, in sanitized builds, a leak. All asserts of cmocka may be used, in callbacks as well: the
 * first that fails ends the child.
 *
 * Environment: HARK_TEST_BACKENDS=epoll,poll these backends alone, and none of them may be refused
 *              HARK_TEST_ONLY=text            tests whose full name contains the text, as the
 *                                             program's arguments do
 *              HARK_TEST_TIMEOUT=seconds      how long one may take; 300
 *              HARK_TEST_TINY=1               loops with queues of 4 entries and pools of 2 buffers
 *              HARK_TEST_GAPS=file            a list of tests that cannot pass here: gaps.c
 *              HARK_TEST_FORK=0               everything in one process, for a debugger
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hark.h"
#include <stdio.h>

enum { HARNESS_TIMEOUT_SECONDS = 300, HARNESS_RESULTS = 64 };

/* A test as it registers itself. */
struct harness_test {
    const char *name;
    const char *file;
    void (*plain)(void); /* one of the two */
    void (*on_backend)(struct hark_loop *loop);
    struct hark_options options; /* of the loop that it gets */
    bool in_worlds;              /* it is run in simulated worlds: harness/world.h */
    uint32_t not_in_its_worlds;  /* faults that do not happen there, a bit for each kind */
    struct harness_test *next;
};

void harness_register(struct harness_test *test);

/* Set for programs whose tests run in worlds (tests/meson.build). */
#ifndef HARNESS_IN_WORLDS
#define HARNESS_IN_WORLDS false
#endif

#define HARNESS_ENROL(test_name)                                                                   \
    __attribute__((constructor)) static void harness_enrol_##test_name(void)                       \
    {                                                                                              \
        harness_register(&harness_test_##test_name);                                               \
    }

/* A test that needs no backend. */
#define TEST(test_name)                                                                            \
    static void test_name(void);                                                                   \
    static struct harness_test harness_test_##test_name = {                                        \
        .name = #test_name, .file = __FILE__, .plain = test_name, .in_worlds = HARNESS_IN_WORLDS}; \
    HARNESS_ENROL(test_name)                                                                       \
    static void test_name(void)

/* A test on each backend, and one with options for its loop, `.buffer_count = 4`. */
#define BACKEND_TEST(test_name) BACKEND_TEST_WITH(test_name, .turn_max = 0)
#define BACKEND_TEST_WITH(test_name, ...)                                                          \
    static void test_name(struct hark_loop *loop);                                                 \
    static struct harness_test harness_test_##test_name = {.name = #test_name,                     \
                                                           .file = __FILE__,                       \
                                                           .on_backend = test_name,                \
                                                           .options = {__VA_ARGS__},               \
                                                           .in_worlds = HARNESS_IN_WORLDS};        \
    HARNESS_ENROL(test_name)                                                                       \
    static void test_name(struct hark_loop *loop __attribute__((unused)))

/* The backend that the running BACKEND_TEST is on, and its name; HARK_BACKEND_AUTO and "auto" in a
 * TEST. */
enum hark_backend_kind harness_backend(void);
const char *harness_backend_name(void);

/* Ends the running test as skipped, with the reason. */
void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* One more loop on the running test's backend.
 * Takes: options NULL: the defaults. The test destroys it. */
struct hark_loop *harness_loop_create(const struct hark_options *options);

/* A group of loops on the running test's backend. The test destroys it. */
struct hark_group *harness_group_create(uint32_t loops);

/* The end of a loop: asserts that it has nothing in flight and destroys with 0. */
void harness_loop_destroy(struct hark_loop *loop);

/* --- ops that record what they are told --- */

/* One op and all its calls. Zeroed before its first start; `done` of a start is harness_done.
 * Asserts that no call follows the final one. */
struct harness_op {
    struct hark_op op;
    int calls;
    bool ended;                       /* the final call has come */
    int64_t result;                   /* of the last call */
    int64_t results[HARNESS_RESULTS]; /* of the first calls */
    bool more[HARNESS_RESULTS];
    unsigned order; /* its place among all final calls of the test, from 1 */
    uint64_t total; /* sum of the positive results */
    char *into;     /* where lent buffers of hark_recv_each are copied, NULL: nowhere */
    size_t into_room;
    void (*then)(struct harness_op *self,
                 int64_t result); /* called after recording; may restart the op. NULL: nothing */
    void *context;
};

void harness_done(struct hark_op *op, int64_t result);

/* Makes a recorder ready to be started again: zero but for the op, `then` and `context`. */
void harness_op_again(struct harness_op *recorder);

/* Runs until no op is left: asserts that hark_run gives 0. */
void harness_run(struct hark_loop *loop);

/* Turns the loop until the flag is true: asserts that the loop does not run dry before. */
void harness_run_until(struct hark_loop *loop, const bool *flag);

/* Turns the loop until the recorder has its final call.
 * Gives: its result. */
int64_t harness_wait(struct hark_loop *loop, struct harness_op *recorder);

/* Turns the loop `count` times without waiting. */
void harness_turns(struct hark_loop *loop, int count);

/* Turns without waiting until the loop has nothing to do at once: what was started has reached the
 * kernel or waits in the loop. */
void harness_settle(struct hark_loop *loop);

/* --- rest --- */

/* While a timer of 20 ms runs and nothing else can happen, a loop that sleeps needs a few turns;
 * one that spins, thousands. What is still on its way to the kernel may take some time before. */
void harness_assert_idle(struct hark_loop *loop);

/* Runs the loop, to which nothing happens, for some seconds once it sleeps: no thread of the
 * process, the kernel's workers for the ring included, has run for a nanosecond. */
void harness_assert_sleeps(struct hark_loop *loop, unsigned seconds);

/* Waits until another thread sleeps in a system call: for what must find the loop asleep. */
void harness_await_sleep(int thread);

/* --- descriptors, files, bytes --- */

/* Two ends that are connected, non-blocking and close-on-exec: TCP over loopback, or a unix
 * stream. */
void harness_tcp_pair(struct hark_loop *loop, int out[2]);
void harness_socket_pair(struct hark_loop *loop, int out[2]);

/* A pipe: out[0] reads.
 * Takes: flags besides O_CLOEXEC. */
void harness_pipe(int out[2], int flags);

/* A TCP socket that listens on loopback; *out_address tells where. */
int harness_listen(struct hark_loop *loop, struct hark_address *out_address);

/* hark_close, run until it has called back: asserts that it gives 0.
 * Takes: a negative fd: nothing happens. */
void harness_close(struct hark_loop *loop, int fd);

/* The test's own directory, made on the first call and removed with all that is in it after the
 * test. A test with threads makes the first call before them. */
const char *harness_directory(void);

/* A path in that directory. The text lives until the fourth call after it in this thread. */
const char *harness_path(const char *name);

/* A file in that directory with these bytes.
 * Gives: an open descriptor, O_RDWR. */
int harness_file(const char *name, const void *bytes, size_t count);

/* Fills bytes with a sequence that can be told by its seed; checks that they are it. */
void harness_fill(void *bytes, size_t count, uint64_t seed);
bool harness_filled(const void *bytes, size_t count, uint64_t seed);

/* Gives a socket room for at least so many bytes that are sent at once. */
void harness_make_room(int fd, int bytes);

/* Waits until a descriptor has bytes or its end to read: over TCP they may be under way. */
void harness_await_input(int fd);

/* Lets no byte be written into a socket or pipe any more without blocking. Over TCP that may not
 * last: the kernels of both sides may find room for a few more bytes by themselves, as with a
 * window probe.
 * Gives: the bytes that went in. */
size_t harness_stuff(int fd);

/* The open descriptors of the process, as a sorted list.
 * Gives: how many. */
enum { HARNESS_DESCRIPTORS_MAX = 65536 };
size_t harness_descriptors(int *out_list, size_t room);

/* A counter of the thread in /proc/self/task/TID/status, such as "voluntary_ctxt_switches". */
uint64_t harness_thread_status(int thread, const char *field);

/* Results in readable form: asserts that a result is an expected error or count, printing names. */
#define assert_result(actual, expected)                                                            \
    harness_assert_result((actual), (expected), __FILE__, __LINE__)
void harness_assert_result(int64_t actual, int64_t expected, const char *file, int line);

#endif
