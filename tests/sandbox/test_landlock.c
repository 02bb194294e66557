/* test_landlock.c - files and ports that are not allowed are refused, and what is allowed goes on:
 * each in a process of its own, as there is no way back. */
#include "sandbox/child.h"
#include "sandbox/landlock.h"
#include "sandbox/privileges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char above[PATH_MAX], inside[PATH_MAX + 8], outside[PATH_MAX + 8];

static const char *at(const char *directory, const char *name)
{
    static char path[2][PATH_MAX + 64];
    static int next;
    next = !next;
    snprintf(path[next], sizeof path[next], "%s/%s", directory, name);
    return path[next];
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* directory/in/here with a file, directory/out with one. */
static void make_places(void)
{
    snprintf(above, sizeof above, "%s", harness_directory());
    snprintf(inside, sizeof inside, "%s/in", above);
    snprintf(outside, sizeof outside, "%s/out", above);
    assert_true(mkdir(inside, 0700) == 0 && mkdir(outside, 0700) == 0);
    assert_int_equal(mkdir(at(inside, "here"), 0700), 0);
    make_file(at(inside, "here/file"));
    make_file(at(outside, "file"));
}

/* Where the kernel has it. */
static void in_landlocked(void (*body)(void))
{
    struct landlock landlock;
    if (landlock_begin(&landlock, true, true) < 0)
        harness_skip("there is no Landlock here");
    landlock_done(&landlock);
    make_places();
    in_child(body);
}

static int begin(struct landlock *landlock)
{
    EXPECT(landlock_begin(landlock, false, false) == 0);
    EXPECT(privileges_renounce() == 0);
    return landlock->version;
}

/* Gives: 0; the errno. */
static int opened(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? errno : 0;
}

static void *open_outside(void *argument)
{
    *(int *)argument = opened(at(outside, "file"), O_RDONLY);
    return NULL;
}

static void keep_a_directory(void)
{
    struct landlock landlock;
    pthread_t thread;
    int error = 0;
    begin(&landlock);
    EXPECT(landlock_allow(&landlock, inside, LANDLOCK_KEEP) == 0);
    EXPECT(landlock_enter(&landlock) == 0);
    EXPECT(opened(at(inside, "here/file"), O_RDWR | O_TRUNC) == 0);
    EXPECT(opened(at(inside, "new"), O_RDWR | O_CREAT) == 0);
    EXPECT(rename(at(inside, "new"), at(inside, "newer")) == 0);
    EXPECT(unlink(at(inside, "newer")) == 0);
    EXPECT(opened(at(outside, "file"), O_RDONLY) == EACCES);
    EXPECT(opened(at(outside, "new"), O_WRONLY | O_CREAT) == EACCES);
    EXPECT(unlink(at(outside, "file")) < 0 && errno == EACCES);
    EXPECT(opened("/", O_RDONLY | O_DIRECTORY) == EACCES);
    EXPECT(symlink("x", at(inside, "link")) < 0 && errno == EACCES);
    EXPECT(pthread_create(&thread, NULL, open_outside, &error) == 0);
    EXPECT(pthread_join(thread, NULL) == 0 && error == EACCES);
    landlock_done(&landlock);
}

TEST(a_directory_is_kept_and_all_else_refused)
{
    in_landlocked(keep_a_directory);
}

static void read_alone(void)
{
    struct landlock landlock;
    begin(&landlock);
    EXPECT(landlock_allow(&landlock, inside, LANDLOCK_READ) == 0);
    EXPECT(landlock_allow(&landlock, outside, LANDLOCK_LIST) == 0);
    EXPECT(landlock_enter(&landlock) == 0);
    EXPECT(opened(at(inside, "here/file"), O_RDONLY) == 0);
    EXPECT(opened(at(inside, "here/file"), O_WRONLY) == EACCES);
    EXPECT(opened(at(inside, "new"), O_WRONLY | O_CREAT) == EACCES);
    EXPECT(opened(outside, O_RDONLY | O_DIRECTORY) == 0);
    EXPECT(opened(at(outside, "file"), O_RDONLY) == EACCES);
}

TEST(what_may_be_read_cannot_be_written_and_what_is_listed_cannot_be_read)
{
    in_landlocked(read_alone);
}

/* As a renewed certificate does. */
static void replace_a_file(void)
{
    struct landlock landlock;
    EXPECT(symlink(at(outside, "file"), at(inside, "here/link")) == 0);
    begin(&landlock);
    landlock_allow_around(&landlock, at(inside, "here/link"), LANDLOCK_READ);
    EXPECT(rename(at(inside, "here/file"), at(outside, "moved")) == 0);
    EXPECT(opened(at(outside, "fresh"), O_WRONLY | O_CREAT) == 0);
    EXPECT(unlink(at(inside, "here/link")) == 0);
    EXPECT(symlink(at(outside, "fresh"), at(inside, "here/link")) == 0);
    EXPECT(landlock_enter(&landlock) == 0);
    EXPECT(opened(at(inside, "here/link"), O_RDONLY) == 0);
    EXPECT(opened(at(inside, "here/link"), O_WRONLY) == EACCES);
    EXPECT(opened(inside, O_RDONLY | O_DIRECTORY) == EACCES);
}

TEST(another_file_may_take_the_place_of_one_that_is_read_anew)
{
    in_landlocked(replace_a_file);
}

static void make_a_directory_anew(void)
{
    struct landlock landlock;
    begin(&landlock);
    landlock_allow_above(&landlock, at(inside, "here/*.log"), LANDLOCK_READ);
    landlock_allow_above(&landlock, at(outside, "later/still/x.log"), LANDLOCK_READ);
    EXPECT(unlink(at(inside, "here/file")) == 0 && rmdir(at(inside, "here")) == 0);
    EXPECT(mkdir(at(inside, "here"), 0700) == 0);
    EXPECT(opened(at(inside, "here/a.log"), O_WRONLY | O_CREAT) == 0);
    EXPECT(mkdir(at(outside, "later"), 0700) == 0);
    EXPECT(opened(at(outside, "later/x.log"), O_WRONLY | O_CREAT) == 0);
    EXPECT(landlock_enter(&landlock) == 0);
    EXPECT(opened(at(inside, "here/a.log"), O_RDONLY) == 0);
    EXPECT(opened(at(outside, "later/x.log"), O_RDONLY) == 0);
    EXPECT(opened(above, O_RDONLY | O_DIRECTORY) == EACCES);
}

TEST(directories_of_followed_files_may_be_made_anew_or_later)
{
    in_landlocked(make_a_directory_anew);
}

static int bound(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    close(fd);
    return result;
}

static void use_ports(void)
{
    struct landlock landlock;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (begin(&landlock) < 4)
        return; /* Linux 6.7 brought ports */
    EXPECT(landlock_allow_port(&landlock, 0) == 0);
    EXPECT(landlock_enter(&landlock) == 0);
    EXPECT(bound(0) == 0);
    EXPECT(bound(45678) == EACCES);
    address.sin_port = htons(9);
    EXPECT(connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES);
}

TEST(ports_that_no_option_names_are_refused_and_so_are_connections)
{
    in_landlocked(use_ports);
}

TEST(a_missing_directory_is_made)
{
    const char *path = at(harness_directory(), "made");
    assert_int_equal(landlock_make_directory(path, 0750), 0);
    assert_int_equal(landlock_make_directory(path, 0750), 0);
    assert_int_equal(opened(path, O_RDONLY | O_DIRECTORY), 0);
    assert_int_equal(landlock_make_directory(at(harness_directory(), "none/made"), 0750), -ENOENT);
}
