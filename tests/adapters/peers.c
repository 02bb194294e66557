/* peers.c - see the header. */
#include "adapters/peers.h"

static void peers_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct peer *peer = hark_container_of(stream, struct peer, stream);
    if (count > 0)
        peer->peers->received(peer, bytes, (size_t)count);
    else
        hark_stream_close(stream);
}

static void peers_closed(struct hark_stream *stream)
{
    struct peer *peer = hark_container_of(stream, struct peer, stream);
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    peer->peers->open--;
    free(peer);
}

static void peers_accepted(struct hark_listener *listener, int fd)
{
    static const struct hark_stream_events events = {.received = peers_received,
                                                     .closed = peers_closed};
    static const struct hark_stream_options options = {.queue_bytes_max = PEERS_QUEUE_BYTES};
    struct peers *peers = hark_container_of(listener, struct peers, listener);
    struct peer *peer = calloc(1, peers->peer_bytes);
    assert_non_null(peer);
    peer->peers = peers;
    peer->next = peers->first;
    peer->link = &peers->first;
    if (peer->next)
        peer->next->link = &peer->next;
    peers->first = peer;
    peers->open++;
    hark_stream_open(listener->loop, &peer->stream, fd, &options, &events);
    hark_stream_read_start(&peer->stream);
}

static const struct hark_listener_events peers_listening = {.accepted = peers_accepted};

void peers_start(struct hark_loop *loop, struct peers *peers, size_t peer_bytes,
                 void (*received)(struct peer *peer, const void *bytes, size_t count))
{
    struct hark_address address;
    *peers = (struct peers){.peer_bytes = peer_bytes, .received = received};
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(hark_listener_open(loop, &peers->listener, &address, 0, 0, &peers_listening),
                     0);
    assert_int_equal(hark_listener_address(&peers->listener, &address), 0);
    peers->port = ntohs(address.name.ip4.sin_port);
}

void peers_close(struct peers *peers)
{
    for (struct peer *peer = peers->first; peer; peer = peer->next)
        hark_stream_close(&peer->stream);
}

void peers_end(struct peers *peers)
{
    hark_listener_close(&peers->listener);
    peers_close(peers);
}
