/* fixture.c - what tests stand on: connected pairs, pipes, a directory of their own, bytes that can
 * be told apart.
 *
 * Made with plain system calls, not with the loop's, so that a fault of the loop shows in the test
 * and not in its set-up.
 */
#include "harness/child.h"
#include "harness/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int harness_listen(struct hark_loop *loop, struct hark_address *out_address)
{
    (void)loop;
    struct hark_address address = {.length = sizeof address.name.ip4};
    address.name.ip4.sin_family = AF_INET;
    address.name.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    int on = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, &address.name.any, address.length), 0);
    assert_int_equal(listen(fd, HARK_BACKLOG_MAX), 0);
    assert_int_equal(getsockname(fd, &address.name.any, &address.length), 0);
    *out_address = address;
    return fd;
}

static bool are_connected(int client, int server)
{
    struct sockaddr_in here = {0}, there = {0};
    socklen_t length = sizeof here;
    return getsockname(client, (struct sockaddr *)&here, &length) == 0 &&
           getpeername(server, (struct sockaddr *)&there, &length) == 0 &&
           here.sin_port == there.sin_port;
}

/* The client's connection: a program that looks for another server may come in between. */
static int accept_from(int listener, int client)
{
    for (;;) {
        struct pollfd wait = {.fd = listener, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, -1), 1);
        int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(server >= 0);
        if (are_connected(client, server))
            return server;
        close(server);
    }
}

void harness_tcp_pair(struct hark_loop *loop, int out[2])
{
    struct hark_address address;
    int listener = harness_listen(loop, &address);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(client >= 0);
    int connected = connect(client, &address.name.any, address.length);
    assert_true(connected == 0 || errno == EINPROGRESS);
    int server = accept_from(listener, client);
    struct pollfd wait = {.fd = client, .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, -1), 1);
    close(listener);
    out[0] = client;
    out[1] = server;
}

void harness_socket_pair(struct hark_loop *loop, int out[2])
{
    (void)loop;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out), 0);
}

void harness_pipe(int out[2], int flags)
{
    assert_int_equal(pipe2(out, O_CLOEXEC | flags), 0);
}

void harness_close(struct hark_loop *loop, int fd)
{
    if (fd < 0)
        return;
    struct harness_op closing = {0};
    hark_close(loop, &closing.op, fd, harness_done);
    assert_result(harness_wait(loop, &closing), 0);
}

static void directory_name(char *room, size_t size, pid_t pid)
{
    const char *base = getenv("TMPDIR");
    snprintf(room, size, "%s/hark-test-%d", base && *base ? base : "/tmp", (int)pid);
}

const char *harness_directory(void)
{
    static char path[200];
    static pid_t owner;
    if (owner != getpid()) {
        directory_name(path, sizeof path, getpid());
        harness_directory_remove(getpid()); /* of an earlier process with this id */
        assert_int_equal(mkdir(path, 0700), 0);
        owner = getpid();
    }
    return path;
}

/* It may be deeper than a path is long: fts(3) goes down step by step. */
void harness_directory_remove(pid_t pid)
{
    char path[200];
    directory_name(path, sizeof path, pid);
    if (harness_in_world() || access(path, F_OK) < 0)
        return;
    char *const tops[] = {path, NULL};
    FTS *walk = fts_open(tops, FTS_PHYSICAL, NULL);
    assert_non_null(walk);
    for (FTSENT *entry; (entry = fts_read(walk));)
        if (entry->fts_info != FTS_D)
            remove(entry->fts_accpath);
    fts_close(walk);
}

const char *harness_path(const char *name)
{
    static _Thread_local char paths[4][400];
    static _Thread_local unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", harness_directory(), name);
    return path;
}

int harness_file(const char *name, const void *bytes, size_t count)
{
    int fd = open(harness_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (size_t written = 0; written < count;) {
        ssize_t step = write(fd, (const char *)bytes + written, count - written);
        assert_true(step > 0);
        written += (size_t)step;
    }
    assert_true(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* xorshift: every seed gives another sequence, and each byte tells its place. */
static uint64_t next_value(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void harness_fill(void *bytes, size_t count, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    unsigned char *at = bytes;
    for (size_t index = 0; index < count; index++)
        at[index] = (unsigned char)(next_value(&state) >> 24);
}

bool harness_filled(const void *bytes, size_t count, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    const unsigned char *at = bytes;
    for (size_t index = 0; index < count; index++)
        if (at[index] != (unsigned char)(next_value(&state) >> 24))
            return false;
    return true;
}

static size_t write_until_full(int fd)
{
    static const char block[65536];
    size_t total = 0;
    for (size_t piece = sizeof block; piece > 0;) {
        ssize_t step = write(fd, block, piece);
        if (step > 0)
            total += (size_t)step;
        else
            piece /= 2;
    }
    return total;
}

/* Whether TCP waits for the peer's kernel to take what is on its way: that may make room once
 * more. */
static bool is_under_way(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_unacked != 0;
}

void harness_make_room(int fd, int bytes)
{
    int room = 0;
    socklen_t length = sizeof room;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &length), 0);
    if (room < 2 * bytes)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
}

void harness_await_input(int fd)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&input, 1, -1), 1);
}

size_t harness_stuff(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    size_t total = write_until_full(fd);
    /* Bounded, as a segment that the peer has no room for is sent again and again. */
    for (int round = 0; round < 100 && is_under_way(fd); round++) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        poll(&room, 1, 1);
        total += write_until_full(fd);
    }
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
    return total;
}

static int by_number(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

/* A world has no /proc. */
static size_t ask_for_each(int *out_list, size_t room)
{
    size_t count = 0;
    for (int fd = 0; fd < 2048 && count < room; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            out_list[count++] = fd;
    return count;
}

size_t harness_descriptors(int *out_list, size_t room)
{
    if (harness_in_world())
        return ask_for_each(out_list, room);
    size_t count = 0;
    DIR *list = opendir("/proc/self/fd");
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(list));) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(list) && count < room)
            out_list[count++] = fd;
    }
    closedir(list);
    qsort(out_list, count, sizeof *out_list, by_number);
    return count;
}

uint64_t harness_thread_status(int thread, const char *field)
{
    if (harness_in_world())
        harness_skip("it looks at /proc/self/task, which a world has not");
    char path[64];
    char line[256];
    uint64_t value = UINT64_MAX;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = strlen(field);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, field, length) == 0 && line[length] == ':')
            value = strtoull(line + length + 1, NULL, 10);
    fclose(file);
    assert_true(value != UINT64_MAX);
    return value;
}
