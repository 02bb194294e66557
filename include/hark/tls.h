/* tls.h - TLS over streams: servers and clients, on OpenSSL 3. A library of its own, libhark-tls.
 *
 * A stream over TLS is a struct hark_stream like any other: reading, the bounded queue, watermarks,
 * half-close (close_notify), deadlines and closing are those of stream.h. `connected` tells how the
 * handshake has ended, on both sides; what is asked for before waits for it. Differences:
 *
 *   Truncated  A peer that ends the connection without close_notify has `received` called with
 *              -ECONNABORTED, not 0: what came may be cut.
 *   Detach     hark_stream_detach gives -EOPNOTSUPP.
 *   Errors     -EKEYREJECTED the peer's certificate is not to be trusted, or is another host's;
 *              -EKEYEXPIRED it has expired, or is not valid yet; -EPROTO what the peer has sent
 *              is no TLS or breaks it, nothing is common to both, or the peer has refused;
 *              -EPROTOTYPE a client speaks HTTP without TLS; -ECONNABORTED. hark_tls_why has the
 *              reason in words. Those of sockets come beside these.
 *   Memory     OpenSSL's own for each connection, some 20 KiB, less while nothing is on its way;
 *              a buffer for what is being sent, grown with use to at most 64 KiB, kept; and once
 *              reading was stopped what had come by then, as of every stream, here at most 160 KiB.
 *   Deadlines  The handshake has one always. read_timeout_ns is the silence of the peer, in
 *              whatever records; write_timeout_ns is also for close_notify.
 *
 * TLS 1.2 and 1.3 alone, no compression, no renegotiation, no early data; with TLS 1.2 forward
 * secrecy and authenticated encryption. Nothing here blocks but what reads files, and says so.
 * Thread: a struct hark_tls is used by the loop of its streams alone: make one for each loop, with
 *   the same ticket_keys where sessions of one are to be resumed on another.
 */
#ifndef HARK_TLS_H
#define HARK_TLS_H

#include "stream.h"
#include "stream_name.h"
#include "transport.h"

HARK_BEGIN

struct hark_tls;
struct ssl_st;

/* A certificate with its private key: PEM, in files or as text. */
struct hark_tls_certificate {
    const char *chain_file; /* the certificate, behind it those that lead to its CA */
    const char *key_file;   /* NULL: the key stands in chain_file */
    const char *chain_pem;  /* the same as text; in the place of the files */
    const char *key_pem;
    const char *key_password; /* NULL: the key is not encrypted */
};

/* Whether a server asks its clients for certificates. */
enum hark_tls_client_certificates {
    HARK_TLS_CLIENT_UNASKED,
    HARK_TLS_CLIENT_OPTIONAL, /* one that is sent must be good */
    HARK_TLS_CLIENT_REQUIRED,
};

/* Where handshakes that need the own private key are computed. */
enum hark_tls_key_work {
    HARK_TLS_KEY_AUTO, /* on the pool where the key is slow (RSA, curves above 256 bits) */
    HARK_TLS_KEY_POOL,
    HARK_TLS_KEY_LOOP, /* on the loop's thread: for a few connections the shortest way */
};

enum { HARK_TLS_TICKET_KEYS_BYTES = 80, HARK_TLS_WHY_BYTES = 512 };

/* All zero is the default: a client that trusts the system's CAs. */
struct hark_tls_options {
    bool server; /* its streams are servers' sides; else clients' */
    /* A server's; the first whose names fit is taken, else the first. A client's own: one. */
    const struct hark_tls_certificate *certificates;
    size_t certificate_count;
    const char *ca_file;       /* whom to trust: PEM; NULL: the system's CAs. A server that asks for
                            certificates needs it */
    const char *ca_pem;        /* the same as text */
    bool without_verification; /* a client's: any certificate will do. For tests */
    enum hark_tls_client_certificates client_certificates;
    const char *const *alpn; /* protocols (RFC 7301), the preferred first; a client that offers none
                                of a server's is refused */
    size_t alpn_count;
    const char *ciphers; /* of TLS 1.2, as in ciphers(1); NULL: ECDHE with AES-GCM, ChaCha20 */
    const char *cipher_suites; /* of TLS 1.3; NULL: OpenSSL's */
    const char *groups;        /* for key exchange; NULL: OpenSSL's */
    bool without_tls_1_2;
    bool without_resumption; /* no session tickets are given, or kept: else a session is resumed
                                for as long as the certificate that was shown for it is valid */
    const void *ticket_keys; /* HARK_TLS_TICKET_KEYS_BYTES of secret; NULL: random ones */
    unsigned handshakes_max; /* how many are computed or waited for at a time; others wait, with
                                little memory, for their turn, and meanwhile the peer of each that
                                has one is given two seconds for an answer; what is silent from
                                the beginning has no turn yet; 0: 256 */
    uint64_t
        handshake_timeout_ns; /* for each, waiting for its turn too; 0: 10 s; HARK_NEVER none */
    enum hark_tls_key_work key_work;
    /* For debugging: lines with the secrets of connections, as Wireshark reads them
     * (SSLKEYLOGFILE). Nothing is computed on the pool then. */
    void (*key_log)(void *context, const char *line);
    void *context;
};

/* Why something failed: what, on what, why, and what to do. */
struct hark_tls_error {
    char text[HARK_TLS_WHY_BYTES];
};

/* The certificate of a peer. */
struct hark_tls_peer {
    char subject[256]; /* "CN = example.org"; cut to fit, as below */
    char issuer[256];
    unsigned char sha256[32];      /* its fingerprint */
    int64_t not_before, not_after; /* seconds since 1970 */
};

/* Makes what connections need: certificates, whom to trust, rules. It reads the files that are
 * named and parses the system's CAs, some milliseconds: at a program's start, or on the pool.
 * Takes: options: nothing of them is needed later but what `context` points to. out_error: NULL:
 *   the words are not wanted.
 * Gives: 0; hark_tls_destroy frees it.
 * Fails: -EINVAL the options are not possible, a file cannot be read or holds something else;
 *   -EKEYREJECTED the key is not the certificate's; -ENOMEM. out_error then says which and why.
 * Thread: any. */
HARK_API int hark_tls_create(const struct hark_tls_options *options, struct hark_tls **out_tls,
                             struct hark_tls_error *out_error);

/* Gives it up. Streams that are open keep what they need until they are closed.
 * Takes: NULL: nothing happens. */
HARK_API void hark_tls_destroy(struct hark_tls *tls);

/* New certificates and rules, without a restart: handshakes that begin from here on go by those of
 * `fresh`, which is used up; all others go on with what they have. Sessions stay resumable where no
 * client certificates are asked for, unless `fresh` has other ticket_keys. handshakes_max stays.
 * Takes: fresh: of hark_tls_create, with no stream of its own.
 * Gives: 0.
 * Fails: -EINVAL one is for servers and one for clients: nothing has changed. */
HARK_API int hark_tls_replace(struct hark_tls *tls, struct hark_tls *fresh);

/* A reload that is under way, in the caller's memory, zeroed. Private but for `error`, `context`.
 * */
struct hark_tls_reload {
    void *context;
    struct hark_tls_error error; /* in words, where it failed */
    struct hark_op op;
    struct hark_tls *tls, *fresh;
    const struct hark_tls_options *options;
    void (*done)(struct hark_tls_reload *reload, int error);
};

/* hark_tls_create on a thread of the pool, then hark_tls_replace: the loop goes on meanwhile, and
 * after an error tls is as it was.
 * Takes: done: called from hark_run with 0 or a negative errno of either.
 * Owns: reload, tls, options and all that they point to are the library's until `done`. */
HARK_API void hark_tls_reload_start(struct hark_loop *loop, struct hark_tls_reload *reload,
                                    struct hark_tls *tls, const struct hark_tls_options *options,
                                    void (*done)(struct hark_tls_reload *reload, int error));

/* TLS on a connected socket, as hark_stream_open: one that a server has accepted; or, for a client,
 * one that was connected otherwise, or has spoken in plain before (STARTTLS). The handshake begins
 * at once and ends in `connected`; connect_timeout_ns of the options is a shorter deadline for it.
 * Takes: fd: of a stream socket. server_name: whose certificate a client wants, and what it asks
 *   for by SNI: a host or an address; NULL for servers, or without verification. options NULL: the
 *   defaults.
 * Owns: fd and the stream's memory are the library's until `closed`. tls may be destroyed before.
 * Gives: 0.
 * Fails: -EINVAL a client that verifies has no server_name, or it is no name; -ENOMEM. The stream
 *   is then not open, fd the caller's, and no callback comes. */
HARK_API int hark_stream_open_tls(struct hark_loop *loop, struct hark_stream *stream, int fd,
                                  struct hark_tls *tls, const char *server_name,
                                  const struct hark_stream_options *options,
                                  const struct hark_stream_events *events);

/* Connects to a host as hark_stream_connect_name, then TLS as a client; `connected` tells of both.
 * connect_timeout_ns is for both together.
 * Takes: server_name NULL: name->host.
 * Gives and fails: as hark_stream_connect_name and hark_stream_open_tls; also -EINVAL tls is a
 *   server's. */
HARK_API int hark_stream_connect_tls(struct hark_loop *loop, struct hark_stream *stream,
                                     const struct hark_stream_name *name, struct hark_tls *tls,
                                     const char *server_name,
                                     const struct hark_stream_options *options,
                                     const struct hark_stream_events *events);

/* Why TLS on a stream has failed, in a line for a person.
 * Takes: any open stream, also in its callbacks.
 * Gives: "" it has not. It lives as long as the stream is open. */
HARK_API const char *hark_tls_why(const struct hark_stream *stream);

/* What a handshake has agreed on: the protocol of ALPN; "TLSv1.3"; the cipher,
 * "TLS_AES_128_GCM_SHA256"; the name that a client has asked for by SNI.
 * Takes: a stream whose `connected` was called with 0.
 * Gives: NULL: none. It lives as long as the stream is open. */
HARK_API const char *hark_tls_alpn(const struct hark_stream *stream);
HARK_API const char *hark_tls_version(const struct hark_stream *stream);
HARK_API const char *hark_tls_cipher(const struct hark_stream *stream);
HARK_API const char *hark_tls_server_name(const struct hark_stream *stream);

/* Whether the handshake has resumed an earlier session, without certificates. */
HARK_API bool hark_tls_resumed(const struct hark_stream *stream);

/* The certificate that the peer has shown; of a resumed session the one shown then.
 * Gives: 0.
 * Fails: -ENOENT it has shown none. */
HARK_API int hark_tls_peer_certificate(const struct hark_stream *stream,
                                       struct hark_tls_peer *out_peer);

/* OpenSSL's object of a stream, an SSL *, to ask it for what is not here. Reading, writing and
 * shutting down stay the stream's.
 * Gives: NULL: the handshake has not begun. */
HARK_API struct ssl_st *hark_tls_ssl(const struct hark_stream *stream);

HARK_END

#endif
