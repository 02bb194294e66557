/* records.h - a connection that both sides have agreed on: what is sent is encrypted, what is
 * received decrypted, the end is close_notify. As the functions of struct hark_transport. */
#ifndef TLS_RECORDS_H
#define TLS_RECORDS_H

#include "hark/transport.h"

void records_receive(struct hark_stream *stream, void *bytes, size_t count, hark_done *done);
void records_send(struct hark_stream *stream, const struct msghdr *message, hark_done *done);
void records_end(struct hark_stream *stream, hark_done *done);
bool records_close(struct hark_stream *stream, hark_done *done);
void records_watch(struct hark_stream *stream, hark_done *done);

#endif
