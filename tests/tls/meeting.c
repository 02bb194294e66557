/* meeting.c - see the header. */
#include "tls/meeting.h"

struct hark_tls *tls_make(const struct hark_tls_options *options)
{
    struct hark_tls *tls;
    struct hark_tls_error why = {0};
    int error = hark_tls_create(options, &tls, &why);
    if (error)
        fprintf(stderr, "%s\n", why.text);
    assert_result(error, 0);
    return tls;
}

void meeting_prepare(struct meeting *meeting, const struct hark_tls_options *server,
                     const struct hark_tls_options *client)
{
    struct hark_tls_options own = server ? *server : (struct hark_tls_options){0};
    struct hark_tls_options theirs = client ? *client : (struct hark_tls_options){0};
    paper_authority(&meeting->authority);
    paper_server(&meeting->paper, &meeting->authority);
    meeting->certificate = paper_as_certificate(&meeting->paper);
    own.server = true;
    if (own.certificate_count == 0) {
        own.certificates = &meeting->certificate;
        own.certificate_count = 1;
    }
    if (!theirs.ca_pem && !theirs.ca_file)
        theirs.ca_pem = meeting->authority.pem;
    if (own.client_certificates && !own.ca_pem)
        own.ca_pem = meeting->authority.pem;
    meeting->server_tls = tls_make(&own);
    meeting->client_tls = tls_make(&theirs);
}

void witness_open_tls(struct hark_loop *loop, struct witness *witness, int fd, struct hark_tls *tls,
                      const char *name, const struct hark_stream_options *options)
{
    assert_result(
        CALL(hark_stream_open_tls(loop, &witness->stream, fd, tls, name, options, &witness_events)),
        0);
}

void meeting_connect(struct hark_loop *loop, struct meeting *meeting,
                     const struct hark_stream_options *options)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    witness_open_tls(loop, &meeting->server, pair[0], meeting->server_tls, NULL, options);
    witness_open_tls(loop, &meeting->client, pair[1], meeting->client_tls, "localhost", options);
}

void meeting_connect_over_unix(struct hark_loop *loop, struct meeting *meeting,
                               const struct hark_stream_options *options)
{
    int pair[2];
    harness_socket_pair(loop, pair);
    peer_shrink(pair[0]);
    peer_shrink(pair[1]);
    witness_open_tls(loop, &meeting->server, pair[0], meeting->server_tls, NULL, options);
    witness_open_tls(loop, &meeting->client, pair[1], meeting->client_tls, "localhost", options);
}

void meeting_begin(struct hark_loop *loop, struct meeting *meeting,
                   const struct hark_stream_options *options)
{
    meeting_connect(loop, meeting, options);
    harness_run_until(loop, &meeting->server.connected);
    harness_run_until(loop, &meeting->client.connected);
    if (meeting->client.connected_error)
        fprintf(stderr, "%s\n", hark_tls_why(&meeting->client.stream));
    if (meeting->server.connected_error)
        fprintf(stderr, "%s\n", hark_tls_why(&meeting->server.stream));
    assert_result(meeting->client.connected_error, 0);
    assert_result(meeting->server.connected_error, 0);
}

/* One that was never open, or is closed, has its state at 0. */
static void forget(struct witness *witness)
{
    struct hark_stream stream = witness->stream;
    free(witness->bytes);
    *witness = (struct witness){.stream = stream};
}

void meeting_part(struct hark_loop *loop, struct meeting *meeting)
{
    if (meeting->client.stream.opening)
        witness_close(loop, &meeting->client);
    if (meeting->server.stream.opening)
        witness_close(loop, &meeting->server);
    forget(&meeting->client);
    forget(&meeting->server);
}

void meeting_done(struct meeting *meeting)
{
    hark_tls_destroy(meeting->server_tls);
    hark_tls_destroy(meeting->client_tls);
    paper_done(&meeting->paper);
    paper_done(&meeting->authority);
}
