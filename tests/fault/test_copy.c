/* test_copy.c - names change places while a tree is copied (hark/tree.h), at each call in turn:
 * content and facts of a copy are of one file. On io_uring the kernel makes these calls by itself,
 * and there is no moment between two of them that a test could choose. */
#include "fault/faults.h"
#include "hark/tree.h"
#include "harness/lacking.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { ENOUGH = 100, MODE_OF_A = 04755, MODE_OF_B = 0640 };

static struct {
    struct hark_copy copy;
    bool is_done;
    int error;
    uint64_t calls, swap_at;
} seen;

static void copied(struct hark_copy *copy, int error)
{
    (void)copy;
    seen.is_done = true;
    seen.error = error;
}

/* "t/one" and "t/two" change their names. */
static void swap(void *context)
{
    (void)context;
    char one[400];
    if (seen.calls++ != seen.swap_at)
        return;
    snprintf(one, sizeof one, "%s", harness_path("t/one"));
    assert_int_equal(
        harness_renameat2(AT_FDCWD, one, AT_FDCWD, harness_path("t/two"), RENAME_EXCHANGE), 0);
}

static void make(const char *name, const char *content, mode_t mode)
{
    int fd = open(harness_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, 1), 1);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)fsetxattr(fd, "user.content", content, 1, 0); /* not every file system has them */
    assert_int_equal(close(fd), 0);
}

static void assert_is_one(const char *name)
{
    char content, attribute;
    struct stat status;
    int fd = open(harness_path(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &content, 1), 1);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, content == 'a' ? MODE_OF_A : MODE_OF_B);
    if (fgetxattr(fd, "user.content", &attribute, 1) == 1)
        assert_int_equal(attribute, content);
    assert_int_equal(close(fd), 0);
}

static void remove_all(void)
{
    static const char *const names[] = {"t/one", "t/two", "c/one", "c/two"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(harness_path(names[i]));
    rmdir(harness_path("t"));
    rmdir(harness_path("c"));
}

BACKEND_TEST(a_copy_has_content_and_facts_of_one_file_whatever_names_change)
{
    if (harness_backend() == HARK_BACKEND_URING)
        return;
    for (seen.swap_at = 0; seen.swap_at < ENOUGH; seen.swap_at++) {
        char from[400];
        assert_int_equal(mkdir(harness_path("t"), 0700), 0);
        make("t/one", "a", MODE_OF_A);
        make("t/two", "b", MODE_OF_B);
        snprintf(from, sizeof from, "%s", harness_path("t"));
        seen.is_done = false;
        seen.calls = 0;
        int fault = FAULT(.times = FAULT_FOR_EVER, .before = swap,
                          .calls = "kernel_openat kernel_statx kernel_listxattrat "
                                   "kernel_getxattrat kernel_attribute_at kernel_attribute_of");
        hark_copy_start(loop, &seen.copy, AT_FDCWD, from, AT_FDCWD, harness_path("c"), NULL,
                        copied);
        harness_run_until(loop, &seen.is_done);
        fault_end(fault);
        assert_int_equal(seen.error, 0);
        assert_is_one("c/one");
        assert_is_one("c/two");
        remove_all();
        if (seen.calls <= seen.swap_at)
            break;
    }
    assert_true(seen.swap_at > 10 && seen.swap_at < ENOUGH);
}
