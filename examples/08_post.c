/* 08_post.c - other threads hand their results to the loop.
 *
 * Shows: hark_post is the one way in from another thread. It cannot fail and takes no memory: the
 * op is in the message itself. The messages of one thread arrive in its order, on the loop's
 * thread, one at a time: the receiver needs no lock. One wake-up serves all messages that have come
 * while the loop slept. A loop that only waits for posts holds one request that never ends by
 * itself; cancelling it lets hark_run return.
 *
 * Try:   ./08_post
 */
#include "hark.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, MESSAGES = 10000 };

static struct loop_side {
    struct hark_loop *loop;
    struct hark_op hold;
    unsigned running; /* threads that have not sent their last message */
    unsigned misplaced;
    uint64_t received[THREADS];
} side;

/* A message belongs to its thread until it is posted, and to the loop's side from then on. */
struct message {
    struct hark_op op;
    unsigned sender;
    uint64_t number;
};

static void received(struct hark_op *op, int64_t result)
{
    struct message *message = hark_container_of(op, struct message, op);

    (void)result; /* of a post: always 0 */
    side.misplaced += message->number != side.received[message->sender]++;
    if (message->number + 1 == MESSAGES && --side.running == 0)
        hark_cancel(&side.hold);
    free(message);
}

static void *send_messages(void *argument)
{
    unsigned sender = *(unsigned *)argument;

    for (uint64_t number = 0; number < MESSAGES; number++) {
        struct message *message = calloc(1, sizeof *message);

        if (!message)
            abort();
        message->sender = sender;
        message->number = number;
        hark_post(side.loop, &message->op, received);
    }
    return NULL;
}

static void released(struct hark_op *op, int64_t result)
{
    (void)op;
    printf("the hold has ended: %s\n", hark_error_name(result));
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    uint64_t total = 0;
    int error = hark_loop_create(NULL, &side.loop);

    if (error < 0) {
        fprintf(stderr, "08_post: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_sleep_until(side.loop, &side.hold, HARK_NEVER, released);
    side.running = THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, send_messages, &numbers[i]) != 0) {
            perror("08_post: cannot start a thread");
            exit(1);
        }
    }
    error = hark_run(side.loop);
    for (unsigned i = 0; i < THREADS; i++) { /* none may still post when the loop is destroyed */
        pthread_join(threads[i], NULL);
        total += side.received[i];
    }
    printf("%" PRIu64 " messages from %d threads, %u out of order\n", total, THREADS,
           side.misplaced);
    hark_loop_destroy(side.loop);
    return error < 0 || side.misplaced > 0;
}
