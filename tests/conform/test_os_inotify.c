/* test_os_inotify.c - os_inotify.h: watches, and their events read on each backend. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LONGEST = 255 };

static int begin(void)
{
    int fd = hark_os_inotify_init();
    assert_true(fd >= 0);
    return fd;
}

static int watch(int fd, const char *path, uint32_t events)
{
    int number = hark_os_inotify_add_watch(fd, path, events);
    assert_true(number > 0);
    return number;
}

/* The events that are there, or that come. */
struct events {
    _Alignas(struct inotify_event) char bytes[64 * 1024];
    size_t filled, at;
};

static void read_events(struct hark_loop *loop, int fd, struct events *events)
{
    struct harness_op read = {0};
    hark_read(loop, &read.op, fd, events->bytes, sizeof events->bytes, HARK_AT_POSITION,
              harness_done);
    int64_t filled = harness_wait(loop, &read);
    assert_true(filled > 0);
    events->filled = (size_t)filled;
    events->at = 0;
}

static const struct inotify_event *next_event(struct hark_loop *loop, int fd, struct events *events)
{
    if (events->at == events->filled)
        read_events(loop, fd, events);
    const struct inotify_event *event = (const void *)(events->bytes + events->at);
    events->at += sizeof *event + event->len;
    assert_true(events->at <= events->filled);
    return event;
}

static void touch(const char *name)
{
    int fd = hark_os_openat(AT_FDCWD, harness_path(name), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_result(hark_os_close_unknown(fd), 0);
}

BACKEND_TEST(os_inotify_tells_of_names_in_a_directory)
{
    struct events events = {.filled = 0};
    char longest[NAME_LONGEST + 1];
    memset(longest, 'n', NAME_LONGEST);
    longest[NAME_LONGEST] = '\0';
    int fd = begin();
    int number = watch(fd, harness_directory(), IN_CREATE | IN_DELETE | IN_ONLYDIR);
    touch("short");
    touch(longest);
    const struct inotify_event *event = next_event(loop, fd, &events);
    assert_int_equal(event->wd, number);
    assert_int_equal(event->mask, IN_CREATE);
    assert_string_equal(event->name, "short");
    event = next_event(loop, fd, &events);
    assert_string_equal(event->name, longest);
    assert_int_equal(unlink(harness_path("short")), 0);
    assert_int_equal(next_event(loop, fd, &events)->mask, IN_DELETE);
    harness_close(loop, fd);
}

BACKEND_TEST(os_inotify_read_waits_for_a_watch_that_comes_later)
{
    struct harness_op read = {0};
    struct events events;
    int fd = begin();
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    hark_read(loop, &read.op, fd, events.bytes, sizeof events.bytes, HARK_AT_POSITION,
              harness_done);
    harness_settle(loop);
    assert_int_equal(read.calls, 0);
    watch(fd, harness_directory(), IN_CREATE);
    touch("f");
    assert_true(harness_wait(loop, &read) > 0);
    harness_close(loop, fd);
}

BACKEND_TEST(os_inotify_watch_is_of_the_thing_and_one_for_each)
{
    if (harness_in_world())
        harness_skip("a file of a world has one name, and there is no /proc");
    struct events events = {.filled = 0};
    char path[64];
    int file = harness_file("f", "", 0), fd = begin();
    int number = watch(fd, harness_path("f"), IN_MODIFY);
    assert_int_equal(link(harness_path("f"), harness_path("g")), 0);
    assert_int_equal(watch(fd, harness_path("g"), IN_MOVE_SELF | IN_MASK_ADD), number);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    assert_int_equal(watch(fd, path, IN_MODIFY | IN_MASK_ADD), number);
    assert_int_equal(rename(harness_path("f"), harness_path("h")), 0);
    assert_int_equal(next_event(loop, fd, &events)->mask, IN_MOVE_SELF);
    assert_result(hark_os_write(file, "x", 1), 1);
    assert_int_equal(next_event(loop, fd, &events)->mask, IN_MODIFY);
    harness_close(loop, file);
    harness_close(loop, fd);
}

BACKEND_TEST(os_inotify_rm_watch_ends_it_with_an_event)
{
    struct events events = {.filled = 0};
    int fd = begin();
    int number = watch(fd, harness_directory(), IN_CREATE);
    assert_result(hark_os_inotify_rm_watch(fd, number), 0);
    touch("f");
    const struct inotify_event *event = next_event(loop, fd, &events);
    assert_int_equal(event->mask, IN_IGNORED);
    assert_int_equal(event->wd, number);
    assert_int_equal(events.at, events.filled);
    assert_result(hark_os_inotify_rm_watch(fd, number), -EINVAL);
    harness_close(loop, fd);
    assert_result(hark_os_inotify_rm_watch(fd, number), -EBADF);
}

TEST(os_inotify_add_watch_tells_why_it_does_not_watch)
{
    char longest[NAME_LONGEST + 2];
    memset(longest, 'n', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    int file = harness_file("f", "", 0), fd = begin();
    assert_result(hark_os_inotify_add_watch(fd, harness_path("none"), IN_MODIFY), -ENOENT);
    assert_result(hark_os_inotify_add_watch(fd, harness_path("f"), IN_MODIFY | IN_ONLYDIR),
                  -ENOTDIR);
    assert_result(hark_os_inotify_add_watch(fd, harness_path("f"), 0), -EINVAL);
    assert_result(hark_os_inotify_add_watch(fd, harness_path(longest), IN_MODIFY), -ENAMETOOLONG);
    assert_result(hark_os_inotify_add_watch(file, harness_path("f"), IN_MODIFY), -EINVAL);
    assert_result(hark_os_close_unknown(fd), 0);
    assert_result(hark_os_inotify_add_watch(fd, harness_path("f"), IN_MODIFY), -EBADF);
    assert_result(hark_os_close_unknown(file), 0);
}

/* As many events as its queue has room for, and more: each differs from the one before, or the
 * kernel would make one of them. */
BACKEND_TEST(os_inotify_queue_that_overflows_says_so_at_its_end)
{
    if (harness_in_world())
        harness_skip("it asks /proc for the length of the queue");
    struct events events = {.filled = 0};
    char text[32] = "";
    int most = hark_os_openat(AT_FDCWD, "/proc/sys/fs/inotify/max_queued_events", O_RDONLY, 0);
    assert_true(most >= 0);
    assert_true(hark_os_read(most, text, sizeof text - 1) > 0);
    assert_result(hark_os_close_unknown(most), 0);
    long room = strtol(text, NULL, 10);
    if (room > 200000)
        harness_skip("the queue of inotify has room for %ld events", room);
    int files[] = {harness_file("a", "", 0), harness_file("b", "", 0)}, fd = begin();
    watch(fd, harness_path("a"), IN_ATTRIB);
    watch(fd, harness_path("b"), IN_ATTRIB);
    for (long i = 0; i < room + 10; i++)
        assert_int_equal(fchmod(files[i % 2], 0600), 0);
    long count = 0;
    const struct inotify_event *event;
    while (!((event = next_event(loop, fd, &events))->mask & IN_Q_OVERFLOW)) {
        assert_int_equal(event->mask, IN_ATTRIB);
        count++;
    }
    assert_int_equal(event->wd, -1);
    assert_int_equal(count, room);
    assert_int_equal(events.at, events.filled);
    assert_int_equal(fchmod(files[0], 0600), 0); /* and goes on */
    assert_int_equal(next_event(loop, fd, &events)->mask, IN_ATTRIB);
    harness_close(loop, files[0]);
    harness_close(loop, files[1]);
    harness_close(loop, fd);
}
