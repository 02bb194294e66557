/* 18_time.c - tells the time of day over UDP: a server, and a client that asks it.
 *
 * Shows: hark_datagram. The server has one socket for all of the machine's addresses and answers
 * from the one that was asked, as a client that is connected wants it. The client learns at once
 * that nobody is there, and that nobody answers by its deadline.
 *
 * Try:   ./18_time 12345                      the server; port 0: the kernel chooses
 *        ./18_time ask 127.0.0.1:12345        the client
 *        socat - udp:127.0.0.1:12345          and press Return
 */
#include "hark.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct hark_datagram socket_of_all;
static int code; /* of the program's end */

static void closed(struct hark_datagram *datagram)
{
    (void)datagram; /* it is static */
}

/* --- the server --- */

static void asked(struct hark_datagram *datagram, const struct hark_datagram_received *question)
{
    const struct hark_datagram_way how = hark_datagram_answer(question);
    char text[32];
    const time_t now = (time_t)(hark_os_wall_clock(datagram->loop) / 1000000000);
    struct tm parts;
    size_t count = strftime(text, sizeof text, "%FT%TZ\n", gmtime_r(&now, &parts));
    /* -ENOBUFS: more is asked than can be answered; whoever asked will ask again. */
    (void)hark_datagram_send(datagram, text, count, &how);
}

static int serve(struct hark_loop *loop, const char *port)
{
    static const struct hark_datagram_events events = {.received = asked, .closed = closed};
    const struct hark_datagram_options options = {.flags = HARK_DATAGRAM_LOCAL};
    struct hark_address local;
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "0.0.0.0:%s", port);
    int error = hark_address_parse(text, &local);
    if (!error)
        error = hark_datagram_bind(loop, &socket_of_all, &local, &options, &events);
    if (!error)
        error = hark_os_getsockname(loop, hark_datagram_fd(&socket_of_all), &local);
    if (error)
        return error;
    hark_datagram_receive_start(&socket_of_all);
    printf("listening on %s\n", hark_address_format(&local, text, sizeof text));
    fflush(stdout);
    return 0;
}

/* --- the client --- */

static void give_up(struct hark_datagram *datagram, int error)
{
    fprintf(stderr, "18_time: %s\n", hark_error_text(error));
    code = 1;
    hark_datagram_close(datagram);
}

static void answered(struct hark_datagram *datagram, const struct hark_datagram_received *answer)
{
    (void)fwrite(answer->bytes, 1, answer->count, stdout);
    hark_datagram_close(datagram);
}

static void failed(struct hark_datagram *datagram, const struct hark_datagram_error *error)
{
    give_up(datagram, error->error);
}

static int ask(struct hark_loop *loop, const char *whom)
{
    static const struct hark_datagram_events events = {
        .received = answered, .ended = give_up, .failed = failed, .closed = closed};
    const struct hark_datagram_options options = {.receive_timeout_ns = 5000000000,
                                                  .flags = HARK_DATAGRAM_ERRORS};
    struct hark_address server;
    int error = hark_address_parse(whom, &server);
    if (!error)
        error = hark_datagram_connect(loop, &socket_of_all, NULL, &server, &options, &events);
    if (error)
        return error;
    hark_datagram_receive_start(&socket_of_all);
    return hark_datagram_send(&socket_of_all, "", 0, NULL);
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    bool asks = count == 3 && strcmp(arguments[1], "ask") == 0;
    if (count != 2 && !asks) {
        fprintf(stderr, "usage: 18_time PORT\n       18_time ask ADDRESS:PORT\n");
        return 2;
    }
    int error = hark_loop_create(NULL, &loop);
    if (error < 0) {
        fprintf(stderr, "18_time: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = asks ? ask(loop, arguments[2]) : serve(loop, arguments[1]);
    if (error >= 0)
        error = hark_run(loop);
    if (error < 0) {
        fprintf(stderr, "18_time: %s\n", hark_error_text(error));
        code = 1;
    }
    hark_loop_destroy(loop);
    return code;
}
