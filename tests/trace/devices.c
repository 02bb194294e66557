/* devices.c - see the header.
 *
 * Nothing is left behind: a loop device clears itself at its last close; the file system is
 * mounted in a name space of this process and its server, and the server dies with its parent; the
 * group is removed by a process that notices that its parent's end of a pipe is gone. */
#include "trace/devices.h"
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- a loop device --- */

/* Another process may take the one that is free before we do.
 * Gives: a negative errno. */
static int take_loop(int control, int backing, int *out_number)
{
    const struct loop_config config = {.fd = (uint32_t)backing,
                                       .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY};
    char path[32];
    int error = -EBUSY;
    for (int tries = 0; tries < 100 && error == -EBUSY; tries++) {
        *out_number = ioctl(control, LOOP_CTL_GET_FREE);
        if (*out_number < 0)
            return -errno;
        snprintf(path, sizeof path, "/dev/loop%d", *out_number);
        int device = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
        if (device < 0)
            return -errno;
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0)
            return device;
        error = -errno;
        close(device);
    }
    return error;
}

int device_loop(int backing, char name[16])
{
    int number;
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        harness_skip("there are no loop devices: %s", strerror(errno));
    int device = take_loop(control, backing, &number);
    close(control);
    if (device < 0)
        harness_skip("no loop device can be had: %s", strerror(-device));
    snprintf(name, 16, "loop%d", number);
    return device;
}

/* --- a slow file system --- */

enum { FILE_NODE = 2, REQUEST_BYTES = FUSE_MIN_READ_BUFFER + 4096 };

struct slow_server {
    int fd;
    uint64_t bytes, delay_ns;
};

static void answer(const struct slow_server *server, const struct fuse_in_header *in, int error,
                   const void *bytes, size_t count)
{
    static char reply[sizeof(struct fuse_out_header) + (128 << 10)];
    struct fuse_out_header out = {
        .len = (uint32_t)(sizeof out + count), .error = error, .unique = in->unique};
    memcpy(reply, &out, sizeof out);
    if (count)
        memcpy(reply + sizeof out, bytes, count);
    if (write(server->fd, reply, out.len) < 0 && errno != ENOENT)
        _exit(1); /* it has been unmounted */
}

static struct fuse_attr attributes_of(const struct slow_server *server, uint64_t node)
{
    bool is_file = node == FILE_NODE;
    return (struct fuse_attr){.ino = node,
                              .size = is_file ? server->bytes : 0,
                              .mode = is_file ? S_IFREG | 0600 : S_IFDIR | 0700,
                              .nlink = 1,
                              .blksize = 4096};
}

static void answer_read(const struct slow_server *server, const struct fuse_in_header *in,
                        const struct fuse_read_in *read)
{
    static const char zeros[128 << 10];
    uint64_t left = read->offset < server->bytes ? server->bytes - read->offset : 0;
    size_t count = read->size < left ? read->size : left;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t at_ns = (uint64_t)until.tv_nsec + server->delay_ns;
    until.tv_sec += (time_t)(at_ns / 1000000000);
    until.tv_nsec = (long)(at_ns % 1000000000);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
    answer(server, in, 0, zeros, count < sizeof zeros ? count : sizeof zeros);
}

static void serve(const struct slow_server *server, const struct fuse_in_header *in,
                  const void *body)
{
    struct fuse_init_out begun = {.major = FUSE_KERNEL_VERSION,
                                  .minor = FUSE_KERNEL_MINOR_VERSION,
                                  .max_write = 4096,
                                  .max_background = 16,
                                  .time_gran = 1};
    struct fuse_entry_out entry = {.nodeid = FILE_NODE,
                                   .entry_valid = 3600,
                                   .attr_valid = 3600,
                                   .attr = attributes_of(server, FILE_NODE)};
    struct fuse_attr_out attributes = {.attr_valid = 3600,
                                       .attr = attributes_of(server, in->nodeid)};
    struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};
    switch (in->opcode) {
    case FUSE_INIT:
        return answer(server, in, 0, &begun, sizeof begun);
    case FUSE_LOOKUP:
        return answer(server, in, 0, &entry, sizeof entry);
    case FUSE_GETATTR:
        return answer(server, in, 0, &attributes, sizeof attributes);
    case FUSE_OPEN:
        return answer(server, in, 0, &opened, sizeof opened);
    case FUSE_READ:
        return answer_read(server, in, body);
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_DESTROY:
        return answer(server, in, 0, NULL, 0);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        return answer(server, in, -ENOSYS, NULL, 0);
    }
}

static _Noreturn void serve_until_unmounted(const struct slow_server *server, pid_t parent)
{
    static _Alignas(8) char request[REQUEST_BYTES];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) {
        ssize_t count = read(server->fd, request, sizeof request);
        if (count < (ssize_t)sizeof(struct fuse_in_header)) {
            if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
                continue;
            break;
        }
        serve(server, (const void *)request, request + sizeof(struct fuse_in_header));
    }
    _exit(0);
}

static void mount_it(const struct slow_file *file, int fd)
{
    char options[80];
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        harness_skip("there is no mount name space to be had: %s", strerror(errno));
    assert_int_equal(mkdir(file->mount, 0700), 0);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    if (mount("hark-test", file->mount, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
        harness_skip("FUSE cannot be mounted: %s", strerror(errno));
}

void slow_file_open(struct slow_file *file, uint64_t bytes, uint64_t delay_ns)
{
    struct slow_server server = {.bytes = bytes, .delay_ns = delay_ns};
    char path[160];
    snprintf(file->mount, sizeof file->mount, "%s", harness_path("slow"));
    server.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (server.fd < 0)
        harness_skip("there is no FUSE: %s", strerror(errno));
    mount_it(file, server.fd);
    pid_t parent = getpid();
    file->server = fork();
    assert_true(file->server >= 0);
    if (file->server == 0)
        serve_until_unmounted(&server, parent);
    close(server.fd);
    snprintf(path, sizeof path, "%s/file", file->mount);
    file->fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file->fd >= 0);
}

void slow_file_close(struct slow_file *file)
{
    close(file->fd);
    assert_int_equal(umount2(file->mount, MNT_DETACH), 0);
    assert_int_equal(waitpid(file->server, NULL, 0), file->server);
}

/* --- a throttled group --- */

static int put_line(const char *group, const char *name, const char *line)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t count = write(fd, line, strlen(line));
    int error = count < 0 ? -errno : 0;
    close(fd);
    return error;
}

/* A group cannot go before the last of its processes has. */
static _Noreturn void remove_later(const char *group, int pipe)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    char byte;
    while (read(pipe, &byte, 1) < 0 && errno == EINTR)
        continue;
    for (int tries = 0; tries < 10000 && rmdir(group) < 0 && errno == EBUSY; tries++)
        nanosleep(&pause, NULL);
    _exit(0);
}

static void guard(struct throttle *throttle)
{
    int ends[2];
    harness_pipe(ends, 0);
    throttle->guarded = ends[1];
    throttle->guard = fork();
    assert_true(throttle->guard >= 0);
    if (throttle->guard == 0) {
        setsid(); /* who ends a test that fails kills its process group */
        close(ends[1]);
        remove_later(throttle->group, ends[0]);
    }
    close(ends[0]);
}

void throttle_begin(struct throttle *throttle, dev_t device, unsigned reads_per_second)
{
    /* Of the second version, which has one hierarchy, and of the first. */
    static const struct {
        const char *hierarchy, *file;
    } versions[] = {
        {"/sys/fs/cgroup", "io.max"},
        {"/sys/fs/cgroup/blkio", "blkio.throttle.read_iops_device"},
    };
    char line[64];
    int error = -ENOENT;
    for (size_t i = 0; i < sizeof versions / sizeof *versions && error; i++) {
        snprintf(throttle->group, sizeof throttle->group, "%s/hark-test-%d", versions[i].hierarchy,
                 (int)getpid());
        if (mkdir(throttle->group, 0700) < 0)
            continue;
        snprintf(line, sizeof line, i == 0 ? "%u:%u riops=%u" : "%u:%u %u", major(device),
                 minor(device), reads_per_second);
        error = put_line(throttle->group, versions[i].file, line);
        if (error)
            rmdir(throttle->group);
    }
    if (error)
        harness_skip("no control group of ours throttles: %s", strerror(-error));
    guard(throttle);
    assert_result(put_line(throttle->group, "cgroup.procs", "0"), 0);
}

void throttle_end(struct throttle *throttle)
{
    char above[160];
    snprintf(above, sizeof above, "%s/..", throttle->group);
    assert_result(put_line(above, "cgroup.procs", "0"), 0);
    close(throttle->guarded);
    assert_int_equal(waitpid(throttle->guard, NULL, 0), throttle->guard);
}
