/* socket_options.c - socket(7)'s options; those of other levels are the kind's own. */
#include "sim/net/socket.h"
#include "sim/net/socket_base.h"
#include "sim/net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>

/* net.core.[rw]mem_max, and the least that Linux lets a buffer be: include/net/sock.h. */
enum { BUFFER_MOST = 212992, SEND_LEAST = 4608, RECEIVE_LEAST = 2304 };

/* --- those that are a number --- */

static const struct {
    int option;
    size_t place;
} flags[] = {
    {SO_REUSEADDR, offsetof(struct socket_options, reuse_address)},
    {SO_REUSEPORT, offsetof(struct socket_options, reuse_port)},
    {SO_KEEPALIVE, offsetof(struct socket_options, keep_alive)},
    {SO_BROADCAST, offsetof(struct socket_options, broadcast)},
    {SO_OOBINLINE, offsetof(struct socket_options, urgent_inline)},
    {SO_PASSCRED, offsetof(struct socket_options, pass_credentials)},
};

static int *find_flag(struct socket *socket, int option)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].option == option)
            return (int *)(void *)((char *)&socket->options + flags[i].place);
    return NULL;
}

/* Twice what is asked for: half of it is the kernel's. */
static int buffer_of(int wanted, int least)
{
    int bytes = wanted < 0 || wanted > BUFFER_MOST ? BUFFER_MOST : wanted;
    return bytes * 2 < least ? least : bytes * 2;
}

static int set_number(struct socket *socket, int option, int value)
{
    int *flag = find_flag(socket, option);
    if (flag) {
        *flag = value != 0;
        return 0;
    }
    switch (option) {
    case SO_SNDBUF:
        socket->options.send_bytes = buffer_of(value, SEND_LEAST);
        file_wake(&socket->file, 0);
        return 0;
    case SO_RCVBUF:
        socket->options.receive_bytes = buffer_of(value, RECEIVE_LEAST);
        return 0;
    case SO_RCVLOWAT:
        socket->options.receive_least = value < 0 ? INT32_MAX : value ? value : 1;
        file_wake(&socket->file, 0);
        return 0;
    case SO_PRIORITY:
    case SO_MARK:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_number(struct socket *socket, int option, int *out_value)
{
    const int *flag = find_flag(socket, option);
    if (flag) {
        *out_value = *flag;
        return 0;
    }
    switch (option) {
    case SO_TYPE:
        *out_value = socket->type;
        return 0;
    case SO_DOMAIN:
        *out_value = socket->family;
        return 0;
    case SO_PROTOCOL:
        *out_value = socket->protocol;
        return 0;
    case SO_ACCEPTCONN:
        *out_value = socket->listens;
        return 0;
    case SO_ERROR:
        *out_value = -socket_base_take_error(socket);
        return 0;
    case SO_SNDBUF:
        *out_value = socket->options.send_bytes;
        return 0;
    case SO_RCVBUF:
        *out_value = socket->options.receive_bytes;
        return 0;
    case SO_RCVLOWAT:
        *out_value = socket->options.receive_least;
        return 0;
    case SO_SNDLOWAT:
        *out_value = 1;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* --- those that are more --- */

static int set_time(uint64_t *out_ns, const void *value, socklen_t length)
{
    struct timeval time;
    if (length < sizeof time)
        return -EINVAL;
    memcpy(&time, value, sizeof time);
    if (time.tv_usec < 0 || time.tv_usec >= 1000000)
        return -EDOM;
    *out_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000;
    return 0;
}

static int set_linger(struct socket *socket, const void *value, socklen_t length)
{
    if (length < sizeof socket->options.linger)
        return -EINVAL;
    memcpy(&socket->options.linger, value, sizeof socket->options.linger);
    return 0;
}

static int set(struct socket *socket, int level, int option, const void *value, socklen_t length)
{
    if (level == SOL_SOCKET && option == SO_LINGER)
        return set_linger(socket, value, length);
    if (level == SOL_SOCKET && option == SO_RCVTIMEO)
        return set_time(&socket->options.receive_timeout_ns, value, length);
    if (level == SOL_SOCKET && option == SO_SNDTIMEO)
        return set_time(&socket->options.send_timeout_ns, value, length);
    int number;
    if (length < sizeof number)
        return -EINVAL;
    memcpy(&number, value, sizeof number);
    if (level == SOL_SOCKET)
        return set_number(socket, option, number);
    return socket->calls->set_option ? socket->calls->set_option(socket, level, option, number)
                                     : -EOPNOTSUPP;
}

int socket_set_option(struct file *file, int level, int option, const void *value, socklen_t length)
{
    if (!file->kind->is_socket)
        return -ENOTSOCK;
    struct socket *socket = (struct socket *)file;
    int error = set(socket, level, option, value, length);
    if (!error && level == SOL_SOCKET && socket->calls->options_changed)
        socket->calls->options_changed(socket);
    return error;
}

static int give(const void *bytes, socklen_t size, void *out_value, socklen_t *length)
{
    if (*length > size)
        *length = size;
    memcpy(out_value, bytes, *length);
    return 0;
}

static int give_time(uint64_t ns, void *out_value, socklen_t *length)
{
    struct timeval time = {(time_t)(ns / 1000000000u), (suseconds_t)(ns % 1000000000u / 1000)};
    return give(&time, sizeof time, out_value, length);
}

int socket_get_option(struct file *file, int level, int option, void *out_value, socklen_t *length)
{
    if (!file->kind->is_socket)
        return -ENOTSOCK;
    struct socket *socket = (struct socket *)file;
    const struct socket_options *options = &socket->options;
    if (level == SOL_SOCKET && option == SO_LINGER)
        return give(&options->linger, sizeof options->linger, out_value, length);
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO))
        return give_time(option == SO_RCVTIMEO ? options->receive_timeout_ns
                                               : options->send_timeout_ns,
                         out_value, length);
    if (level == IPPROTO_TCP && option == TCP_ULP /* a name, and there is none */ &&
        socket->protocol == IPPROTO_TCP)
        return give("", 0, out_value, length);
    if (level == IPPROTO_TCP && option == TCP_INFO && socket->protocol == IPPROTO_TCP) {
        struct tcp_info info;
        tcp_info(socket, &info);
        return give(&info, sizeof info, out_value, length);
    }
    int number = 0;
    int error = level == SOL_SOCKET ? get_number(socket, option, &number)
                : socket->calls->get_option
                    ? socket->calls->get_option(socket, level, option, &number)
                    : -EOPNOTSUPP;
    return error ? error : give(&number, sizeof number, out_value, length);
}
