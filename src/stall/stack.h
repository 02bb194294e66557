/* stack.h - the stack of another thread, taken by a signal. */
#ifndef STALL_STACK_H
#define STALL_STACK_H

enum { STACK_FRAMES_MAX = 64 };

/* Installs the handler; one signal serves all that take stacks at a time.
 * Fails: -EINVAL it cannot be caught, or another one is in use; -EMFILE, -ENFILE. */
int stack_begin(int number);

/* The last one restores what was there before. */
void stack_end(void);

/* The same in a child, where the watching threads are not. */
void stack_after_fork(void);

/* Takes the stack of a thread of this process, which is interrupted for it. One is taken at a time.
 * Takes: thread as gettid(2); room for STACK_FRAMES_MAX.
 * Gives: how many frames, the innermost first; 0: the thread has not answered within a tenth of a
 *   second, as one cannot that the kernel holds; or the C library has no backtrace(3). */
int stack_take(int thread, void **frames);

/* Why there are no frames, in words. */
const char *stack_refusal(void);

/* Writes frames to standard error, a line each, with the names that are known. */
void stack_print(void *const *frames, int count);

#endif
