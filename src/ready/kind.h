/* kind.h - what a descriptor is: it decides how its ops are tried. */
#ifndef READY_KIND_H
#define READY_KIND_H

#include "core/loop.h"

enum ready_kind {
    KIND_UNKNOWN,
    KIND_TCP,    /* a short read means that nothing is left */
    KIND_STREAM, /* any other socket without message borders */
    KIND_SOCKET, /* datagrams, and all else */
    KIND_PIPE,   /* pipes, terminals, and all else that can be polled */
    KIND_FILE,   /* regular files, directories, disks: never ready or not; the work pool's */
};

enum ready_kind kind_of_socket(int family, int type, int protocol);

/* Looks up what a descriptor is, once.
 * Fails: -EBADF. */
int kind_look_up(struct hark_loop *loop, int fd, struct descriptor *row);

/* Notes a socket that the library itself made: nothing needs to be looked up. The rows may move. */
void kind_note_socket(struct hark_loop *loop, int fd, enum ready_kind kind);

#endif
