/* wire.c - see the header. */
#include "tls/wire.h"

#include "hark/os_descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LEAST_ROOM = 4096 };

static bool make_room(struct wire_buffer *buffer, size_t count)
{
    size_t need = buffer->count + count;
    size_t room = buffer->room ? buffer->room : LEAST_ROOM;
    if (need <= buffer->room)
        return true;
    if (need > WIRE_FILLING_MAX)
        return false;
    while (room < need)
        room *= 2;
    char *bytes = realloc(buffer->bytes, room);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->room = room;
    return true;
}

/* What the socket takes at once.
 * Gives: so many bytes. */
static size_t write_directly(struct wire *wire, const char *bytes, size_t count)
{
    if (!wire->direct || wire->filling.count > 0)
        return 0; /* in order */
    int flags = MSG_DONTWAIT | (wire->goes_on ? MSG_MORE : 0);
    int64_t sent = hark_os_send(wire->fd, bytes, count, flags);
    if (sent < 0 && sent != -EAGAIN)
        wire->refused = (int)sent;
    return sent > 0 ? (size_t)sent : 0;
}

static int write_bytes(BIO *bio, const char *bytes, int count)
{
    struct wire *wire = BIO_get_data(bio);
    struct wire_buffer *buffer = &wire->filling;
    BIO_clear_retry_flags(bio);
    if (count <= 0)
        return -1;
    size_t sent = write_directly(wire, bytes, (size_t)count);
    size_t rest = (size_t)count - sent;
    if (rest > 0 && !make_room(buffer, rest))
        return -1;
    if (rest > 0)
        memcpy(buffer->bytes + buffer->count, bytes + sent, rest);
    buffer->count += rest;
    return count;
}

/* From the socket itself. Less than there is room for is all that it has.
 * Gives: how many bytes; 0: none. */
static size_t read_directly(struct wire *wire, char *bytes, size_t room)
{
    if (wire->may_read == 0 || wire->in_end != WIRE_GOES_ON)
        return 0;
    int64_t count = hark_os_recv(wire->fd, bytes, room, MSG_DONTWAIT);
    bool is_dry = count < (int64_t)room || (size_t)count >= wire->may_read;
    wire->may_read = is_dry ? 0 : wire->may_read - (size_t)count;
    if (count <= 0 && count != -EAGAIN)
        wire->in_end = (int)count;
    return count > 0 ? (size_t)count : 0;
}

static int read_bytes(BIO *bio, char *bytes, int room)
{
    struct wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (room <= 0)
        return 0;
    size_t count = wire->in_count < (size_t)room ? wire->in_count : (size_t)room;
    if (count > 0) {
        memcpy(bytes, wire->in, count);
        wire->in += count;
        wire->in_count -= count;
    } else {
        count = read_directly(wire, bytes, (size_t)room);
    }
    if (count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    return (int)count;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *wire_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hark");
    if (!method)
        return NULL;
    BIO_meth_set_write(method, write_bytes);
    BIO_meth_set_read(method, read_bytes);
    BIO_meth_set_ctrl(method, control);
    return method;
}

BIO *wire_bio(BIO_METHOD *method, struct wire *wire)
{
    BIO *bio = BIO_new(method);
    if (!bio)
        return NULL;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}

static void swap(struct wire *wire)
{
    struct wire_buffer sending = wire->sending;
    wire->sending = wire->filling;
    wire->filling = sending;
}

/* The larger of the two is filled: so one alone grows where they are never needed both. */
void wire_sent(struct wire *wire)
{
    wire->sending.count = 0;
    wire->sent = 0;
    if (wire->filling.count == 0 && wire->sending.room > wire->filling.room)
        swap(wire);
}

bool wire_next(struct wire *wire)
{
    swap(wire);
    wire->sent = 0;
    return wire->sending.count > 0;
}

void wire_done(struct wire *wire)
{
    free(wire->filling.bytes);
    free(wire->sending.bytes);
}
