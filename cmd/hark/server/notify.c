/* notify.c - what sd_notify(3) tells, without its library: each state is a datagram to the unix
 * socket that NOTIFY_SOCKET names, by a path or, with @ in front, by an abstract name.
 *
 * The socket is opened at the start, when there are descriptors, and stays. It is connected, so
 * that a manager whose queue is full is waited for by the loop; the server goes on meanwhile, and
 * its end does not wait. What has room is sent at once: the end of the server may be short.
 */
#include "server/notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "options/value.h"

static void say_untold(int64_t error)
{
    say("cannot tell the service manager of its state: %s (look at NOTIFY_SOCKET)", why(error));
}

static void close_now(struct notify *notify)
{
    notify->open = false;
    hark_cancel(&notify->alive);
    hark_os_close(notify->loop, notify->fd);
}

static void told(struct hark_op *op, int64_t result);

static void send_next(struct notify *notify)
{
    const char *state = notify->next;
    notify->next = NULL;
    if (!state)
        return;
    int64_t sent = hark_os_send(notify->fd, state, strlen(state), MSG_DONTWAIT);
    if (sent == -EAGAIN) {
        hark_send(notify->loop, &notify->op, notify->fd, state, strlen(state), 0, told);
    } else if (sent < 0) {
        say_untold(sent);
        close_now(notify);
    }
}

/* It is connected, or a state that had to wait has been sent. */
static void told(struct hark_op *op, int64_t result)
{
    struct notify *notify = hark_container_of(op, struct notify, op);
    if (result < 0 && !notify->closing)
        say_untold(result);
    if (result < 0 || notify->closing)
        close_now(notify);
    else
        send_next(notify);
}

void notify_open(struct notify *notify, struct hark_loop *loop)
{
    const char *name = hark_os_getenv("NOTIFY_SOCKET");
    char text[sizeof "unix:" + sizeof notify->manager.name];
    if (!name || name[0] == '\0')
        return;
    int length = snprintf(text, sizeof text, "unix:%s", name);
    bool is_unix = name[0] == '/' || name[0] == '@';
    if (!is_unix || (size_t)length >= sizeof text ||
        hark_address_parse(text, &notify->manager) < 0) {
        say_untold(-EINVAL);
        return;
    }
    int fd = hark_os_socket(loop, AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) {
        say_untold(fd);
        return;
    }
    notify->loop = loop;
    notify->fd = fd;
    notify->open = true;
    hark_connect(loop, &notify->op, fd, &notify->manager.name.any, notify->manager.length, told);
}

/* How long the manager waits for a sign of life: none if that is another process's.
 * Gives: nanoseconds; 0: it does not ask. */
static uint64_t patience_of_manager(void)
{
    const char *text = hark_os_getenv("WATCHDOG_USEC"), *whose = hark_os_getenv("WATCHDOG_PID");
    const uint64_t most = UINT64_MAX / 1000;
    uint64_t microseconds = 0;
    if (!text || value_count(text, &microseconds) || microseconds > most)
        return 0;
    uint64_t process = (uint64_t)hark_os_getpid();
    if (whose && *whose && (value_count(whose, &process) || process != (uint64_t)hark_os_getpid()))
        return 0;
    return microseconds * 1000;
}

/* What waits to be told says as much; and where there is no room now the next one comes soon. */
static void still_alive(struct hark_op *op, int64_t result)
{
    static const char state[] = "WATCHDOG=1";
    struct notify *notify = hark_container_of(op, struct notify, alive);
    if (result >= 0 && notify->open && !notify->closing && !hark_op_active(&notify->op))
        (void)hark_os_send(notify->fd, state, sizeof state - 1, MSG_DONTWAIT);
}

void notify_watch(struct notify *notify)
{
    notify->watched_ns = patience_of_manager();
    if (notify->open && !notify->closing && notify->watched_ns >= 2)
        hark_every(notify->loop, &notify->alive, notify->watched_ns / 2, still_alive);
}

void notify_tell(struct notify *notify, const char *state)
{
    if (!notify->open || notify->closing)
        return;
    notify->next = state;
    if (!hark_op_active(&notify->op))
        send_next(notify);
}

void notify_close(struct notify *notify)
{
    if (!notify->open || notify->closing)
        return;
    notify->closing = true;
    hark_cancel(&notify->alive);
    if (hark_op_active(&notify->op))
        hark_cancel(&notify->op);
    else
        close_now(notify);
}
