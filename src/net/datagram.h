/* datagram.h - what the files of the datagram socket share: datagram.c, its order; _queue, what is
 * sent; _errors, what the network says of it; _control, the control data of both ways. */
#ifndef NET_DATAGRAM_H
#define NET_DATAGRAM_H

#include "hark/datagram.h"

enum { DATAGRAM_CONTROL_ROOM = 128 };

/* hark_datagram.ending. */
enum { DATAGRAM_STAYS, DATAGRAM_FINISHING, DATAGRAM_DETACHING, DATAGRAM_GOING_AWAY };

/* Errors that a socket is told once and that end nothing: of what it has sent, or its device. */
bool datagram_error_passes(int64_t error);

/* --- datagram.c --- */

/* Goes on with closing or detaching, where nothing is left to be sent. */
void datagram_advance(struct hark_datagram *datagram);

/* Whether it is being closed: nothing is told any more. */
bool datagram_closes(const struct hark_datagram *datagram);

void datagram_tell(struct hark_datagram *datagram, const struct hark_datagram_error *error);

/* --- datagram_control.c --- */

/* Asks the kernel for what the options ask for, and notes what it has. */
void datagram_find_features(struct hark_datagram *datagram);

/* Reads what is known of a message. */
void datagram_describe(const struct hark_packet *message,
                       struct hark_datagram_received *out_received);

/* Writes the control data of one that is sent into room of DATAGRAM_CONTROL_ROOM bytes.
 * Gives: how many bytes it is. */
size_t datagram_write_control(const struct hark_datagram *datagram,
                              const struct hark_datagram_way *how, bool segmented, void *control);

/* --- datagram_queue.c --- */

bool datagram_queue_is_empty(const struct hark_datagram *datagram);
void datagram_queue_done(struct hark_datagram *datagram);

/* --- datagram_errors.c --- */

/* Fails: -ENOMEM. */
int datagram_errors_create(struct hark_datagram *datagram);
void datagram_errors_done(struct hark_datagram *datagram);
void datagram_errors_watch(struct hark_datagram *datagram);

/* One has been sent: it is remembered for a while.
 * Takes: to NULL: to the peer. */
void datagram_errors_note(struct hark_datagram *datagram, const struct sockaddr *to,
                          const void *bytes, size_t count, uint64_t token);

#endif
