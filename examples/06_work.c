/* 06_work.c - work that keeps the CPU belongs on the pool; the loop stays awake for others.
 *
 * Shows: hark_work runs a function on another thread, then calls back on the loop's own. The
 * function has the op, and so the program's struct around it, to itself until then: no locks.
 * Meanwhile the loop handles its other events, here a ticking timer. hark_options.workers_max
 * bounds the threads; more requests than threads wait their turn.
 *
 * Try:   ./06_work                counts the primes below two million
 *        ./06_work 20000000
 */
#include "hark.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 16 };

static struct counting {
    struct hark_op tick;
    uint64_t ticks, primes;
    unsigned left; /* parts that are not counted yet */
    struct part {
        struct hark_op op;
        int64_t from, below;
    } parts[PARTS];
} counting = {.left = PARTS};

static bool is_prime(int64_t number)
{
    if (number < 4)
        return number > 1;
    if (number % 2 == 0)
        return false;
    for (int64_t divisor = 3; divisor * divisor <= number; divisor += 2)
        if (number % divisor == 0)
            return false;
    return true;
}

/* On a thread of the pool: touches nothing but its part, and may take its time. */
static int64_t count_part(struct hark_op *op)
{
    struct part *part = hark_container_of(op, struct part, op);
    int64_t primes = 0;

    for (int64_t number = part->from; number < part->below; number++)
        primes += is_prime(number);
    return primes;
}

/* On the loop's thread: `counting` needs no lock. */
static void counted(struct hark_op *op, int64_t result)
{
    struct part *part = hark_container_of(op, struct part, op);

    if (result < 0)
        fprintf(stderr, "06_work: %" PRId64 " to %" PRId64 " is not counted: %s\n", part->from,
                part->below, hark_error_text(result));
    else
        counting.primes += (uint64_t)result;
    if (--counting.left == 0)
        hark_cancel(&counting.tick);
}

static void ticked(struct hark_op *op, int64_t periods)
{
    if (hark_op_more(op))
        counting.ticks += (uint64_t)periods;
}

int main(int count, char **arguments)
{
    int64_t below = count > 1 ? strtoll(arguments[1], NULL, 10) : 2000000;
    struct hark_loop *loop;
    int error;

    if (below < 0 || below > 1000000000) {
        fprintf(stderr, "usage: 06_work [0 to 1000000000]\n");
        return 2;
    }
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "06_work: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_every(loop, &counting.tick, 1000000, ticked);
    for (int i = 0; i < PARTS; i++) {
        counting.parts[i].from = below * i / PARTS;
        counting.parts[i].below = below * (i + 1) / PARTS;
        hark_work(loop, &counting.parts[i].op, count_part, counted);
    }
    error = hark_run(loop);
    if (error < 0)
        fprintf(stderr, "06_work: cannot run: %s\n", hark_error_text(error));
    hark_loop_destroy(loop);
    printf("%" PRIu64 " primes below %" PRId64 "; meanwhile the loop handled %" PRIu64
           " ticks, and no callback kept it\n",
           counting.primes, below, counting.ticks);
    return error < 0;
}
