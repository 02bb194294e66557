/* hark_listen_at: TCP and unix, options, stale paths. */
#include "fault/faults.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

static bool ip6_missing;

int kernel_socket(uint64_t *calls, int family, int type, int protocol)
{
    (void)calls;
    if (ip6_missing && family == AF_INET6)
        return -EAFNOSUPPORT;
    int fd = socket(family, type, protocol);
    return fd < 0 ? -errno : fd;
}

static struct hark_address address_of(const char *text)
{
    struct hark_address address;
    assert_result(hark_address_parse(text, &address), 0);
    return address;
}

static struct hark_address unix_address(const char *name)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    assert_true((size_t)snprintf(text, sizeof text, "unix:%s", harness_path(name)) < sizeof text);
    return address_of(text);
}

static int listen_at(struct hark_loop *loop, const struct hark_address *address, unsigned flags)
{
    return hark_listen_at(loop, address, 0, flags);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
    return value;
}

/* Connects with plain calls. Gives: 0 or a negative errno. */
static int try_connect(const struct hark_address *address)
{
    int fd = socket(address->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int error = connect(fd, &address->name.any, address->length) < 0 ? -errno : 0;
    close(fd);
    return error;
}

static bool has_ip6(void)
{
    struct hark_address address = address_of("[::1]:0");
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, &address.name.any, address.length) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

BACKEND_TEST(listen_at_tcp_port_0_takes_connections)
{
    struct hark_address address = address_of("127.0.0.1:0");
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    assert_int_not_equal(address.name.ip4.sin_port, 0);
    assert_result(try_connect(&address), 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_address_in_use_gives_eaddrinuse)
{
    struct hark_address address = address_of("127.0.0.1:0");
    int fd = listen_at(loop, &address, 0);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_wrong_arguments_is_refused)
{
    struct hark_address address = address_of("127.0.0.1:0");
    assert_result(hark_listen_at(loop, &address, -1, 0), -EINVAL);
    assert_result(hark_listen_at(loop, &address, HARK_BACKLOG_MAX + 1, 0), -EINVAL);
    assert_result(hark_listen_at(loop, &address, 0, 4), -EINVAL);
    struct hark_address unknown = {.length = sizeof(struct sockaddr),
                                   .name.any.sa_family = AF_NETLINK};
    assert_result(listen_at(loop, &unknown, 0), -EAFNOSUPPORT);
    unknown.length = 0;
    assert_result(listen_at(loop, &unknown, 0), -EAFNOSUPPORT);
    struct hark_address elsewhere = address_of("192.0.2.1:0");
    assert_result(listen_at(loop, &elsewhere, 0), -EADDRNOTAVAIL);
}

BACKEND_TEST(listen_at_reuse_port_shares_the_address)
{
    struct hark_address address = address_of("127.0.0.1:0");
    int one = listen_at(loop, &address, HARK_LISTEN_REUSE_PORT);
    assert_true(one >= 0);
    assert_result(hark_os_getsockname(loop, one, &address), 0);
    int other = listen_at(loop, &address, HARK_LISTEN_REUSE_PORT);
    assert_true(other >= 0);
    harness_close(loop, one);
    harness_close(loop, other);
}

BACKEND_TEST(listen_at_no_delay_is_inherited)
{
    struct hark_address address = address_of("127.0.0.1:0");
    int fd = listen_at(loop, &address, HARK_LISTEN_NO_DELAY);
    assert_true(fd >= 0);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address.name.any, address.length), 0);
    struct harness_op accepting = {0};
    hark_accept(loop, &accepting.op, fd, NULL, NULL, harness_done);
    int server = (int)harness_wait(loop, &accepting);
    assert_true(server >= 0);
    assert_int_not_equal(option_of(server, IPPROTO_TCP, TCP_NODELAY), 0);
    close(client);
    harness_close(loop, server);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_ip6_takes_connections)
{
    if (!has_ip6())
        harness_skip("no ::1 here");
    struct hark_address address = address_of("[::1]:0");
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    assert_result(try_connect(&address), 0);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_every_address_takes_ip4_and_ip6)
{
    struct hark_address address = address_of(":0");
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0); /* also where IPv6 is missing */
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    struct hark_address ip4 = address_of("127.0.0.1:0");
    ip4.name.ip4.sin_port = address.name.any.sa_family == AF_INET ? address.name.ip4.sin_port
                                                                  : address.name.ip6.sin6_port;
    assert_result(try_connect(&ip4), 0);
    if (has_ip6()) {
        struct hark_address ip6 = address_of("[::1]:0");
        ip6.name.ip6.sin6_port = address.name.ip6.sin6_port;
        assert_result(try_connect(&ip6), 0);
    }
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_unix_path_takes_connections)
{
    struct hark_address address = unix_address("socket");
    int fd = listen_at(loop, &address, HARK_LISTEN_NO_DELAY); /* which means nothing there */
    assert_true(fd >= 0);
    assert_result(try_connect(&address), 0);
    harness_close(loop, fd);
    assert_result(try_connect(&address), -ECONNREFUSED); /* the path stays */
}

BACKEND_TEST(listen_at_abstract_name_takes_connections)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "unix:@hark-test-%d", (int)getpid());
    struct hark_address address = address_of(text);
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    assert_result(try_connect(&address), 0);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_unix_with_reuse_port_is_refused)
{
    struct hark_address address = unix_address("socket");
    assert_result(listen_at(loop, &address, HARK_LISTEN_REUSE_PORT), -EOPNOTSUPP);
    assert_int_equal(access(harness_path("socket"), F_OK), -1);
}

BACKEND_TEST(listen_at_stale_unix_path_replaces_it)
{
    struct hark_address address = unix_address("socket");
    int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(left, &address.name.any, address.length), 0);
    close(left);
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    assert_result(try_connect(&address), 0);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_unix_path_in_use_leaves_it)
{
    struct hark_address address = unix_address("socket");
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    assert_result(try_connect(&address), 0);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_unix_path_with_full_backlog_leaves_it)
{
    struct hark_address address = unix_address("socket");
    int fd = hark_listen_at(loop, &address, 1, 0);
    assert_true(fd >= 0);
    int clients[4];
    int count = 0;
    for (; count < 4; count++) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(clients[count], &address.name.any, address.length) < 0)
            break;
    }
    assert_true(count < 4);
    assert_int_equal(errno, EAGAIN);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    assert_int_equal(access(harness_path("socket"), F_OK), 0);
    for (int i = 0; i <= count; i++)
        close(clients[i]);
    harness_close(loop, fd);
}

/* connect(2) refuses what is no socket with the same ECONNREFUSED as a stale one. */
BACKEND_TEST(listen_at_path_of_a_file_leaves_it)
{
    struct hark_address address = unix_address("file");
    close(harness_file("file", "kept", 4));
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    struct stat status;
    assert_int_equal(stat(harness_path("file"), &status), 0);
    assert_int_equal(status.st_size, 4);
    assert_int_equal(unlink(harness_path("file")), 0);
    assert_int_equal(symlink("nowhere", harness_path("file")), 0);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    assert_int_equal(lstat(harness_path("file"), &status), 0);
}

BACKEND_TEST(listen_at_path_of_a_datagram_socket_leaves_it)
{
    struct hark_address address = unix_address("datagrams");
    int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, &address.name.any, address.length), 0);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    assert_int_equal(access(harness_path("datagrams"), F_OK), 0);
    close(other);
}

BACKEND_TEST(listen_at_missing_directory_gives_enoent)
{
    struct hark_address address = unix_address("missing/socket");
    assert_result(listen_at(loop, &address, 0), -ENOENT);
}

BACKEND_TEST(listen_at_unix_path_that_fails_after_bind_removes_it)
{
    struct hark_address address = unix_address("socket");
    int failing = FAULT(.calls = "kernel_listen", .error = -EADDRINUSE);
    assert_result(listen_at(loop, &address, 0), -EADDRINUSE);
    fault_end(failing);
    assert_int_equal(access(harness_path("socket"), F_OK), -1);
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    harness_close(loop, fd);
}

BACKEND_TEST(listen_at_every_address_without_ip6_takes_ip4)
{
    struct hark_address address = address_of(":0");
    struct hark_address ip6 = address_of("[::1]:0");
    ip6_missing = true;
    int fd = listen_at(loop, &address, 0);
    assert_true(fd >= 0);
    assert_result(listen_at(loop, &ip6, 0), -EAFNOSUPPORT);
    assert_result(hark_os_getsockname(loop, fd, &address), 0);
    assert_int_equal(address.name.any.sa_family, AF_INET);
    struct hark_address ip4 = address_of("127.0.0.1:0");
    ip4.name.ip4.sin_port = address.name.ip4.sin_port;
    assert_result(try_connect(&ip4), 0);
    harness_close(loop, fd);
}
