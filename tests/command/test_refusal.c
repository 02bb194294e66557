/* test_refusal.c - what a publisher is told of an error: "nothing was kept" where that is sure, and
 * nowhere else. */
#include "connection/refusal.h"
#include "harness/harness.h"

#include <errno.h>
#include <string.h>

TEST(nothing_was_kept_is_said_where_it_is_sure)
{
    static const struct {
        int error, status;
    } rows[] = {
        {ENOSPC, 507}, {EFBIG, 507},  {EDQUOT, 507}, {EROFS, 507},     {EACCES, 507}, {EPERM, 507},
        {ENOENT, 507}, {EMFILE, 503}, {ENFILE, 503}, {EREMOTEIO, 503}, {EAGAIN, 503},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct refusal refusal = refusal_of(-rows[i].error);
        assert_int_equal(refusal.status, rows[i].status);
        if (strncmp(refusal.reason, "nothing was kept: ", 18) != 0)
            fail_msg("%s: %s", strerror(rows[i].error), refusal.reason);
    }
}

TEST(a_disk_that_failed_leaves_open_whether_the_event_is_kept)
{
    static const int errors[] = {EIO, ENODEV, EBADF};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct refusal refusal = refusal_of(-errors[i]);
        assert_int_equal(refusal.status, 500);
        assert_non_null(strstr(refusal.reason, "is not known"));
    }
}
