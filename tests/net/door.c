/* door.c - see the header. */
#include "net/door.h"

#include <fcntl.h>

static bool door_inside; /* a call of the library: it must not call back */

static struct door *door_of(struct hark_listener *listener)
{
    assert_false(door_inside);
    struct door *door = hark_container_of(listener, struct door, listener);
    assert_false(door->closed);
    return door;
}

void door_accepted(struct hark_listener *listener, int fd)
{
    struct door *door = door_of(listener);
    assert_true(fd >= 0);
    assert_true(door->count < DOORS_MAX);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    door->fds[door->count++] = fd;
    if (door->on_accepted)
        door->on_accepted(door);
}

static void door_failed(struct hark_listener *listener, int error)
{
    struct door *door = door_of(listener);
    assert_true(error < 0);
    assert_true(door->error_count < DOORS_MAX);
    door->errors[door->error_count++] = error;
    door->failed = true;
    if (door->on_failed)
        door->on_failed(door);
}

static void door_closed(struct hark_listener *listener)
{
    struct door *door = door_of(listener);
    door->closed = true;
    if (door->on_closed)
        door->on_closed(door);
}

const struct hark_listener_events door_events = {
    .accepted = door_accepted,
    .failed = door_failed,
    .closed = door_closed,
};

int door_open(struct hark_loop *loop, struct door *door, const char *text)
{
    struct hark_address address;
    assert_result(hark_address_parse(text, &address), 0);
    door_inside = true;
    int error = hark_listener_open(loop, &door->listener, &address, 0, 0, &door_events);
    door_inside = false;
    if (error == 0)
        assert_result(hark_listener_address(&door->listener, &door->address), 0);
    return error;
}

void door_close_start(struct door *door)
{
    door_inside = true;
    hark_listener_close(&door->listener);
    door_inside = false;
}

void door_close(struct hark_loop *loop, struct door *door)
{
    door_close_start(door);
    harness_run_until(loop, &door->closed);
    for (int i = 0; i < door->count; i++)
        harness_close(loop, door->fds[i]);
}

int client_connect(const struct hark_address *address)
{
    int fd = socket(address->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    int error = connect(fd, &address->name.any, address->length);
    assert_true(error == 0 || errno == EINPROGRESS);
    return fd;
}

void door_wait(struct hark_loop *loop, struct door *door, int count)
{
    while (door->count < count)
        assert_true(hark_run_once(loop) >= 0);
}

ssize_t client_look(int fd)
{
    char byte;
    ssize_t count = recv(fd, &byte, 1, MSG_DONTWAIT);
    return count < 0 ? -errno : count;
}
