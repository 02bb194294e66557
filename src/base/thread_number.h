/* thread_number.h - a number for each thread that no other thread of the process ever has, as
 * pthread_self is given out again. */
#ifndef BASE_THREAD_NUMBER_H
#define BASE_THREAD_NUMBER_H

#include <stdint.h>

/* From 1. */
uint64_t thread_number(void);

#endif
