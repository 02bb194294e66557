/* check_tls.h - a stream over TLS whose peer follows a script: OpenSSL by itself on the other side,
 * which shakes hands, sends, renews keys and ends when the script says so, and whose bytes are cut,
 * turned, dropped, said twice or made up on their way. What must hold, whatever comes:
 *
 *   what is received is what the peer has sent, from its beginning, without a gap;
 *   a clean end comes after the peer's close_notify alone;
 *   each event comes when stream.h allows it, and `closed` comes;
 *   the peer receives nothing but what was written.
 */
#ifndef TESTS_FUZZ_CHECK_TLS_H
#define TESTS_FUZZ_CHECK_TLS_H

#include "fuzz/check.h"
#include "hark.h"
#include "hark/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TLS_WIRE_MAX = 1 << 18, TLS_STEPS_MAX = 300 };

/* --- what all scripts share --- */

static struct tls_world {
    struct hark_loop *loop;
    char *certificate, *key;                  /* PEM */
    struct hark_tls *servers[2], *clients[2]; /* of any version; of 1.3 alone */
    SSL_CTX *peers[2];                        /* of any version; of 1.2 alone */
} tls_world;

static inline char *tls_text(BIO *bio)
{
    char *bytes;
    const long count = BIO_get_mem_data(bio, &bytes);
    char *text = calloc(1, (size_t)count + 1);

    must(text);
    memcpy(text, bytes, (size_t)count);
    BIO_free(bio);
    return text;
}

/* One that signs itself, for localhost. */
static inline void tls_make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    BIO *paper = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());

    must(key && certificate && extension && paper && secret);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_add_ext(certificate, extension, -1);
    must(X509_sign(certificate, key, EVP_sha256()) > 0);
    must(PEM_write_bio_X509(paper, certificate) == 1);
    must(PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1);
    tls_world.certificate = tls_text(paper);
    tls_world.key = tls_text(secret);
    X509_EXTENSION_free(extension);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static inline SSL_CTX *tls_make_peer(bool old)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    BIO *paper = BIO_new_mem_buf(tls_world.certificate, -1);
    BIO *secret = BIO_new_mem_buf(tls_world.key, -1);
    X509 *certificate = PEM_read_bio_X509(paper, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(secret, NULL, NULL, NULL);

    must(context && certificate && key);
    must(SSL_CTX_use_certificate(context, certificate) == 1);
    must(SSL_CTX_use_PrivateKey(context, key) == 1);
    if (old)
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(paper);
    BIO_free(secret);
    return context;
}

static inline struct hark_tls *tls_make_own(bool server, bool new)
{
    const struct hark_tls_certificate certificate = {.chain_pem = tls_world.certificate,
                                                     .key_pem = tls_world.key};
    const struct hark_tls_options options = {.server = server,
                                             .certificates = server ? &certificate : NULL,
                                             .certificate_count = server ? 1 : 0,
                                             .ca_pem = tls_world.certificate,
                                             .client_certificates =
                                                 server ? HARK_TLS_CLIENT_OPTIONAL : 0,
                                             .without_tls_1_2 = new,
                                             .without_resumption = true,
                                             .handshake_timeout_ns = HARK_NEVER,
                                             .key_work = HARK_TLS_KEY_LOOP};
    struct hark_tls *tls;

    must(hark_tls_create(&options, &tls, NULL) == 0);
    return tls;
}

/* Takes: loop: NULL: one of its own, on poll(2), which needs nothing of the kernel's for long. */
static inline void tls_world_begin(struct hark_loop *loop)
{
    const struct hark_options options = {.backend = HARK_BACKEND_POLL};

    must(loop || hark_loop_create(&options, &loop) == 0);
    tls_world.loop = loop;
    tls_make_certificate();
    for (int i = 0; i < 2; i++) {
        tls_world.servers[i] = tls_make_own(true, i == 1);
        tls_world.clients[i] = tls_make_own(false, i == 1);
        tls_world.peers[i] = tls_make_peer(i == 1);
    }
}

static inline void tls_world_end(void)
{
    for (int i = 0; i < 2; i++) {
        hark_tls_destroy(tls_world.servers[i]);
        hark_tls_destroy(tls_world.clients[i]);
        SSL_CTX_free(tls_world.peers[i]);
    }
    free(tls_world.certificate);
    free(tls_world.key);
}

/* --- a script --- */

struct tls_play {
    struct hark_stream stream;
    bool connected, ended, failed, closing, closed; /* what the stream has told */
    uint64_t received, written;                     /* bytes, of this side */
    SSL *peer;
    int fd;                        /* the peer's; -1 closed */
    bool peer_ended;               /* it has sent close_notify, or may have */
    uint64_t peer_sent, peer_came; /* its bytes */
    uint8_t *wire;                 /* what it has said, and has not gone yet */
    size_t wire_count;
    const uint8_t *script;
    size_t left;
};

static inline uint8_t tls_next(struct tls_play *play)
{
    if (play->left == 0)
        return 0;
    play->left--;
    return *play->script++;
}

static inline uint8_t tls_byte(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8));
}

static inline struct tls_play *tls_play_of(struct hark_stream *stream)
{
    struct tls_play *play = hark_container_of(stream, struct tls_play, stream);

    must(!play->closed);
    return play;
}

static inline void tls_connected(struct hark_stream *stream, int error)
{
    struct tls_play *play = tls_play_of(stream);

    must(!play->connected && !play->closing && error <= 0);
    play->connected = true;
    must(hark_tls_why(stream));
    if (error == 0)
        must(hark_tls_version(stream) && hark_tls_cipher(stream));
}

static inline void tls_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct tls_play *play = tls_play_of(stream);

    must(play->connected && !play->closing && !play->ended);
    for (int64_t i = 0; i < count; i++)
        must(((const uint8_t *)bytes)[i] == tls_byte(play->received++));
    must(play->received <= play->peer_sent);
    play->ended = count <= 0;
    if (count == 0)
        must(play->peer_ended && play->received == play->peer_sent);
}

static inline void tls_failed(struct hark_stream *stream, int error)
{
    struct tls_play *play = tls_play_of(stream);

    must(!play->closing && !play->failed && error < 0);
    play->failed = true;
}

static inline void tls_closed(struct hark_stream *stream)
{
    tls_play_of(stream)->closed = true;
}

/* --- its steps --- */

static inline void tls_turn(struct tls_play *play)
{
    (void)play;
    for (int i = 0; i < 4; i++)
        hark_run_ready(tls_world.loop);
}

/* What the peer's OpenSSL has made stands on the wire. */
static inline void tls_take_out(struct tls_play *play)
{
    const size_t room = TLS_WIRE_MAX - play->wire_count;
    const int count = BIO_read(SSL_get_wbio(play->peer), play->wire + play->wire_count, (int)room);

    if (count > 0)
        play->wire_count += (size_t)count;
}

static inline void tls_drop(struct tls_play *play, size_t at, size_t count)
{
    if (at >= play->wire_count)
        return;
    if (count > play->wire_count - at)
        count = play->wire_count - at;
    memmove(play->wire + at, play->wire + at + count, play->wire_count - at - count);
    play->wire_count -= count;
}

static inline void tls_flush(struct tls_play *play, size_t count)
{
    const size_t some = count < play->wire_count ? count : play->wire_count;
    const ssize_t sent = play->fd < 0 || some == 0
                             ? 0
                             : send(play->fd, play->wire, some, MSG_DONTWAIT | MSG_NOSIGNAL);

    tls_drop(play, 0, play->fd < 0 ? some : sent > 0 ? (size_t)sent : 0);
}

/* Bytes of nobody's. */
static inline void tls_inject(struct tls_play *play, const uint8_t *bytes, size_t count)
{
    if (count > TLS_WIRE_MAX - play->wire_count)
        return;
    memcpy(play->wire + play->wire_count, bytes, count);
    play->wire_count += count;
}

static inline void tls_inject_record(struct tls_play *play, size_t count)
{
    uint8_t record[5 + 64] = {tls_next(play), 3, tls_next(play) % 5, 0, (uint8_t)count};

    for (size_t i = 0; i < count; i++)
        record[5 + i] = tls_next(play);
    tls_inject(play, record, 5 + count);
}

static inline void tls_peer_reads(struct tls_play *play)
{
    uint8_t bytes[4096];
    ssize_t came;
    int count;

    while (play->fd >= 0 && (came = recv(play->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        BIO_write(SSL_get_rbio(play->peer), bytes, (int)came);
    while ((count = SSL_read(play->peer, bytes, sizeof bytes)) > 0)
        for (int i = 0; i < count; i++)
            must(bytes[i] == tls_byte(play->peer_came++));
    ERR_clear_error();
    must(play->peer_came <= play->written);
    tls_take_out(play);
}

static inline void tls_peer_writes(struct tls_play *play, size_t count)
{
    uint8_t bytes[20000];

    for (size_t i = 0; i < count; i++)
        bytes[i] = tls_byte(play->peer_sent + i);
    if (!SSL_is_init_finished(play->peer) || TLS_WIRE_MAX - play->wire_count < 2 * sizeof bytes)
        return;
    if (play->peer_ended) /* one that negotiates again has forgotten that it said so */
        return;
    if (count > 0 && SSL_write(play->peer, bytes, (int)count) > 0)
        play->peer_sent += count;
    ERR_clear_error();
    tls_take_out(play);
}

static inline void tls_peer_does(struct tls_play *play, int what, uint8_t how)
{
    if (what == 0)
        SSL_do_handshake(play->peer);
    else if (what == 1 && SSL_version(play->peer) == TLS1_3_VERSION)
        SSL_key_update(play->peer,
                       how & 1 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    else if (what == 2 && SSL_is_init_finished(play->peer))
        play->peer_ended = SSL_shutdown(play->peer) >= 0 || play->peer_ended;
    else if (what == 3 && SSL_version(play->peer) == TLS1_2_VERSION)
        SSL_renegotiate(play->peer);
    ERR_clear_error();
    tls_take_out(play);
}

/* A handshake without trouble, as far as it goes. */
static inline void tls_meet(struct tls_play *play)
{
    for (int i = 0; i < 6; i++) {
        tls_peer_does(play, 0, 0);
        tls_flush(play, TLS_WIRE_MAX);
        tls_turn(play);
        tls_peer_reads(play);
    }
    tls_flush(play, TLS_WIRE_MAX);
    tls_turn(play);
}

static inline void tls_writes(struct tls_play *play, size_t count)
{
    uint8_t bytes[20000];

    for (size_t i = 0; i < count; i++)
        bytes[i] = tls_byte(play->written + i);
    if (hark_stream_write(&play->stream, bytes, count) >= 0)
        play->written += count;
}

static inline void tls_close_peer(struct tls_play *play)
{
    if (play->fd >= 0)
        close(play->fd);
    play->fd = -1;
}

static inline void tls_wire_step(struct tls_play *play, uint8_t step, uint8_t how)
{
    static uint8_t copy[TLS_WIRE_MAX / 2];
    const size_t size = play->wire_count < sizeof copy ? play->wire_count : sizeof copy;

    if (step == 0)
        tls_flush(play, TLS_WIRE_MAX);
    else if (step == 1)
        tls_flush(play, how);
    else if (step == 2 && play->wire_count > 0)
        play->wire[how % play->wire_count] ^= (uint8_t)(1u << (tls_next(play) & 7));
    else if (step == 3)
        tls_drop(play, how, tls_next(play));
    else if (step == 4)
        tls_inject_record(play, how % 64);
    else if (step == 5) {
        memcpy(copy, play->wire, size);
        tls_inject(play, copy, size);
    } else if (step == 6 && play->fd >= 0)
        shutdown(play->fd, SHUT_WR);
    else if (step == 7)
        tls_close_peer(play);
}

static inline void tls_own_step(struct tls_play *play, uint8_t step, uint8_t how)
{
    if (step == 0)
        tls_writes(play, (size_t)how * 70);
    else if (step == 1)
        hark_stream_read_start(&play->stream);
    else if (step == 2)
        hark_stream_read_stop(&play->stream);
    else if (step == 3)
        hark_stream_end(&play->stream);
    else if (step == 4)
        hark_stream_close_after_sending(&play->stream);
    else if (step == 5) {
        play->closing = true;
        hark_stream_close(&play->stream);
    } else
        tls_turn(play);
}

static inline void tls_step(struct tls_play *play)
{
    const uint8_t step = tls_next(play) % 32, how = tls_next(play);

    if (step < 8)
        tls_wire_step(play, step, how);
    else if (step < 16 && !play->closed)
        tls_own_step(play, step - 8, how);
    else if (step < 20)
        tls_peer_does(play, step - 16, how);
    else if (step < 22)
        tls_peer_writes(play, (size_t)how * (step == 20 ? 1 : 70));
    else if (step < 24)
        tls_peer_reads(play);
    else if (step == 24)
        tls_meet(play);
    else
        tls_turn(play);
}

static inline void tls_open(struct tls_play *play, uint8_t kind)
{
    static const struct hark_stream_events events = {.connected = tls_connected,
                                                     .received = tls_received,
                                                     .failed = tls_failed,
                                                     .closed = tls_closed};
    const bool server = kind & 1;
    struct hark_tls *tls = (server ? tls_world.servers : tls_world.clients)[kind >> 1 & 1];
    int pair[2];

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    play->fd = pair[1];
    play->peer = SSL_new(tls_world.peers[kind >> 2 & 1]);
    must(play->peer);
    SSL_set_bio(play->peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (server)
        SSL_set_connect_state(play->peer);
    else
        SSL_set_accept_state(play->peer);
    must(hark_stream_open_tls(tls_world.loop, &play->stream, pair[0], tls,
                              server ? NULL : "localhost", NULL, &events) == 0);
    if (kind & 8)
        hark_stream_read_start(&play->stream);
    if (kind & 16)
        tls_meet(play);
}

static inline void check_tls(const uint8_t *data, size_t size)
{
    struct tls_play play = {.script = data, .left = size, .wire = malloc(TLS_WIRE_MAX)};

    must(play.wire);
    tls_open(&play, tls_next(&play));
    for (int i = 0; play.left > 0 && i < TLS_STEPS_MAX; i++)
        tls_step(&play);
    tls_close_peer(&play);
    tls_turn(&play);
    if (!play.closed) {
        play.closing = true;
        hark_stream_close(&play.stream);
    }
    must(hark_run(tls_world.loop) == 0);
    must(play.closed);
    SSL_free(play.peer);
    free(play.wire);
}

#endif
