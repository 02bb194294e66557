/* none.c - a command that was built without libhark-tls: what it calls of it, which refuses. So
 * TLS is asked for in one place each, and no other file knows whether it is there. */
#include "hark/tls.h"

#include <errno.h>
#include <stdio.h>

int hark_tls_create(const struct hark_tls_options *options, struct hark_tls **out_tls,
                    struct hark_tls_error *out_error)
{
    (void)options;
    (void)out_tls;
    if (out_error)
        snprintf(out_error->text, sizeof out_error->text,
                 "TLS: this hark was built without it (build it with OpenSSL 3: meson "
                 "-Dtls=enabled)");
    return -ENOTSUP;
}

void hark_tls_destroy(struct hark_tls *tls)
{
    (void)tls;
}

/* There is no struct hark_tls, so nobody comes here. */

int hark_tls_replace(struct hark_tls *tls, struct hark_tls *fresh)
{
    (void)tls;
    (void)fresh;
    return -ENOTSUP;
}

int hark_stream_open_tls(struct hark_loop *loop, struct hark_stream *stream, int fd,
                         struct hark_tls *tls, const char *server_name,
                         const struct hark_stream_options *options,
                         const struct hark_stream_events *events)
{
    (void)loop;
    (void)stream;
    (void)fd;
    (void)tls;
    (void)server_name;
    (void)options;
    (void)events;
    return -ENOTSUP;
}

int hark_stream_connect_tls(struct hark_loop *loop, struct hark_stream *stream,
                            const struct hark_stream_name *name, struct hark_tls *tls,
                            const char *server_name, const struct hark_stream_options *options,
                            const struct hark_stream_events *events)
{
    (void)loop;
    (void)stream;
    (void)name;
    (void)tls;
    (void)server_name;
    (void)options;
    (void)events;
    return -ENOTSUP;
}

const char *hark_tls_why(const struct hark_stream *stream)
{
    (void)stream;
    return "";
}

bool hark_tls_resumed(const struct hark_stream *stream)
{
    (void)stream;
    return false;
}
