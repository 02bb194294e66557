/* test_connect.c - socket, connect, accept, accept_each, shutdown: successes and each failure of
 * their documentation. */
#include "harness/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A TCP socket of the library's. */
static int new_socket(struct hark_loop *loop, int family)
{
    int fd = hark_os_socket(loop, family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    return fd;
}

static int64_t connect_to(struct hark_loop *loop, int fd, const struct hark_address *address)
{
    struct harness_op connecting = {0};
    hark_connect(loop, &connecting.op, fd, &address->name.any, address->length, harness_done);
    harness_run(loop);
    assert_int_equal(connecting.calls, 1);
    return connecting.result;
}

static struct hark_address unix_address(const char *path)
{
    struct hark_address address = {0};
    address.name.unix_path.sun_family = AF_UNIX;
    snprintf(address.name.unix_path.sun_path, sizeof address.name.unix_path.sun_path, "%s", path);
    address.length = sizeof address.name.unix_path;
    return address;
}

BACKEND_TEST(socket_gives_a_descriptor_close_on_exec_and_non_blocking)
{
    struct harness_op made = {0};
    hark_socket(loop, &made.op, AF_INET, SOCK_STREAM, 0, harness_done);
    harness_run(loop);
    assert_true(made.result >= 0);
    int fd = (int)made.result;
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    harness_close(loop, fd);
}

BACKEND_TEST(socket_of_unknown_family_or_protocol_gives_its_error)
{
    struct harness_op family = {0};
    struct harness_op protocol = {0};
    hark_socket(loop, &family.op, 9999, SOCK_STREAM, 0, harness_done);
    hark_socket(loop, &protocol.op, AF_INET, SOCK_STREAM, IPPROTO_UDP, harness_done);
    harness_run(loop);
    assert_result(family.result, -EAFNOSUPPORT);
    assert_result(protocol.result, -EPROTONOSUPPORT);
}

BACKEND_TEST(socket_without_free_descriptors_gives_emfile)
{
    struct rlimit limit;
    struct rlimit none;
    struct harness_op made = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    harness_settle(loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    hark_socket(loop, &made.op, AF_INET, SOCK_STREAM, 0, harness_done);
    harness_run(loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_result(made.result, -EMFILE);
}

BACKEND_TEST(connect_to_a_listener_gives_zero_and_accept_its_descriptor)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
    for (int index = 0; index < 3; index++) {
        struct hark_address address;
        struct hark_address peer = {.length = sizeof peer.name};
        struct harness_op accepting = {0};
        if (families[index] == AF_UNIX)
            address = unix_address(harness_path("socket"));
        else
            assert_int_equal(hark_address_parse(
                                 families[index] == AF_INET ? "127.0.0.1:0" : "[::1]:0", &address),
                             0);
        int listener = hark_listen_at(loop, &address, 0, 0);
        if (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT)
            continue; /* no IPv6 here */
        assert_true(listener >= 0);
        assert_int_equal(hark_os_getsockname(loop, listener, &address), 0);
        hark_accept(loop, &accepting.op, listener, &peer.name.any, &peer.length, harness_done);
        int client = new_socket(loop, families[index]);
        assert_result(connect_to(loop, client, &address), 0);
        assert_true(accepting.result >= 0);
        int server = (int)accepting.result;
        assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
        if (families[index] != AF_UNIX) {
            struct hark_address local;
            assert_int_equal(hark_os_getsockname(loop, client, &local), 0);
            assert_int_equal(peer.length, local.length);
            assert_memory_equal(&peer.name, &local.name, local.length);
            assert_int_equal(hark_os_getpeername(loop, server, &peer), 0);
            assert_memory_equal(&peer.name, &local.name, local.length);
        }
        harness_close(loop, client);
        harness_close(loop, server);
        harness_close(loop, listener);
    }
}

BACKEND_TEST(connect_to_nobody_gives_econnrefused)
{
    struct hark_address address;
    close(harness_listen(loop, &address));
    int fd = new_socket(loop, AF_INET);
    assert_result(connect_to(loop, fd, &address), -ECONNREFUSED);
    harness_close(loop, fd);
}

BACKEND_TEST(connect_of_a_socket_whose_connect_the_program_has_begun_gives_ealready)
{
    struct hark_address address;
    struct harness_op connecting = {0};
    int listening = harness_listen(loop, &address);
    assert_int_equal(listen(listening, 0), 0);
    int fds[3]; /* the first fills the queue; the last gets no answer */
    for (int index = 0; index < 3; index++) {
        fds[index] = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
        assert_true(connect(fds[index], &address.name.any, address.length) == 0 ||
                    errno == EINPROGRESS);
    }
    hark_connect(loop, &connecting.op, fds[2], &address.name.any, address.length, harness_done);
    assert_result(harness_wait(loop, &connecting), -EALREADY);
    for (int index = 0; index < 3; index++)
        harness_close(loop, fds[index]);
    harness_close(loop, listening);
}

BACKEND_TEST(connect_twice_gives_eisconn)
{
    struct hark_address address;
    int listener = harness_listen(loop, &address);
    int fd = new_socket(loop, AF_INET);
    assert_result(connect_to(loop, fd, &address), 0);
    assert_result(connect_to(loop, fd, &address), -EISCONN);
    harness_close(loop, fd);
    harness_close(loop, listener);
}

BACKEND_TEST(connect_to_a_missing_unix_path_gives_enoent)
{
    struct hark_address address = unix_address(harness_path("missing"));
    int fd = new_socket(loop, AF_UNIX);
    assert_result(connect_to(loop, fd, &address), -ENOENT);
    harness_close(loop, fd);
}

BACKEND_TEST(connect_to_a_full_unix_queue_gives_eagain)
{
    struct hark_address address = unix_address(harness_path("full"));
    int listener = new_socket(loop, AF_UNIX);
    assert_int_equal(hark_os_bind(loop, listener, &address), 0);
    assert_int_equal(hark_os_listen(loop, listener, 1), 0);
    int clients[8];
    int64_t result = 0;
    int count = 0;
    while (count < 8 && result == 0) {
        clients[count] = new_socket(loop, AF_UNIX);
        result = connect_to(loop, clients[count++], &address);
    }
    assert_result(result, -EAGAIN);
    while (count > 0)
        harness_close(loop, clients[--count]);
    harness_close(loop, listener);
}

BACKEND_TEST(connect_with_a_wrong_address_gives_its_error)
{
    struct hark_address address;
    int fd = new_socket(loop, AF_INET);
    assert_int_equal(hark_address_parse("[::1]:1", &address), 0);
    assert_result(connect_to(loop, fd, &address), -EAFNOSUPPORT);
    assert_int_equal(hark_address_parse("127.0.0.1:1", &address), 0);
    address.length = 3;
    assert_result(connect_to(loop, fd, &address), -EINVAL);
    harness_close(loop, fd);
}

BACKEND_TEST(connect_to_a_broadcast_address_gives_enetunreach)
{
    struct hark_address address;
    int fd = new_socket(loop, AF_INET);
    assert_int_equal(hark_address_parse("127.255.255.255:1", &address), 0);
    assert_result(connect_to(loop, fd, &address), -ENETUNREACH);
    harness_close(loop, fd);
}

BACKEND_TEST(connect_from_an_address_in_use_gives_eaddrnotavail)
{
    struct hark_address address;
    struct hark_address local;
    int listener = harness_listen(loop, &address);
    int fds[2];
    int on = 1;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &local), 0);
    for (int index = 0; index < 2; index++) {
        fds[index] = new_socket(loop, AF_INET);
        assert_int_equal(
            hark_os_setsockopt(loop, fds[index], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
        assert_int_equal(hark_os_bind(loop, fds[index], &local), 0);
        assert_int_equal(hark_os_getsockname(loop, fds[index], &local), 0);
    }
    assert_result(connect_to(loop, fds[0], &address), 0);
    assert_result(connect_to(loop, fds[1], &address), -EADDRNOTAVAIL);
    harness_close(loop, fds[0]);
    harness_close(loop, fds[1]);
    harness_close(loop, listener);
}

BACKEND_TEST(accept_on_a_socket_that_does_not_listen_gives_einval)
{
    int stream = new_socket(loop, AF_INET);
    int datagram = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    struct harness_op ops[4] = {0};
    hark_accept(loop, &ops[0].op, stream, NULL, NULL, harness_done);
    hark_accept_each(loop, &ops[1].op, stream, harness_done);
    hark_accept(loop, &ops[2].op, datagram, NULL, NULL, harness_done);
    hark_accept_each(loop, &ops[3].op, datagram, harness_done);
    harness_run(loop);
    assert_result(ops[0].result, -EINVAL);
    assert_result(ops[1].result, -EINVAL);
    assert_result(ops[2].result, -EOPNOTSUPP);
    assert_result(ops[3].result, -EOPNOTSUPP);
    for (int index = 0; index < 4; index++)
        assert_int_equal(ops[index].calls, 1);
    harness_close(loop, stream);
    harness_close(loop, datagram);
}

static void close_accepted(struct harness_op *self, int64_t result)
{
    if (result >= 0)
        close((int)result); /* no op was started on it */
    if (self->calls == 20)
        hark_cancel(&self->op);
}

BACKEND_TEST(accept_each_gives_every_connection_until_cancelled)
{
    struct hark_address address;
    struct harness_op accepting = {.then = close_accepted};
    int listener = harness_listen(loop, &address);
    int clients[20];
    hark_accept_each(loop, &accepting.op, listener, harness_done);
    for (int index = 0; index < 20; index++) {
        if (index == 10)
            harness_settle(loop); /* some have come before, some come after */
        clients[index] = new_socket(loop, AF_INET);
        assert_true(connect(clients[index], &address.name.any, address.length) == 0 ||
                    errno == EINPROGRESS);
    }
    harness_run(loop);
    assert_int_equal(accepting.calls, 21);
    assert_result(accepting.result, -ECANCELED);
    for (int index = 0; index < 20; index++)
        assert_true(accepting.results[index] >= 0 && accepting.more[index]);
    for (int index = 0; index < 20; index++)
        harness_close(loop, clients[index]);
    harness_close(loop, listener);
}

static void accept_without_descriptors(struct hark_loop *loop, bool each)
{
    struct hark_address address;
    struct rlimit limit;
    struct rlimit none;
    struct harness_op accepting = {0};
    int listener = harness_listen(loop, &address);
    int client = new_socket(loop, AF_INET);
    assert_true(connect(client, &address.name.any, address.length) == 0 || errno == EINPROGRESS);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    harness_settle(loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    if (each)
        hark_accept_each(loop, &accepting.op, listener, harness_done);
    else
        hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
    harness_run(loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_result(accepting.result, -EMFILE);
    assert_int_equal(accepting.calls, 1);
    harness_op_again(&accepting); /* the connection is still there */
    hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
    harness_run(loop);
    assert_true(accepting.result >= 0);
    harness_close(loop, (int)accepting.result);
    harness_close(loop, client);
    harness_close(loop, listener);
}

BACKEND_TEST(accept_without_free_descriptors_gives_emfile_and_keeps_the_connection)
{
    accept_without_descriptors(loop, false);
}

BACKEND_TEST(accept_each_without_free_descriptors_ends_with_emfile)
{
    accept_without_descriptors(loop, true);
}

BACKEND_TEST(several_accepts_on_one_listener_share_its_connections)
{
    struct hark_address address;
    struct harness_op accepting[5] = {0};
    int clients[5];
    int listener = harness_listen(loop, &address);
    for (int index = 0; index < 5; index++)
        hark_accept(loop, &accepting[index].op, listener, NULL, NULL, harness_done);
    harness_settle(loop);
    for (int index = 0; index < 5; index++) {
        clients[index] = new_socket(loop, AF_INET);
        assert_true(connect(clients[index], &address.name.any, address.length) == 0 ||
                    errno == EINPROGRESS);
    }
    harness_run(loop);
    for (int index = 0; index < 5; index++) {
        assert_true(accepting[index].result >= 0);
        harness_close(loop, (int)accepting[index].result);
        harness_close(loop, clients[index]);
    }
    harness_close(loop, listener);
}

BACKEND_TEST(shutdown_of_writing_gives_the_peer_the_end)
{
    int pair[2];
    char byte[1];
    struct harness_op ending = {0};
    struct harness_op receiving = {0};
    harness_tcp_pair(loop, pair);
    hark_recv(loop, &receiving.op, pair[1], byte, 1, 0, harness_done);
    hark_shutdown(loop, &ending.op, pair[0], SHUT_WR, harness_done);
    harness_run(loop);
    assert_result(ending.result, 0);
    assert_result(receiving.result, 0);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(shutdown_that_makes_no_sense_gives_its_error)
{
    int fd = new_socket(loop, AF_INET);
    int pair[2];
    struct harness_op unconnected = {0};
    struct harness_op unknown = {0};
    harness_tcp_pair(loop, pair);
    hark_shutdown(loop, &unconnected.op, fd, SHUT_RDWR, harness_done);
    hark_shutdown(loop, &unknown.op, pair[0], 77, harness_done);
    harness_run(loop);
    assert_result(unconnected.result, -ENOTCONN);
    assert_result(unknown.result, -EINVAL);
    harness_close(loop, fd);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}
