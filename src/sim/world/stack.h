/* stack.h - a stack on which a thread of the world runs, and the changing to and from it. All run
 * in one thread of the real machine, one at a time, and change only where they say so. */
#ifndef SIM_WORLD_STACK_H
#define SIM_WORLD_STACK_H

#include <stddef.h>

struct stack;

/* Takes: function: never to return: its last act is stack_leave.
 * Gives: NULL: no memory. */
struct stack *stack_create(size_t bytes, void (*function)(void *), void *argument);

/* Goes on where it left, until it leaves again. From outside of all stacks. */
void stack_enter(struct stack *stack);

/* Back to who entered it. From the stack itself.
 * Takes: for_good: it is never entered again. */
void stack_leave(struct stack *stack, int for_good);

/* Also of one that has not come to its end. Not from itself. */
void stack_destroy(struct stack *stack);

#endif
