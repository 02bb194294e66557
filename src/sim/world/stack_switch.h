/* stack_switch.h - from one stack to another, as swapcontext(3) does it. */
#ifndef SIM_WORLD_STACK_SWITCH_H
#define SIM_WORLD_STACK_SWITCH_H

#include <stddef.h>

#if defined(__x86_64__)

/* Where somebody stands: his stack, on which all else is kept. */
struct stack_place {
    void *top;
};

#else

#include <ucontext.h>

struct stack_place {
    ucontext_t context;
};

#endif

/* The beginning of a stack: the first switch there calls the function, which never returns.
 * Takes: bytes: of the stack, a multiple of 16, as its memory. */
void stack_place_init(struct stack_place *place, void *memory, size_t bytes,
                      void (*function)(void));

/* Goes on at `to`, where that was left last; `from` is here. */
void stack_switch(struct stack_place *from, struct stack_place *to);

#endif
