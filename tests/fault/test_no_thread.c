/* test_no_thread.c - no thread can be started, as where the system's limit is reached: what needs one says so, and a close
 * closes even so. */
#include "harness/harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_bool refused;

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
create_function __interceptor_pthread_create __attribute__((weak)); /* a sanitizer's, which must know its threads */

/* The program's own stands before libc's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument)
{
    if (atomic_load(&refused))
        return EAGAIN;
    create_function *real = __interceptor_pthread_create;
    if (!real)
        real = (create_function *)dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, function, argument);
}

BACKEND_TEST(close_of_a_file_needs_no_thread)
{
    struct harness_op closing = {0};
    int fd = harness_file("file", "text", 4);
    atomic_store(&refused, true);
    hark_close(loop, &closing.op, fd, harness_done);
    assert_result(harness_wait(loop, &closing), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    harness_run(loop);
}

BACKEND_TEST(close_of_a_file_with_an_op_on_it_needs_no_thread)
{
    char bytes[4];
    struct harness_op reading = {0};
    struct harness_op closing = {0};
    int fd = harness_file("file", "text", 4);
    atomic_store(&refused, true);
    hark_read(loop, &reading.op, fd, bytes, sizeof bytes, 0, harness_done);
    hark_close(loop, &closing.op, fd, harness_done);
    harness_run(loop);
    assert_true(reading.result == 4 || reading.result == -ECANCELED || reading.result == -EAGAIN);
    assert_result(closing.result, 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static int64_t do_work(struct hark_op *op)
{
    (void)op;
    return 7;
}

BACKEND_TEST(work_without_a_thread_gives_eagain_and_works_once_there_is_one)
{
    struct harness_op working = {0};
    atomic_store(&refused, true);
    hark_work(loop, &working.op, do_work, harness_done);
    assert_result(harness_wait(loop, &working), -EAGAIN);
    atomic_store(&refused, false);
    harness_op_again(&working);
    hark_work(loop, &working.op, do_work, harness_done);
    assert_result(harness_wait(loop, &working), 7);
}

BACKEND_TEST(group_without_a_thread_gives_eagain_and_one_of_a_single_loop_needs_none)
{
    struct hark_group_options options = {.loop.backend = harness_backend(), .loops = 3};
    struct hark_group *group = NULL;
    atomic_store(&refused, true);
    assert_result(hark_group_create(&options, &group), -EAGAIN);
    assert_null(group);
    options.loops = 1;
    assert_result(hark_group_create(&options, &group), 0);
    assert_result(hark_group_run(group, NULL, NULL), 0);
    assert_result(hark_group_destroy(group), 0);
    atomic_store(&refused, false);
    options.loops = 3;
    assert_result(hark_group_create(&options, &group), 0);
    assert_result(hark_group_destroy(group), 0);
}
