/* certificates.h - TLS of the server: certificates for all threads, and new ones without a
 * restart. */
#ifndef HARK_COMMAND_SERVER_CERTIFICATES_H
#define HARK_COMMAND_SERVER_CERTIFICATES_H

#include "server/reload.h"

/* The owner's, zeroed at first; all private. */
struct certificates {
    struct workers *workers;
    struct hark_tls_certificate files;
    struct hark_tls_options options;
    unsigned char ticket_keys[HARK_TLS_TICKET_KEYS_BYTES];
    struct hark_tls_error why;
    struct reload reload;
    int no_keys; /* why no ticket_keys could be drawn; 0: they were */
};

/* Reads the certificates that the options name, and gives each worker what its connections need;
 * nothing happens where they name none. It reads files: before the loops run.
 * Gives: 0, or an exit code: it has then said why. */
int certificates_open(struct certificates *certificates, struct workers *workers);

/* Reads them anew at each SIGHUP: handshakes from then on go by the new ones. What cannot be used
 * is told in a line, and those of before stay. */
void certificates_watch(struct certificates *certificates);

/* No more of that. */
void certificates_close(struct certificates *certificates);

#endif
