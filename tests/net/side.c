/* side.c - see the header. */
#include "net/side.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

static void received(struct hark_datagram *datagram, const struct hark_datagram_received *message)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    if (side->count < SIDE_SEEN) {
        const char *bytes = message->bytes;
        side->seen[side->count].count = message->count;
        side->seen[side->count].length = message->length;
        side->seen[side->count].segment = message->segment;
        side->seen[side->count].first = message->count ? bytes[0] : 0;
        side->seen[side->count].tos = message->tos;
        side->seen[side->count].interface = message->interface;
        side->seen[side->count].local = message->local;
        side->seen[side->count].from_length = message->from_length;
        if (message->from)
            memcpy(&side->seen[side->count].from, message->from, message->from_length);
    }
    side->count++;
    side->total += message->count;
    if (side->answers) {
        const struct hark_datagram_way how = hark_datagram_answer(message);
        assert_result(hark_datagram_send(datagram, message->bytes, message->count, &how), 0);
    }
    if (side->closes)
        hark_datagram_close(datagram);
}

static void failed(struct hark_datagram *datagram, const struct hark_datagram_error *error)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    assert_true(side->failed < SIDE_FAILURES);
    side->failures[side->failed].error = error->error;
    side->failures[side->failed].token = error->token;
    side->failures[side->failed].by = error->by;
    if (error->to && error->to_length == sizeof(struct sockaddr_in))
        memcpy(&side->failures[side->failed].to, error->to, error->to_length);
    side->failed++;
}

static void ended(struct hark_datagram *datagram, int error)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    side->ended = true;
    side->end = error;
}

static void drained(struct hark_datagram *datagram)
{
    hark_container_of(datagram, struct side, datagram)->drained++;
}

static void closed(struct hark_datagram *datagram)
{
    hark_container_of(datagram, struct side, datagram)->closed = true;
}

static void detached(struct hark_datagram *datagram, int fd)
{
    hark_container_of(datagram, struct side, datagram)->detached = fd + 1;
}

const struct hark_datagram_events side_events = {.received = received,
                                                 .ended = ended,
                                                 .failed = failed,
                                                 .drained = drained,
                                                 .closed = closed,
                                                 .detached = detached};

struct hark_address side_address(struct hark_loop *loop, const struct side *side)
{
    struct hark_address address;
    assert_result(hark_os_getsockname(loop, hark_datagram_fd(&side->datagram), &address), 0);
    return address;
}

struct hark_address side_parse(const char *text)
{
    struct hark_address address;
    assert_result(hark_address_parse(text, &address), 0);
    return address;
}

void side_bind(struct hark_loop *loop, struct side *side, const char *text, uint32_t flags)
{
    const struct hark_address local = side_parse(text);
    const struct hark_datagram_options options = {.flags = flags};
    memset(side, 0, sizeof *side);
    assert_result(hark_datagram_bind(loop, &side->datagram, &local, &options, &side_events), 0);
    hark_datagram_receive_start(&side->datagram);
}

void side_connect(struct hark_loop *loop, struct side *side, const struct hark_address *peer,
                  uint32_t flags)
{
    const struct hark_datagram_options options = {.flags = flags};
    memset(side, 0, sizeof *side);
    assert_result(hark_datagram_connect(loop, &side->datagram, NULL, peer, &options, &side_events),
                  0);
    hark_datagram_receive_start(&side->datagram);
}

void side_await(struct hark_loop *loop, const int *count, int wanted)
{
    int left = 1;
    while (*(const volatile int *)count < wanted && left > 0)
        left = hark_run_once(loop);
    assert_true(left >= 0);
    assert_true(*(const volatile int *)count >= wanted);
}

void side_close(struct hark_loop *loop, struct side *side)
{
    hark_datagram_close(&side->datagram);
    hark_datagram_close(&side->datagram);
    harness_run_until(loop, &side->closed);
    assert_int_equal(hark_datagram_fd(&side->datagram), -1);
}

struct hark_datagram_way side_to(const struct hark_address *address, uint64_t token)
{
    return (struct hark_datagram_way){
        .to = &address->name.any, .to_length = address->length, .token = token};
}

struct hark_address side_nobody(struct hark_loop *loop)
{
    static struct side gone;
    side_bind(loop, &gone, "127.0.0.1:0", 0);
    struct hark_address address = side_address(loop, &gone);
    side_close(loop, &gone);
    return address;
}

void side_unix_address(struct hark_address *out_address, const char *name)
{
    memset(out_address, 0, sizeof *out_address);
    out_address->name.unix_path.sun_family = AF_UNIX;
    snprintf(out_address->name.unix_path.sun_path, sizeof out_address->name.unix_path.sun_path,
             "%s", harness_path(name));
    out_address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                      strlen(out_address->name.unix_path.sun_path) + 1);
}
