/* test_watch_mount.c - a watch of a mount (hark/watch_mount.h) on older kernels, and where the
 * kernel refuses what it is asked for. */
#include "conform/mounted.h"
#include "fault/faults.h"

#include <errno.h>
#include <unistd.h>

/* How a watch ends that is told of one name. */
static int ends_with(struct hark_loop *loop)
{
    struct mounted mounted = {0};
    mounted_start(&mounted, loop, "", HARK_WATCH_CREATED);
    while (mounted.count == 0 && !mounted.is_closed)
        assert_true(hark_run_once(loop) >= 0);
    if (!mounted.is_closed)
        mounted_mkdir("d");
    mounted_await_end(&mounted);
    return mounted.error;
}

BACKEND_TEST(mount_without_joined_renamings_is_told_of_both_halves)
{
    struct mounted mounted = {0};
    mounted_mount();
    FAULT(.calls = "kernel_fanotify_mark", .error = -EINVAL); /* before Linux 5.17 */
    mounted_touch("a");
    mounted_open(&mounted, loop, "", 0);
    mounted_rename("a", "b");
    mounted_expect(&mounted, "removed a, created b");
    mounted_close(&mounted);
}

BACKEND_TEST(mount_on_a_kernel_that_names_no_files_is_refused)
{
    static const struct hark_watch_mount_events none = {0};
    struct hark_watch_mount watch = {0};
    FAULT(.calls = "kernel_fanotify_init", .error = -EINVAL); /* before Linux 5.9 */
    assert_result(hark_watch_mount_open(loop, &watch, "/", 0, &none), -ENOSYS);
    FAULT(.calls = "kernel_fanotify_init", .error = -EMFILE);
    assert_result(hark_watch_mount_open(loop, &watch, "/", 0, &none), -EMFILE);
}

BACKEND_TEST(mount_ends_with_what_the_kernel_refuses)
{
    static const struct {
        const char *call;
        uint64_t after;
        int error;
    } cases[] = {
        {"kernel_openat", 0, -EMFILE}, /* the directory */
        {"kernel_name_to_handle_at", 0, -EOPNOTSUPP},
        {"kernel_open_by_handle_at", 0, -EPERM}, /* the first try */
        {"kernel_fanotify_mark", 0, -ENOSPC},
        {"kernel_open_by_handle_at", 1, -ENFILE}, /* of an event */
        {"kernel_readlinkat", 0, -ENOMEM},
    };
    mounted_mount();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fault = FAULT(.calls = cases[i].call, .after = cases[i].after, .error = cases[i].error);
        assert_result(ends_with(loop), cases[i].error);
        assert_int_equal(fault_met(fault), 1);
        fault_end(fault);
        (void)rmdir(mounted_path("d"));
    }
}

BACKEND_TEST(mount_passes_over_a_directory_that_is_gone)
{
    struct mounted mounted = {0};
    mounted_mount();
    mounted_mkdir("d");
    mounted_open(&mounted, loop, "", HARK_WATCH_CREATED);
    FAULT(.calls = "kernel_open_by_handle_at", .error = -ESTALE);
    mounted_touch("d/unseen");
    mounted_touch("e");
    mounted_expect(&mounted, "created e");
    mounted_close(&mounted);
}
