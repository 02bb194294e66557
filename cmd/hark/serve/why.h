/* why.h - what an error means, for the middle of a sentence. */
#ifndef SERVE_WHY_H
#define SERVE_WHY_H

#include <stdint.h>

/* "address already in use" for -EADDRINUSE.
 * Gives: text that the next call of the thread uses again. */
const char *why(int64_t error);

#endif
