/* test_backend.c - which backend a loop is on, and why not on a better one. Promise 15, and 12: the
 * same everywhere. */
#include "harness/harness.h"
#include "harness/sanitizer.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

/* Makes a loop and destroys it again. Gives: its error, or the backend it was on in *out_kind. */
static int try_create(const struct hark_options *options, char *out_name, size_t room)
{
    struct hark_loop *loop = NULL;
    int error = hark_loop_create(options, &loop);
    if (error) {
        assert_null(loop); /* outputs are written only on success */
        return error;
    }
    snprintf(out_name, room, "%s", hark_loop_backend(loop));
    harness_loop_destroy(loop);
    return 0;
}

TEST(promise_15_environment_chooses_where_the_option_does_not)
{
    static const char *const names[] = {"epoll", "poll", "select"};
    char name[20];
    struct hark_options poll_option = {.backend = HARK_BACKEND_POLL};
    for (int index = 0; index < 3; index++) {
        setenv("HARK_BACKEND", names[index], 1);
        assert_result(try_create(NULL, name, sizeof name), 0);
        assert_string_equal(name, names[index]);
        assert_result(try_create(&poll_option, name, sizeof name), 0);
        assert_string_equal(name, "poll");
    }
}

TEST(promise_15_automatic_choice_is_uring_or_says_why_not)
{
    static const char *const values[] = {NULL, "", "auto"};
    /* In a world the seed chooses where nobody does. */
    for (int index = harness_in_world() ? 1 : 0; index < 3; index++) {
        struct hark_loop *loop = NULL;
        if (values[index])
            setenv("HARK_BACKEND", values[index], 1);
        assert_result(hark_loop_create(NULL, &loop), 0);
        const char *reason = hark_loop_refusal(loop, HARK_BACKEND_URING);
        if (strcmp(hark_loop_backend(loop), "uring") == 0) {
            assert_null(reason);
        } else {
            assert_string_equal(hark_loop_backend(loop), "epoll");
            assert_non_null(reason);
            assert_true(strlen(reason) > 0);
        }
        assert_null(hark_loop_refusal(loop, HARK_BACKEND_SELECT)); /* it was not tried */
        assert_null(hark_loop_refusal(loop, HARK_BACKEND_KINDS));
        harness_loop_destroy(loop);
    }
}

TEST(unknown_name_in_the_environment_gives_einval)
{
    char name[20];
    struct hark_options named = {.backend = HARK_BACKEND_POLL};
    setenv("HARK_BACKEND", "kqueue", 1);
    assert_result(try_create(NULL, name, sizeof name), -EINVAL);
    assert_result(try_create(&named, name, sizeof name), 0);
    setenv("HARK_BACKEND", "epollo", 1);
    assert_result(try_create(NULL, name, sizeof name), -EINVAL);
}

BACKEND_TEST(option_out_of_its_range_gives_einval)
{
    static const struct hark_options wrong[] = {
        {.entries = 32769},      {.entries = UINT32_MAX},
        {.buffer_count = 32769}, {.buffer_count = UINT32_MAX},
        {.buffer_bytes = 63},    {.buffer_bytes = (16u << 20) + 1},
        {.workers_max = 1025},   {.workers_max = UINT32_MAX},
    };
    char name[20];
    for (size_t index = 0; index < sizeof wrong / sizeof wrong[0]; index++) {
        struct hark_options options = wrong[index];
        options.backend = harness_backend();
        assert_result(try_create(&options, name, sizeof name), -EINVAL);
    }
    struct hark_options unknown = {.backend = HARK_BACKEND_KINDS};
    assert_result(try_create(&unknown, name, sizeof name), -EINVAL);
    unknown.backend = (enum hark_backend_kind)99;
    assert_result(try_create(&unknown, name, sizeof name), -EINVAL);
}

BACKEND_TEST(options_at_the_ends_of_their_ranges_make_loops_that_work)
{
    static const struct hark_options edges[] = {
        {.entries = 1, .buffer_count = 1, .buffer_bytes = 64, .workers_max = 1, .turn_max = 1},
        {.entries = 3, .buffer_count = 3, .buffer_bytes = 65, .workers_max = 3, .turn_max = 3},
        {.entries = 32768,
         .buffer_count = 32768,
         .buffer_bytes = 64,
         .workers_max = 1024,
         .turn_max = UINT32_MAX},
    };
    for (size_t index = 0; index < sizeof edges / sizeof edges[0]; index++) {
        struct hark_loop *other = harness_loop_create(&edges[index]);
        int ends[2];
        char in[200];
        struct harness_op receive = {.into = in, .into_room = sizeof in};
        harness_socket_pair(other, ends);
        hark_recv_each(other, &receive.op, ends[0], harness_done);
        assert_int_equal(write(ends[1], in, sizeof in), sizeof in);
        close(ends[1]);
        harness_run(other);
        assert_result(receive.result, 0);
        assert_int_equal(receive.total, sizeof in);
        harness_close(other, ends[0]);
        harness_loop_destroy(other);
    }
}

BACKEND_TEST(loop_without_free_descriptors_gives_emfile)
{
    struct rlimit limit;
    struct rlimit none;
    struct hark_options options = {.backend = harness_backend()};
    char name[20];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (rlim_t free_count = 0; free_count < 3; free_count++) {
        int next = dup(0);
        close(next);
        none = limit;
        none.rlim_cur = (rlim_t)next + free_count;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int error =
            try_create(&options, name,
                       sizeof name); /* what is half made is undone: descriptors are compared */
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (free_count == 0)
            assert_result(error, -EMFILE);
        else
            assert_true(error == 0 || error == -EMFILE);
    }
}

BACKEND_TEST(features_are_listed_with_what_is_done_without_them)
{
    const struct hark_feature *features = NULL;
    size_t count = hark_loop_features(loop, &features);
    if (harness_backend() == HARK_BACKEND_URING)
        assert_true(count > 3);
    for (size_t index = 0; index < count; index++) {
        assert_non_null(features[index].name);
        assert_non_null(features[index].kernel);
        assert_non_null(features[index].instead);
    }
}

/* Sends bytes through each kind of receiving op: must work however few features there are. */
static void exercise(struct hark_loop *loop)
{
    int ends[2];
    char in[100];
    struct harness_op each = {.into = in, .into_room = sizeof in};
    struct harness_op accepting = {0};
    struct harness_op connecting = {0};
    struct hark_address address;
    int listener = harness_listen(loop, &address);
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &each.op, ends[0], harness_done);
    hark_accept_each(loop, &accepting.op, listener, harness_done);
    int client = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    hark_connect(loop, &connecting.op, client, &address.name.any, address.length, harness_done);
    harness_fill(in, sizeof in, 1);
    for (int piece = 0; piece < 10; piece++) {
        assert_int_equal(write(ends[1], in + 10 * piece, 10), 10);
        while (each.total < 10u * (unsigned)(piece + 1))
            assert_result(hark_run_once(loop), 1);
    }
    assert_true(harness_filled(in, sizeof in, 1));
    while (accepting.calls == 0)
        assert_result(hark_run_once(loop), 1);
    harness_wait(loop, &connecting);
    int fd = harness_file("file", "text", 4);
    struct harness_op truncate = {0};
    hark_ftruncate(loop, &truncate.op, fd, 2, harness_done);
    assert_result(harness_wait(loop, &truncate), 0);
    hark_cancel_all(loop);
    harness_run(loop);
    harness_close(loop, (int)accepting.results[0]);
    harness_close(loop, client);
    harness_close(loop, listener);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    harness_close(loop, fd);
}

BACKEND_TEST(promise_12_same_results_without_each_feature_and_without_all)
{
    const struct hark_feature *features = NULL;
    size_t count = hark_loop_features(loop, &features);
    char all[1000] = "";
    for (size_t index = 0; index < count; index++) {
        strcat(all, index ? "," : "");
        strcat(all, features[index].name);
    }
    for (size_t index = 0; index <= count && count > 0; index++) {
        setenv("HARK_URING_WITHOUT", index < count ? features[index].name : all, 1);
        struct hark_loop *other = harness_loop_create(NULL);
        const struct hark_feature *less = NULL;
        assert_int_equal(hark_loop_features(other, &less), count);
        for (size_t feature = 0; feature < count; feature++)
            if (feature == index || index == count)
                assert_false(less[feature].used);
        exercise(other);
        harness_loop_destroy(other);
    }
    unsetenv("HARK_URING_WITHOUT");
    exercise(loop);
}

BACKEND_TEST(descriptor_past_select_gives_erange_there_and_works_elsewhere)
{
    int pair[2];
    char bytes[4] = {0};
    struct harness_op ops[6] = {0};
    harness_socket_pair(loop, pair);
    int high = fcntl(pair[0], F_DUPFD_CLOEXEC, FD_SETSIZE);
    int highest = fcntl(pair[0], F_DUPFD_CLOEXEC, FD_SETSIZE + 500);
    if (high < 0 || highest < 0)
        harness_skip("RLIMIT_NOFILE is too low");
    assert_int_equal(write(pair[1], "abcdefgh", 8), 8);
    hark_recv(loop, &ops[0].op, high, bytes, 1, 0, harness_done);
    hark_poll(loop, &ops[1].op, highest, HARK_POLL_WRITABLE, harness_done);
    hark_send(loop, &ops[2].op, high, "x", 1, 0, harness_done);
    hark_read(loop, &ops[3].op, highest, bytes, 1, HARK_AT_POSITION, harness_done);
    hark_poll_each(loop, &ops[4].op, high, 0x10000, harness_done);
    hark_recv_each(loop, &ops[5].op, -1, harness_done);
    harness_run(loop);
    bool select_refuses = harness_backend() == HARK_BACKEND_SELECT;
    assert_result(ops[0].result, select_refuses ? -ERANGE : 1);
    assert_result(ops[1].result, select_refuses ? -ERANGE : HARK_POLL_WRITABLE);
    assert_result(ops[2].result, select_refuses ? -ERANGE : 1);
    assert_result(ops[3].result, select_refuses ? -ERANGE : 1);
    assert_true(ops[4].result == -EINVAL || (select_refuses && ops[4].result == -ERANGE));
    assert_result(ops[5].result, -EBADF);
    harness_close(loop, high); /* closing works everywhere */
    harness_close(loop, highest);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(file_past_select_is_read_on_every_backend)
{
    char bytes[4];
    struct harness_op op = {0};
    int low = harness_file("file", "text", 4);
    int high = fcntl(low, F_DUPFD_CLOEXEC, FD_SETSIZE + 10);
    if (high < 0)
        harness_skip("RLIMIT_NOFILE is too low");
    hark_read(loop, &op.op, high, bytes, 4, 0, harness_done);
    assert_result(harness_wait(loop, &op), 4);
    harness_close(loop, high);
    harness_close(loop, low);
}

/* ThreadSanitizer does not see io_uring close a descriptor: where the kernel gives its number anew,
 * to another thread, it finds a race of the two calls. */
static bool thread_sanitizer_is_misled(void)
{
    return THREAD_SANITIZED && harness_backend() == HARK_BACKEND_URING;
}

static void *loop_in_thread(void *context)
{
    (void)context;
    struct hark_loop *loop = harness_loop_create(NULL);
    exercise(loop);
    harness_loop_destroy(loop);
    return NULL;
}

BACKEND_TEST(promise_13_loops_in_threads_do_not_meet)
{
    pthread_t threads[3];
    if (thread_sanitizer_is_misled())
        harness_skip("ThreadSanitizer takes descriptors that io_uring closes for open ones");
    harness_directory();
    for (int index = 0; index < 3; index++)
        assert_int_equal(pthread_create(&threads[index], NULL, loop_in_thread, NULL), 0);
    exercise(loop);
    for (int index = 0; index < 3; index++)
        pthread_join(threads[index], NULL);
}

BACKEND_TEST(promise_14_the_loops_own_descriptors_are_close_on_exec)
{
    static int descriptors[1000];
    size_t count = harness_descriptors(descriptors, 1000);
    for (size_t index = 0; index < count; index++)
        if (descriptors[index] > 2 && fcntl(descriptors[index], F_GETFD) == 0) {
            char link[64];
            char target[200];
            snprintf(link, sizeof link, "/proc/self/fd/%d", descriptors[index]);
            ssize_t length = readlink(link, target, sizeof target - 1);
            target[length > 0 ? length : 0] = '\0';
            if (strstr(target, "eventpoll") || strstr(target, "eventfd") ||
                strstr(target, "io_uring"))
                fail_msg("descriptor %d (%s) is not close-on-exec", descriptors[index], target);
        }
}
