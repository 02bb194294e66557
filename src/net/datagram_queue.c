/* datagram_queue.c - what a datagram socket sends: a ring of memory in which each datagram stands
 * in one piece, with its op, its address and its control data, until it is sent.
 *
 * What must hold: a record stays where it is from its append until its op has ended; records leave
 * the ring in the order in which they came, though they may be sent in another. An empty ring
 * begins anew at its first byte, so that a socket which never falls behind uses little of it. */
#include "base/check.h"
#include "hark/loop.h"
#include "hark/net.h"
#include "net/datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum record_state { RECORD_WAITS, RECORD_SENDING, RECORD_OVER };

enum {
    WINDOW = 32,           /* with the kernel at a time */
    TRIES = 8,             /* of one whose error may be an earlier one's */
    ALIGNMENT = 16,        /* of records */
    DATAGRAM_MOST = 65507, /* of UDP over IPv4 */
    SEGMENTS_MOST = 64,    /* that the kernel takes at once (UDP_MAX_SEGMENTS) */
};

struct record {
    struct hark_op send;
    struct hark_datagram *datagram;
    uint64_t token;
    size_t size; /* with its bytes */
    struct msghdr message;
    struct iovec vector;
    int first_error; /* it may have been told to this one, and be an earlier one's */
    uint8_t state;
    uint8_t tries;
    union {
        struct sockaddr any;
        char bytes[HARK_PACKET_NAME_ROOM];
    } to;
    _Alignas(struct cmsghdr) char control[DATAGRAM_CONTROL_ROOM];
    char bytes[];
};

struct hark_datagram_queue {
    size_t bytes;   /* of the ring */
    size_t head;    /* its oldest record */
    size_t tail;    /* where the next one goes */
    size_t end;     /* where the records end, while those behind it stand at the beginning */
    size_t unsent;  /* the first that waits, if any does */
    size_t used;    /* bytes of records */
    uint32_t count; /* of records */
    uint32_t waiting;
    uint32_t sending;
    bool wrapped;
    _Alignas(ALIGNMENT) char ring[];
};

/* --- the ring --- */

static struct record *record_at(struct hark_datagram_queue *queue, size_t at)
{
    return (struct record *)(void *)(queue->ring + at);
}

static size_t behind(const struct hark_datagram_queue *queue, size_t at, size_t size)
{
    return queue->wrapped && at + size == queue->end ? 0 : at + size;
}

/* Gives: NULL: there is no room. */
static struct record *append(struct hark_datagram_queue *queue, size_t size)
{
    if (queue->count == 0) {
        queue->head = queue->tail = 0;
        queue->wrapped = false;
    }
    const size_t limit = queue->wrapped ? queue->head : queue->bytes;
    if (size > limit - queue->tail) {
        if (queue->wrapped || size > queue->head)
            return NULL;
        queue->wrapped = true;
        queue->end = queue->tail;
        queue->tail = 0;
    }
    struct record *record = record_at(queue, queue->tail);
    if (queue->waiting == 0)
        queue->unsent = queue->tail;
    queue->tail += size;
    queue->used += size;
    queue->count++;
    queue->waiting++;
    return record;
}

static void remove_first(struct hark_datagram_queue *queue)
{
    const size_t size = record_at(queue, queue->head)->size;
    queue->head = behind(queue, queue->head, size);
    if (queue->head == 0)
        queue->wrapped = false;
    queue->used -= size;
    queue->count--;
}

static struct hark_datagram_queue *queue_of(struct hark_datagram *datagram)
{
    const size_t bytes = datagram->options.queue_bytes_max / ALIGNMENT * ALIGNMENT;
    if (datagram->queue)
        return datagram->queue;
    struct hark_datagram_queue *queue = malloc(sizeof *queue + bytes);
    if (!queue)
        return NULL;
    memset(queue, 0, sizeof *queue);
    queue->bytes = bytes;
    datagram->queue = queue;
    return queue;
}

bool datagram_queue_is_empty(const struct hark_datagram *datagram)
{
    return !datagram->queue || datagram->queue->count == 0;
}

void datagram_queue_done(struct hark_datagram *datagram)
{
    free(datagram->queue);
    datagram->queue = NULL;
}

size_t hark_datagram_queued(const struct hark_datagram *datagram)
{
    return datagram->queue ? datagram->queue->used : 0;
}

/* --- sending --- */

static void sent(struct hark_op *op, int64_t result);

static void start(struct record *record)
{
    struct hark_datagram *datagram = record->datagram;
    datagram->queue->sending++;
    record->state = RECORD_SENDING;
    hark_sendmsg(datagram->loop, &record->send, datagram->fd, &record->message, 0, sent);
    if (datagram->options.send_timeout_ns)
        hark_op_deadline(&record->send,
                         hark_now(datagram->loop) + datagram->options.send_timeout_ns);
}

/* A unix socket loses nothing and keeps the order. */
static void start_those_that_may(struct hark_datagram *datagram)
{
    struct hark_datagram_queue *queue = datagram->queue;
    const uint32_t window = datagram->family == AF_UNIX ? 1 : WINDOW;
    while (queue->waiting > 0 && queue->sending < window && !datagram_closes(datagram)) {
        struct record *record = record_at(queue, queue->unsent);
        queue->unsent = behind(queue, queue->unsent, record->size);
        queue->waiting--;
        start(record);
    }
}

/* A socket that was told of what it sent before fails with that, and sends nothing: once. */
static bool may_be_an_earlier_ones(const struct hark_datagram *datagram, int64_t error)
{
    return datagram->family != AF_UNIX && datagram_error_passes(error) && error != -EMSGSIZE &&
           error != -EPERM && error != -ENOBUFS && error != -EAGAIN;
}

static void tell_failed(struct record *record, int error)
{
    const struct hark_datagram_error told = {
        .error = error,
        .token = record->token,
        .to = record->message.msg_name,
        .to_length = record->message.msg_namelen,
        .bytes = record->bytes,
        .count = record->vector.iov_len,
    };
    datagram_tell(record->datagram, &told);
}

static void tell_outcome(struct record *record, int64_t result)
{
    struct hark_datagram *datagram = record->datagram;
    if (result < 0)
        return tell_failed(record, (int)result);
    datagram->sent_count++;
    if (datagram->errors)
        datagram_errors_note(datagram, record->message.msg_name, record->bytes,
                             record->vector.iov_len, record->token);
    else if (record->first_error)
        datagram_tell(datagram, &(struct hark_datagram_error){.error = record->first_error});
}

static void tell_drained(struct hark_datagram *datagram)
{
    if (!datagram->full || datagram->queue->used > datagram->options.low_bytes)
        return;
    datagram->full = false;
    if (datagram->events->drained && !datagram_closes(datagram))
        datagram->events->drained(datagram);
}

static void sent(struct hark_op *op, int64_t result)
{
    struct record *record = hark_container_of(op, struct record, send);
    struct hark_datagram *datagram = record->datagram;
    struct hark_datagram_queue *queue = datagram->queue;
    queue->sending--;
    if (may_be_an_earlier_ones(datagram, result) && record->tries < TRIES &&
        !datagram_closes(datagram)) {
        record->first_error = record->tries++ ? record->first_error : (int)result;
        return start(record);
    }
    tell_outcome(record, result);
    record->state = RECORD_OVER;
    while (queue->count > 0 && record_at(queue, queue->head)->state == RECORD_OVER)
        remove_first(queue);
    tell_drained(datagram);
    start_those_that_may(datagram);
    datagram_advance(datagram);
}

/* --- what its owner calls --- */

static int refuse(struct hark_datagram *datagram, int error)
{
    if (error == -ENOBUFS)
        datagram->full = true;
    return error;
}

static int look_at(const struct hark_datagram *datagram, const struct hark_datagram_way *how)
{
    if (hark_datagram_fd(datagram) < 0 || datagram->ending != DATAGRAM_STAYS)
        return -EPIPE;
    if (how->to_length > HARK_PACKET_NAME_ROOM || how->segment > UINT16_MAX)
        return -EINVAL;
    if (how->local && how->local->length && how->local->name.any.sa_family != datagram->family)
        return -EAFNOSUPPORT;
    return 0;
}

static size_t size_of(size_t count)
{
    return (sizeof(struct record) + count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void fill(struct record *record, struct hark_datagram *datagram, const char *bytes,
                 size_t count, const struct hark_datagram_way *how)
{
    const bool segmented = how->segment > 0 && count > how->segment;
    *record = (struct record){
        .datagram = datagram,
        .token = how->token,
        .size = size_of(count),
        .state = RECORD_WAITS,
        .vector = {record->bytes, count},
        .message = {.msg_iov = &record->vector, .msg_iovlen = 1},
    };
    if (how->to && how->to_length > 0) {
        memcpy(&record->to, how->to, how->to_length);
        record->message.msg_name = &record->to;
        record->message.msg_namelen = how->to_length;
    }
    record->message.msg_controllen =
        datagram_write_control(datagram, how, segmented, record->control);
    if (record->message.msg_controllen > 0)
        record->message.msg_control = record->control;
    if (count > 0)
        memcpy(record->bytes, bytes, count);
}

/* How many bytes one record takes of what is left: all of one datagram; of several as many as the
 * kernel takes at once, or one. */
static size_t piece_of(const struct hark_datagram *datagram, const struct hark_datagram_way *how,
                       size_t left)
{
    size_t segment = how->segment;
    if (segment == 0)
        return left;
    if (datagram->features & HARK_DATAGRAM_GSO && segment <= DATAGRAM_MOST) {
        size_t most = DATAGRAM_MOST / segment;
        segment *= most < SEGMENTS_MOST ? most : SEGMENTS_MOST;
    }
    return segment < left ? segment : left;
}

static size_t size_of_all(const struct hark_datagram *datagram, const struct hark_datagram_way *how,
                          size_t count)
{
    size_t size = 0;
    do {
        size_t piece = piece_of(datagram, how, count);
        size += size_of(piece);
        count -= piece;
    } while (count > 0);
    return size;
}

/* Whether each piece finds its place: where the ring goes round, a record may not fit before its
 * end. */
static bool has_room(const struct hark_datagram *datagram, const struct hark_datagram_way *how,
                     size_t count)
{
    const struct hark_datagram_queue *queue = datagram->queue;
    struct hark_datagram_queue trial = *queue;
    if (trial.count == 0) {
        trial.head = trial.tail = 0;
        trial.wrapped = false;
    }
    do {
        const size_t piece = piece_of(datagram, how, count);
        const size_t size = size_of(piece);
        const size_t limit = trial.wrapped ? trial.head : trial.bytes;
        if (size > limit - trial.tail) {
            if (trial.wrapped || size > trial.head)
                return false;
            trial.wrapped = true;
            trial.tail = 0;
        }
        trial.tail += size;
        count -= piece;
    } while (count > 0);
    return true;
}

int hark_datagram_send(struct hark_datagram *datagram, const void *bytes, size_t count,
                       const struct hark_datagram_way *how)
{
    static const struct hark_datagram_way plain;
    if (!how)
        how = &plain;
    int error = look_at(datagram, how);
    if (error)
        return error;
    struct hark_datagram_queue *queue = queue_of(datagram);
    if (!queue)
        return -ENOMEM;
    if (count > queue->bytes || size_of_all(datagram, how, count) > queue->bytes)
        return -EMSGSIZE;
    if (!has_room(datagram, how, count))
        return refuse(datagram, -ENOBUFS);
    const char *at = bytes;
    do {
        const size_t piece = piece_of(datagram, how, count);
        struct record *record = append(queue, size_of(piece));
        check(record);
        fill(record, datagram, at, piece, how);
        if (piece > 0)
            at += piece;
        count -= piece;
    } while (count > 0);
    start_those_that_may(datagram);
    bool high = queue->used >= datagram->options.high_bytes;
    datagram->full |= high;
    return high;
}
