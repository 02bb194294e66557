/* refusal.h - why an event is refused: one table for both protocols, and for who asks after the
 * server's health. */
#ifndef HARK_COMMAND_CONNECTION_REFUSAL_H
#define HARK_COMMAND_CONNECTION_REFUSAL_H

#include <stdint.h>

struct refusal {
    int status;         /* of HTTP */
    const char *reason; /* one constant line for a person */
};

/* Takes: the error of a publish. */
struct refusal refusal_of(int64_t error);

#endif
