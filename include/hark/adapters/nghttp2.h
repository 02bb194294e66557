/* nghttp2.h - HTTP/2 on a hark loop: a session of nghttp2's, server or client, over a stream, and
 * so over TCP, unix sockets, or TLS.
 *
 *     nghttp2_session_server_new(&session, callbacks, connection);
 *     nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, count);
 *     hark_stream_open(loop, &connection->http2.stream, fd, &limits, hark_nghttp2_stream_events());
 *     hark_nghttp2_start(&connection->http2, session, &events);
 *
 *     nghttp2_submit_request(...); (in a callback of the session's; from elsewhere behind it:)
 *     hark_nghttp2_send(&connection->http2);
 *
 * A client's is the same with nghttp2_session_client_new and hark_stream_connect. The stream may be
 * opened in any way that there is: hark_stream_open_tls and hark_stream_connect_tls as well, with
 * "h2" in the `alpn` of hark_tls_options; a peer may have agreed on nothing, so `connected` looks
 * at hark_tls_alpn, and closes.
 *
 * TCP needs TCP_NODELAY, or small frames wait for acknowledgments: hark_stream_connect sets it, and
 * HARK_LISTEN_NO_DELAY for what is accepted.
 *
 * What is submitted, and the callbacks in which a session tells what has come, are nghttp2's own.
 * But nghttp2_session_send, _recv, _mem_send and _mem_recv are the adapter's to call, so send and
 * receive callbacks are not needed; and NGHTTP2_ERR_PAUSE is not for callbacks here: where it
 * leaves bytes unread the connection ends. Who cannot take more has the windows of HTTP/2, and
 * nghttp2_option_set_no_auto_window_update.
 *
 * Ends       nghttp2_submit_goaway lets the streams that are open go on to their ends, and
 *            nghttp2_session_terminate_session does not. Once a session wants neither to read nor
 *            to write, what it has written is sent and the stream closed. nghttp2 does not call
 *            on_stream_close_callback for the streams that a connection takes with it: who keeps
 *            something for each frees it in `closed`.
 * Deadlines  Those of the stream. After read_timeout_ns of silence a peer that reads is sent a
 *            GOAWAY. With write_timeout_ns no peer can hold a connection by not reading.
 * Memory     What a peer does not read stays where it is made: past the high mark of the stream's
 *            queue the session is asked for nothing, so bodies wait in their data sources. A
 *            server whose session has HARK_NGHTTP2_FRAMES_MAX other frames waiting behind that is
 *            not read from either. The rest are nghttp2's bounds, as its options set them: the
 *            streams that a peer may have open (SETTINGS_MAX_CONCURRENT_STREAMS, which has no limit
 *            where it is not submitted), answers to PING and SETTINGS that wait (1000:
 *            nghttp2_option_set_max_outbound_ack), settings in a frame (32:
 *            nghttp2_option_set_max_settings), streams that are opened and reset again (1000 at
 *            once, then 33 a second: nghttp2_option_set_stream_reset_rate_limit, from 1.57 on,
 *            and in older ones that were mended). What a peer may send by the second, and is
 *            answered and forgotten, has no bound.
 * Thread     the loop's, for all that is here. */
#ifndef HARK_ADAPTERS_NGHTTP2_H
#define HARK_ADAPTERS_NGHTTP2_H

#include "../../hark.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>

HARK_BEGIN

enum { HARK_NGHTTP2_FRAMES_MAX = 32 };

struct hark_nghttp2;

/* What a connection tells its owner beside the session's callbacks, always from hark_run. */
struct hark_nghttp2_events {
    /* The stream is connected: where it was opened by hark_stream_connect or the like, or over
     * TLS. What was written before goes out when this returns, unless it closes. NULL: unwanted. */
    void (*connected)(struct hark_nghttp2 *http2);
    /* Last of all: the session has been deleted, the memory is the caller's again. error:
     *   0                       the session was over: a GOAWAY was sent or received, whatever its
     *                           code, which on_frame_send_callback and on_frame_recv_callback tell
     *   NGHTTP2_ERR_EOF         the peer ended the connection before that
     *   other NGHTTP2_ERR_...   what the session has given: NGHTTP2_ERR_BAD_CLIENT_MAGIC the peer
     *                           speaks something else, NGHTTP2_ERR_FLOODED one of its limits is
     *                           passed, NGHTTP2_ERR_CALLBACK_FAILURE a callback wanted it so, ...
     *   -ETIMEDOUT              a deadline of the stream's
     *   -ECANCELED              hark_nghttp2_close; hark_cancel_all
     *   -ENOBUFS                a frame is larger than the stream's queue
     *   any other errno         of connecting, receiving or sending, those of TLS among them
     * nghttp2's codes are below -500, and no errno is. */
    void (*closed)(struct hark_nghttp2 *http2, int error);
};

/* In the caller's memory, zeroed before its first use. `stream` is there to be opened, to be asked
 * for its socket, its queue and its peer, and for its `context`, which is the caller's; `session`
 * to be submitted to. All else is private, and so is to read from the stream, to write and to
 * close. */
struct hark_nghttp2 {
    struct hark_stream stream;
    nghttp2_session *session;
    const struct hark_nghttp2_events *events;
    const uint8_t *left; /* what the session gave, and the queue had no room for */
    size_t left_count;
    int error;
    bool inside; /* the session is at work, and calls callbacks: it may not be called */
    bool full;   /* the stream's queue: `drained` is to come */
    bool ended;  /* the stream is closed, at once or after sending */
};

/* Private, as all up to hark_nghttp2_stream_events. */
static inline void hark_nghttp2_fail(struct hark_nghttp2 *http2, int error)
{
    if (!http2->error)
        http2->error = error == NGHTTP2_ERR_NOMEM ? -ENOMEM : error;
    http2->ended = true;
    hark_stream_close(&http2->stream);
}

/* A piece from the session into the queue.
 * Gives: whether another may follow. */
static inline bool hark_nghttp2_write_piece(struct hark_nghttp2 *http2)
{
    if (http2->left_count == 0) {
        ssize_t count = nghttp2_session_mem_send(http2->session, &http2->left);
        if (count < 0)
            hark_nghttp2_fail(http2, HARK_CAST(int, count));
        if (count <= 0 || http2->ended)
            return false;
        http2->left_count = HARK_CAST(size_t, count);
    }
    int error = hark_stream_write(&http2->stream, http2->left, http2->left_count);
    if (error == -ENOBUFS && hark_stream_queued(&http2->stream) > 0) {
        http2->full = true;
        return false;
    }
    http2->left_count = 0;
    http2->full = error == 1;
    if (error < 0)
        hark_nghttp2_fail(http2, error);
    return error == 0;
}

/* A server's peer that does not read may not have it gather what is to be sent. A client reads
 * always: else two that send much would wait for each other. */
static inline bool hark_nghttp2_rests(const struct hark_nghttp2 *http2)
{
    return http2->full && nghttp2_session_check_server_session(http2->session) &&
           nghttp2_session_get_outbound_queue_size(http2->session) >= HARK_NGHTTP2_FRAMES_MAX;
}

static inline void hark_nghttp2_move_on(struct hark_nghttp2 *http2)
{
    http2->inside = true;
    while (!http2->ended && !http2->full && hark_nghttp2_write_piece(http2)) {
    }
    http2->inside = false;
    if (http2->ended)
        return;
    if (http2->left_count == 0 && !nghttp2_session_want_read(http2->session) &&
        !nghttp2_session_want_write(http2->session)) {
        http2->ended = true;
        hark_stream_close_after_sending(&http2->stream);
    } else if (hark_nghttp2_rests(http2)) {
        hark_stream_read_stop(&http2->stream);
    } else {
        hark_stream_read_start(&http2->stream);
    }
}

static inline void hark_nghttp2_take(struct hark_nghttp2 *http2, const uint8_t *bytes, size_t count)
{
    http2->inside = true;
    ssize_t taken = nghttp2_session_mem_recv(http2->session, bytes, count);
    http2->inside = false;
    if (http2->ended)
        return;
    if (taken < 0)
        hark_nghttp2_fail(http2, HARK_CAST(int, taken));
    else if (HARK_CAST(size_t, taken) < count)
        hark_nghttp2_fail(http2, NGHTTP2_ERR_PAUSE);
    else
        hark_nghttp2_move_on(http2);
}

/* The peer has been silent for too long; one that does not read either is told nothing. */
static inline void hark_nghttp2_give_up(struct hark_nghttp2 *http2)
{
    http2->error = -ETIMEDOUT;
    if (http2->full || nghttp2_session_terminate_session(http2->session, NGHTTP2_NO_ERROR) < 0)
        hark_nghttp2_fail(http2, -ETIMEDOUT);
    else
        hark_nghttp2_move_on(http2);
    if (!http2->ended) /* the queue is full now: what is behind it does not matter */
        hark_stream_close_after_sending(&http2->stream);
    http2->ended = true;
}

static inline void hark_nghttp2_connected(struct hark_stream *stream, int error)
{
    struct hark_nghttp2 *http2 = hark_container_of(stream, struct hark_nghttp2, stream);
    if (error < 0)
        hark_nghttp2_fail(http2, error);
    else if (http2->events->connected)
        http2->events->connected(http2);
}

static inline void hark_nghttp2_received(struct hark_stream *stream, const void *bytes,
                                         int64_t count)
{
    struct hark_nghttp2 *http2 = hark_container_of(stream, struct hark_nghttp2, stream);
    if (http2->ended)
        return;
    if (count > 0)
        hark_nghttp2_take(http2, HARK_CAST(const uint8_t *, bytes), HARK_CAST(size_t, count));
    else if (count == -ETIMEDOUT)
        hark_nghttp2_give_up(http2);
    else
        hark_nghttp2_fail(http2, count == 0 ? NGHTTP2_ERR_EOF : HARK_CAST(int, count));
}

static inline void hark_nghttp2_drained(struct hark_stream *stream)
{
    struct hark_nghttp2 *http2 = hark_container_of(stream, struct hark_nghttp2, stream);
    http2->full = false;
    if (!http2->ended)
        hark_nghttp2_move_on(http2);
}

static inline void hark_nghttp2_failed(struct hark_stream *stream, int error)
{
    hark_nghttp2_fail(hark_container_of(stream, struct hark_nghttp2, stream), error);
}

static inline void hark_nghttp2_closed(struct hark_stream *stream)
{
    struct hark_nghttp2 *http2 = hark_container_of(stream, struct hark_nghttp2, stream);
    nghttp2_session_del(http2->session);
    http2->session = HARK_NULL;
    http2->events->closed(http2, http2->error);
}

/* What the stream of a connection is opened with. */
static inline const struct hark_stream_events *hark_nghttp2_stream_events(void)
{
    static const struct hark_stream_events events = {
        hark_nghttp2_connected,
        hark_nghttp2_received,
        hark_nghttp2_drained,
        hark_nghttp2_failed,
        HARK_NULL,
        hark_nghttp2_closed,
        HARK_NULL,
    };
    return &events;
}

/* Lets a session run over the stream, as soon as that is connected.
 * Takes: http2->stream was opened with hark_nghttp2_stream_events, by what has called back nothing
 *   yet. session: a server's or client's, of whichever user data, to which its first SETTINGS were
 *   submitted. events must outlive it.
 * Owns: the session is the adapter's; http2's memory too, until `closed`. */
static inline void hark_nghttp2_start(struct hark_nghttp2 *http2, nghttp2_session *session,
                                      const struct hark_nghttp2_events *events)
{
    http2->session = session;
    http2->events = events;
    http2->left_count = 0;
    http2->error = 0;
    http2->inside = http2->full = http2->ended = false;
    hark_nghttp2_move_on(http2);
}

/* Something was submitted, resumed or ended outside of the session's callbacks: it is sent, now or
 * when the peer has made room. Inside of them, or once the connection ends: nothing happens. */
static inline void hark_nghttp2_send(struct hark_nghttp2 *http2)
{
    if (!http2->inside && !http2->ended)
        hark_nghttp2_move_on(http2);
}

/* Ends the connection at once: what is queued is dropped, and `closed` is called in a later turn.
 * In a callback of the session's others may follow still, for what was received with it: one that
 * returns NGHTTP2_ERR_CALLBACK_FAILURE is the last. Once it ends by itself: it no longer waits for
 * the peer. */
static inline void hark_nghttp2_close(struct hark_nghttp2 *http2)
{
    hark_nghttp2_fail(http2, http2->ended ? http2->error : -ECANCELED);
}

/* An error of `closed` as words for a person. */
static inline const char *hark_nghttp2_error_text(int error)
{
    return error <= NGHTTP2_ERR_INVALID_ARGUMENT ? nghttp2_strerror(error) : hark_error_text(error);
}

HARK_END

#endif
