/* test_os.c - os.h: the calls that never wait, as the kernel answers them. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

BACKEND_TEST(os_socket_gives_a_descriptor_or_the_kernels_error)
{
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_result(hark_os_close(loop, fd), 0);
    assert_result(hark_os_close(loop, fd), -EBADF);
    assert_result(hark_os_socket(loop, 9999, SOCK_STREAM, 0), -EAFNOSUPPORT);
}

BACKEND_TEST(os_options_are_set_and_read_back)
{
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    int value = 1;
    socklen_t length = sizeof value;
    assert_result(hark_os_setsockopt(loop, fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value), 0);
    value = 0;
    assert_result(hark_os_getsockopt(loop, fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    assert_int_equal(value, 1);
    assert_result(hark_os_setsockopt(loop, fd, IPPROTO_TCP, 99999, &value, sizeof value),
                  -ENOPROTOOPT);
    assert_result(hark_os_setsockopt(loop, -1, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value),
                  -EBADF);
    harness_close(loop, fd);
}

BACKEND_TEST(os_names_of_sockets_and_their_errors)
{
    struct hark_address address;
    struct hark_address untouched;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    assert_result(hark_os_bind(loop, fd, &address), 0);
    assert_result(hark_os_listen(loop, fd, 5), 0);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    assert_true(address.name.ip4.sin_port != 0);
    memset(&untouched, 0x5a, sizeof untouched);
    struct hark_address copy = untouched;
    assert_result(hark_os_getpeername(loop, fd, &untouched), -ENOTCONN);
    assert_memory_equal(&copy, &untouched, sizeof copy); /* outputs are written only on success */
    int other = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    assert_result(hark_os_bind(loop, other, &address), -EADDRINUSE);
    harness_close(loop, fd);
    harness_close(loop, other);
}

BACKEND_TEST(os_clocks_and_random_are_the_machines)
{
    struct timespec now;
    char zero[32] = {0};
    char one[32] = {0};
    char other[32] = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(hark_os_clock(loop) >= (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    clock_gettime(CLOCK_REALTIME, &now);
    assert_true(hark_os_wall_clock(loop) / 1000000000u >= (uint64_t)now.tv_sec - 60);
    assert_result(hark_os_random(loop, one, sizeof one), 0);
    assert_result(hark_os_random(loop, other, sizeof other), 0);
    assert_memory_not_equal(one, other, sizeof one);
    assert_memory_not_equal(one, zero, sizeof one);
}

BACKEND_TEST(os_close_of_a_descriptor_with_ops_gives_ebusy)
{
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    assert_result(hark_os_close(loop, pair[0]), -EBUSY);
    hark_cancel(&receive.op);
    harness_run(loop);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(listen_at_a_used_port_gives_eaddrinuse)
{
    struct hark_address address;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    int fd = hark_listen_at(loop, &address, 0, 0);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    assert_result(hark_listen_at(loop, &address, 0, 0), -EADDRINUSE);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_with_reuse_port_shares_it)
{
    struct hark_address address;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    int one = hark_listen_at(loop, &address, 0, HARK_LISTEN_REUSE_PORT | HARK_LISTEN_NO_DELAY);
    assert_true(one >= 0);
    assert_result(hark_os_getsockname(loop, one, &address), 0);
    int other = hark_listen_at(loop, &address, 0, HARK_LISTEN_REUSE_PORT);
    assert_true(other >= 0);
    harness_close(loop, one);
    harness_close(loop, other);
}

BACKEND_TEST(listen_at_removes_a_stale_unix_path_and_no_other)
{
    struct hark_address address;
    char text[300];
    struct stat status;
    snprintf(text, sizeof text, "unix:%s", harness_path("socket"));
    assert_int_equal(hark_address_parse(text, &address), 0);
    int one = hark_listen_at(loop, &address, 0, 0);
    assert_true(one >= 0);
    assert_result(hark_listen_at(loop, &address, 0, 0), -EADDRINUSE); /* somebody listens */
    harness_close(loop, one);
    int other = hark_listen_at(loop, &address, 0, 0); /* nobody does any more */
    assert_true(other >= 0);
    harness_close(loop, other);
    close(harness_file("file", "precious", 8));
    snprintf(text, sizeof text, "unix:%s", harness_path("file"));
    assert_int_equal(hark_address_parse(text, &address), 0);
    assert_result(hark_listen_at(loop, &address, 0, 0), -EADDRINUSE); /* no socket at all */
    assert_int_equal(stat(harness_path("file"), &status), 0);
    assert_int_equal(status.st_size, 8);
}
