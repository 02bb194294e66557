/* test_faults.c - a disk that fails for a moment, descriptors that lack, and what somebody has put
 * into the place of a place. */
#include "fault/faults.h"
#include "log/disk.h"
#include "tail/fixture.h"

#include <signal.h>
#include <sys/resource.h>

BACKEND_TEST(one_failed_sync_stops_no_tail)
{
    not_on_uring();
    struct server server = follow(loop, "one\n");
    wait_for_state(&server, "following");
    fail_calls("kernel_fdatasync", descriptor_of(harness_path("data"), ".log"));
    append_file("f", "two\nthree\n");
    wait_for_count(&server, 3);
    append_file("f", "four\n");
    wait_for_count(&server, 4);
    assert_true(reported("trying again"));
    ASSERT_LINES(&server, "one", "two", "three", "four");
    server_close(&server);
    append_file("f", "five\n");
    EXPECT_AT_START(loop, "one", "two", "three", "four", "five");
}

/* It is written to between the read of its last bytes and the answer that they are published. */
BACKEND_TEST(file_that_grows_while_its_rest_is_published_is_not_let_go)
{
    struct slow_disk slow;
    not_on_uring();
    append_file("f", "one\nrest");
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_until_read(&server, 1);
    slow_begin(&slow);
    rename_file("f", "f.1");
    slow_await(loop, &slow);
    append_file("f.1", "more\n");
    harness_settle(loop);
    slow_end();
    slow_let_go(&slow);
    CLOSE_WITH(&server, "one", "rest", "more");
    slow_close(&slow);
}

/* Runs the loop for many times as long as old files are kept. */
static void pass_time(struct hark_loop *loop, uint64_t let_go_ns)
{
    struct harness_op later = {0};
    hark_sleep(loop, &later.op, 20 * let_go_ns, harness_done);
    harness_run_until(loop, &later.ended);
}

/* It is to be let go while another's lines cannot be published, and is then back at the path. */
BACKEND_TEST(file_that_comes_back_to_its_path_before_it_is_let_go_is_followed_on)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    append_file("f", "one\n");
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_until_read(&server, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f", "three\n");
    limit.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    wait_for_state(&server, "waiting to try again");
    pass_time(loop, soon_ns);
    rename_file("f", "f.2");
    pass_time(loop, soon_ns);
    rename_file("f.2", "f");
    pass_time(loop, soon_ns);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    wait_for_count(&server, 3);
    append_file("f", "four\n");
    CLOSE_WITH(&server, "one", "two", "three", "four");
}

/* Its lines are of two commits, for a segment ends in it. The first fails, the second does not. */
BACKEND_TEST(lines_of_a_batch_that_failed_in_part_are_published_once)
{
    enum { LINES = 40, BYTES = 500 };
    const struct log_options options = {.segment_bytes = 8192};
    bool seen[LINES] = {false};
    char text[LINES * (BYTES + 1) + 1], *end = text;
    not_on_uring();
    append_file("f", "one\n");
    struct server server = server_open(loop, "f", &options, 0);
    wait_until_read(&server, 1);
    fail_calls("kernel_fdatasync", descriptor_of(harness_path("data"), ".log"));
    for (int i = 0; i < LINES; i++)
        end += sprintf(end, "%0*d\n", BYTES, i);
    append_file("f", text);
    wait_until_read(&server, 1 + LINES);
    assert_true(reported("trying again"));
    struct history history = read_from(loop, server.log, stream_name, LOG_START);
    assert_int_equal(history.events, 1 + LINES);
    for (size_t i = 1; i < history.count; i++) {
        int number = atoi((const char *)history.seen[i].bytes);
        assert_false(seen[number]);
        seen[number] = true;
    }
    history_free(&history);
    server_close(&server);
}

/* --- no descriptor is left --- */

static struct rlimit whole;

/* Leaves the process so many descriptors from here on. */
static void leave_descriptors(unsigned count)
{
    struct rlimit limit;
    int free_one = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &whole), 0);
    limit = whole;
    for (limit.rlim_cur = 0; limit.rlim_cur < 256; limit.rlim_cur++)
        if (fcntl((int)limit.rlim_cur, F_GETFD) < 0 && (unsigned)free_one++ == count)
            break;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void give_descriptors(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &whole), 0);
}

/* Waits until that is told, and then for some tries more that fail as well. */
static void wait_for_report(struct server *server, const char *part)
{
    while (!reported(part))
        assert_int_equal(hark_run_once(server->loop), 1);
    for (int turn = 0; turn < 20; turn++)
        assert_int_equal(hark_run_once(server->loop), 1);
}

BACKEND_TEST(file_that_found_no_descriptor_is_read_once_there_is_one)
{
    append_file("f", "one\n");
    append_file("next", "three\n");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_until_read(&server, 1);
    append_file("f", "two\n");
    leave_descriptors(0);
    rename_file("f", "f.1");
    rename_file("next", "f");
    wait_for_report(&server, "oo many open files");
    give_descriptors();
    CLOSE_WITH(&server, "one", "two", "three");
}

BACKEND_TEST(renamed_file_that_found_no_descriptor_is_read_once_there_is_one)
{
    append_file("f", "one\n");
    append_file("second", "two\n");
    append_file("third", "three\n");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_until_read(&server, 1);
    leave_descriptors(0);
    rename_file("f", "f.2");
    rename_file("second", "f");
    rename_file("f", "f.1");
    rename_file("third", "f");
    wait_for_report(&server, "oo many open files");
    give_descriptors();
    CLOSE_WITH(&server, "one", "two", "three");
}

/* Wherever it is that the start lacks one: no line is read twice, and none is left out. */
BACKEND_TEST(start_that_lacks_descriptors_goes_on_once_there_are_some)
{
    struct server server = follow(loop, "0\n");
    server_close(&server);
    for (unsigned left = 0; left < 4; left++) {
        append_numbers("f", left + 1, left + 2);
        reports.count = 0;
        server = server_open(loop, "f", NULL, 0);
        leave_descriptors(left);
        for (int turn = 0; turn < 50 && !reported("oo many open files"); turn++)
            assert_int_equal(hark_run_once(loop), 1);
        give_descriptors();
        wait_until_read(&server, left + 2);
        assert_numbers(&server, left + 2);
        server_close(&server);
    }
}

BACKEND_TEST(files_of_a_pattern_are_found_once_there_are_descriptors)
{
    append_file("fa", "one\n");
    append_file("other", "two\n");
    struct server server = server_open_into(loop, "f*", stream_name, NULL, 0);
    wait_until_read(&server, 1);
    leave_descriptors(0);
    rename_file("other", "fb");
    wait_for_report(&server, "cannot look for files");
    give_descriptors();
    CLOSE_WITH(&server, "one", "two");
}

/* A file that cannot be read may be one tomorrow: it is not given up. */
BACKEND_TEST(file_that_cannot_be_read_is_tried_again)
{
    not_on_uring();
    struct server server = follow(loop, "one\n");
    wait_for_state(&server, "following");
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", harness_path("f"));
    *strrchr(directory, '/') = '\0';
    fail_read(descriptor_of(directory, "f"));
    append_file("f", "two\n");
    wait_for_report(&server, "trying again");
    wait_for_state(&server, "waiting to try again");
    server_close(&server);
}

/* --- a disk that does not give a file --- */

static int descriptor_of_f(void)
{
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", harness_path("f"));
    *strrchr(directory, '/') = '\0';
    return descriptor_of(directory, "f");
}

/* A file that was read in part is rotated while its reads fail. */
static struct server rotate_while_reads_fail(struct hark_loop *loop, int *out_fault)
{
    struct server server = follow(loop, "one\n");
    wait_for_state(&server, "following");
    *out_fault = FAULT(.calls = "kernel_preadv2 kernel_preadv kernel_pread",
                       .fd = descriptor_of_f(), .error = -EIO, .times = FAULT_FOR_EVER);
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f", "three\n");
    return server;
}

BACKEND_TEST(rotated_file_that_cannot_be_read_for_good_is_named_and_the_next_one_read)
{
    int fault;
    not_on_uring();
    struct server server = rotate_while_reads_fail(loop, &fault);
    wait_until_read(&server, 2);
    fault_end(fault);
    ASSERT_LINES(&server, "one", "three");
    assert_true(reported("f.1 from byte 4 on"));
    assert_true(reported("are lost"));
    server_close(&server);
    EXPECT_AT_START(loop, "one", "three");
}

static void note_rotations(void *rotations, const struct tail_view *view)
{
    *(uint64_t *)rotations = view->rotations;
}

/* It fails once more when another file waits behind it; then the disk gives it. */
BACKEND_TEST(rotated_file_that_can_be_read_before_it_is_given_up_is_read_whole)
{
    int fault;
    uint64_t rotations = 0;
    not_on_uring();
    server_retry_ns = 50 * 1000000ULL; /* so that it is not given up on a busy machine */
    struct server server = rotate_while_reads_fail(loop, &fault);
    for (; rotations == 0; tail_each(server.tail, note_rotations, &rotations))
        assert_int_equal(hark_run_once(loop), 1);
    for (uint64_t met = fault_met(fault); fault_met(fault) < met + 2;)
        assert_int_equal(hark_run_once(loop), 1);
    fault_end(fault);
    wait_until_read(&server, 3);
    assert_false(reported("are lost"));
    server_retry_ns = 1000000;
    CLOSE_WITH(&server, "one", "two", "three");
}

/* Whether the file "f.1" is open, as it is while it is looked at. */
static bool is_looked_at(void)
{
    char link[64], target[4096];
    for (int fd = 0; fd < 64; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        const char *name = strrchr(target, '/');
        if (name && strcmp(name, "/f.1") == 0)
            return true;
    }
    return false;
}

BACKEND_TEST(copy_that_cannot_be_read_for_good_is_named_and_passed_over)
{
    struct server server = follow(loop, "one\n");
    wait_for_state(&server, "following");
    int fault = FAULT(.calls = "kernel_pread", .error = -EIO, .chooses = is_looked_at);
    append_file("f", "two\n");
    copy_file("f", "f.1");
    cut_file("f");
    append_file("f", "three\n");
    wait_until_read(&server, 2);
    fault_end(fault);
    ASSERT_LINES(&server, "one", "three");
    assert_true(reported("cannot be read (f.1)"));
    server_close(&server);
    EXPECT_AT_START(loop, "one", "three");
}

static void count_view(void *count, const struct tail_view *view)
{
    (void)view;
    ++*(size_t *)count;
}

/* Wherever it fails: the rotated file is none of its own, and the other one is found. */
static void match_while_calls_fail(struct hark_loop *loop, const char *calls)
{
    char away[64];
    bool met = true;
    for (unsigned after = 0; met; after++) {
        size_t followed = 0;
        int fault = FAULT(.calls = calls, .error = -EIO, .after = after);
        struct server server = server_open_into(loop, "f*", stream_name, NULL, 0);
        wait_until_read(&server, 1);
        ASSERT_LINES(&server, "one");
        tail_each(server.tail, count_view, &followed);
        assert_int_equal(followed, 1);
        met = fault_met(fault) > 0;
        fault_end(fault);
        server_close(&server);
        snprintf(away, sizeof away, "%s%u", calls, after);
        rename_file("data", away); /* as if it was the first time */
    }
}

BACKEND_TEST(disk_that_fails_while_names_are_matched_changes_nothing)
{
    append_file("f.1", "none of its own\n");
    append_file("f", "one\n");
    match_while_calls_fail(loop, "kernel_fstatat");
    match_while_calls_fail(loop, "kernel_faccessat");
}

/* --- what stands in the place of a place --- */

/* Puts another file into the place of a place, by a link, and opens the tail. */
static void replace_place(struct hark_loop *loop, int (*put)(const char *target, const char *path))
{
    char names[4][64], place[4096], target[4096];
    size_t length;
    append_file("f", "one\n");
    append_file("precious", "precious");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1);
    server_close(&server);
    assert_int_equal(list_files(harness_path("data"), ".position", names, 4), 1);
    snprintf(place, sizeof place, "%s", inside(harness_path("data"), names[0]));
    snprintf(target, sizeof target, "%s", harness_path("precious"));
    assert_int_equal(unlink(place), 0);
    assert_int_equal(put(target, place), 0);
    append_file("f", "two\n");
    server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 2);
    assert_true(reported("cannot keep its position"));
    ASSERT_LINES(&server, "one", "two");
    server_close(&server);
    unsigned char *bytes = load_file(target, &length);
    assert_int_equal(length, 8);
    assert_memory_equal(bytes, "precious", 8);
    free(bytes);
}

BACKEND_TEST(link_in_the_place_of_a_place_is_not_followed)
{
    replace_place(loop, symlink);
}

BACKEND_TEST(other_file_under_the_name_of_a_place_is_not_written_over)
{
    replace_place(loop, link);
}
