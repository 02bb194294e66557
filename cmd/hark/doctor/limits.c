/* limits.c - descriptors, locked memory, the backlog of listeners, inotify: what they are, what
 * they should be, how to change them. Numbers that are enough are passed over with one row each.
 */
#include "doctor/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hark.h"

enum {
    DESCRIPTORS_GOOD = 65536, /* a connection takes one */
    MEMLOCK_GOOD = 8 * 1024 * 1024,
    BACKLOG_GOOD = 4096, /* the kernel's own default since Linux 5.4 */
    WATCHES_GOOD = 8192,
    INSTANCES_GOOD = 128,
};

int limits_read_number(const char *path, int64_t *out_number)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    int found = fscanf(file, "%" SCNd64, out_number);
    fclose(file);
    return found == 1 ? 0 : -EINVAL;
}

/* "1024, at most 4096", or without limit. */
static const char *format_limit(const struct rlimit *limit, rlim_t unit, const char *unit_name,
                                char *text, size_t room)
{
    if (limit->rlim_cur == RLIM_INFINITY)
        snprintf(text, room, "unlimited");
    else if (limit->rlim_max == RLIM_INFINITY || limit->rlim_max == limit->rlim_cur)
        snprintf(text, room, "%ju%s", (uintmax_t)(limit->rlim_cur / unit), unit_name);
    else
        snprintf(text, room, "%ju%s, can be raised to %ju%s", (uintmax_t)(limit->rlim_cur / unit),
                 unit_name, (uintmax_t)(limit->rlim_max / unit), unit_name);
    return text;
}

static void report_descriptors(struct report *report)
{
    struct rlimit limit;
    char found[96];
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    format_limit(&limit, 1, "", found, sizeof found);
    if (limit.rlim_cur >= DESCRIPTORS_GOOD)
        report_row(report, REPORT_GOOD, "open files (nofile)", found, NULL);
    else
        report_row(report, REPORT_NOTE, "open files (nofile)", found,
                   "each connection takes one: for more, `ulimit -n 65536` before hark serve,\n"
                   "or LimitNOFILE=65536 in its systemd unit");
}

static void report_locked_memory(struct report *report)
{
    struct rlimit limit;
    char found[96];
    if (getrlimit(RLIMIT_MEMLOCK, &limit))
        return;
    format_limit(&limit, 1024, " KiB", found, sizeof found);
    if (limit.rlim_cur >= MEMLOCK_GOOD || geteuid() == 0)
        report_row(report, REPORT_GOOD, "locked memory (memlock)", found, NULL);
    else
        report_row(
            report, REPORT_NOTE, "locked memory (memlock)", found,
            "kernels before 5.12 count io_uring's rings here, and ENOMEM means that they did\n"
            "not fit: `ulimit -l 8192`, or LimitMEMLOCK=8M in the systemd unit");
}

/* A number of /proc/sys that should not be below `good`. */
static void report_sysctl(struct report *report, const char *what, const char *path, int64_t good,
                          const char *advice)
{
    int64_t number = 0;
    char found[64];
    int error = limits_read_number(path, &number);
    if (error) {
        snprintf(found, sizeof found, "cannot be read: %s", hark_error_text(error));
        report_row(report, REPORT_GOOD, what, found, NULL);
        return;
    }
    snprintf(found, sizeof found, "%" PRId64, number);
    report_row(report, number >= good ? REPORT_GOOD : REPORT_NOTE, what, found,
               number >= good ? NULL : advice);
}

static void report_inotify(struct report *report)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) {
        report_row(report, REPORT_PROBLEM, "inotify", hark_error_text(errno),
                   errno == EMFILE
                       ? "hark serve --tail needs an instance, and this user has used up all:\n"
                         "sysctl -w fs.inotify.max_user_instances=1024"
                       : "hark serve --tail needs it: only the other sources of events will work");
        return;
    }
    close(fd);
    report_row(report, REPORT_GOOD, "inotify", "usable, for --tail", NULL);
    report_sysctl(
        report, "inotify instances", "/proc/sys/fs/inotify/max_user_instances", INSTANCES_GOOD,
        "one for each hark serve with --tail: sysctl -w fs.inotify.max_user_instances=128");
    report_sysctl(report, "inotify watches", "/proc/sys/fs/inotify/max_user_watches", WATCHES_GOOD,
                  "--tail takes one for each file and each directory above it:\n"
                  "sysctl -w fs.inotify.max_user_watches=65536");
}

void limits_report(struct report *report)
{
    report_descriptors(report);
    report_locked_memory(report);
    report_sysctl(
        report, "listen queue (somaxconn)", "/proc/sys/net/core/somaxconn", BACKLOG_GOOD,
        "when many clients connect at once some must try again: sysctl -w net.core.somaxconn=4096");
    report_inotify(report);
}
