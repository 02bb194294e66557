/* date.h - the time of day as HTTP writes it, read from the clock once a second at most. */
#ifndef HARK_COMMAND_CONNECTION_DATE_H
#define HARK_COMMAND_CONNECTION_DATE_H

#include "hark.h"

#include "wire/http.h"

/* A worker's, zeroed at first; all private. */
struct date {
    uint64_t until_ns; /* the text is right until then */
    char text[HTTP_DATE_BYTES];
};

/* Gives: the value of the Date header, valid until the next call. */
const char *date_text(struct date *date, struct hark_loop *loop);

#endif
