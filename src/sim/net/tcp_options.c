/* tcp_options.c - what tcp(7) and ipv6(7) let a program set. */
#include "sim/net/tcp.h"

#include <errno.h>
#include <stddef.h>

struct number {
    int option;
    size_t place;
    int least, most;
};

#define NUMBER(option, field, least, most)                                                         \
    {                                                                                              \
        option, offsetof(struct tcp, field), least, most                                           \
    }

static const struct number numbers[] = {
    NUMBER(TCP_NODELAY, no_delay, -1, INT32_MAX),
    NUMBER(TCP_CORK, cork, -1, INT32_MAX),
    NUMBER(TCP_KEEPIDLE, keep_idle, 1, 32767),
    NUMBER(TCP_KEEPINTVL, keep_interval, 1, 32767),
    NUMBER(TCP_KEEPCNT, keep_count, 1, 127),
    NUMBER(TCP_USER_TIMEOUT, user_timeout_ms, 0, INT32_MAX),
    NUMBER(TCP_SYNCNT, syn_count, 1, 127),
    NUMBER(TCP_DEFER_ACCEPT, defer_accept, 0, 3600),
    NUMBER(TCP_QUICKACK, quick_ack, -1, INT32_MAX),
    NUMBER(TCP_LINGER2, linger_2, -1, 120),
    NUMBER(TCP_MAXSEG, segment_most, 88, 32767),
};

static int *find(struct tcp *tcp, int level, int option, const struct number **out_number)
{
    if (level != IPPROTO_TCP)
        return NULL;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].option == option) {
            *out_number = &numbers[i];
            return (int *)(void *)((char *)tcp + numbers[i].place);
        }
    return NULL;
}

int tcp_set_option(struct socket *socket, int level, int option, int value)
{
    struct tcp *tcp = (struct tcp *)socket;
    if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && socket->family == AF_INET6) {
        if (tcp->inet.is_bound)
            return -EINVAL;
        tcp->inet.only_6 = value != 0;
        return 0;
    }
    const struct number *number;
    int *place = find(tcp, level, option, &number);
    if (!place)
        return -ENOPROTOOPT;
    if (number->least >= 0 && (value < number->least || value > number->most))
        return -EINVAL;
    *place = number->least < 0 ? value != 0 : value;
    if (option == TCP_NODELAY && value)
        tcp_push(tcp); /* what was held back goes */
    if (option == TCP_KEEPIDLE)
        tcp_timers_keep_alive(tcp);
    return 0;
}

int tcp_get_option(struct socket *socket, int level, int option, int *out_value)
{
    struct tcp *tcp = (struct tcp *)socket;
    if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && socket->family == AF_INET6) {
        *out_value = tcp->inet.only_6;
        return 0;
    }
    const struct number *number;
    const int *place = find(tcp, level, option, &number);
    if (!place)
        return -ENOPROTOOPT;
    *out_value = *place;
    return 0;
}

void tcp_options_changed(struct socket *socket)
{
    struct tcp *tcp = (struct tcp *)socket;
    tcp_timers_keep_alive(tcp);
    tcp_offer_room(tcp);
}

void tcp_info(struct socket *socket, struct tcp_info *out_info)
{
    const struct tcp *tcp = (const struct tcp *)socket;
    *out_info = (struct tcp_info){.tcpi_state = (uint8_t)tcp->state,
                                  .tcpi_unacked = tcp->sent_most > tcp->acknowledged};
}
