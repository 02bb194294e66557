/* core.h - where a subscription stands: the wake that is out, and who has it. Transitions alone: a
 * copy is changed, written down, and takes the old one's place when it is on the disk.
 *
 *     idle       wake_id is ""
 *     woken      wake_id is set: a wake is out. With a holder: a worker has claimed it
 *     failed     failures is above 0: a webhook did not take it; the next attempt has its time
 *
 * The generation grows with each wake, and every request about a wake names both, so what comes
 * late from one that is over is told apart.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_CORE_H
#define HARK_COMMAND_SUBSCRIPTIONS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WAKE_ID_BYTES = 27, /* "w_", 24 digits, NUL */
    WAKE_ID_RANDOM = 12,
    HOLDER_BYTES = 257, /* of a worker's name, with its NUL */
    CORE_TEXT_MAX = 2048,
};

struct subscription_core {
    uint64_t generation;
    char wake_id[WAKE_ID_BYTES];
    char holder[HOLDER_BYTES]; /* "": nobody */
    uint32_t failures;         /* attempts since the last that went well */
    uint64_t next_attempt_ns;  /* wall clock: not before that; 0: at any time */
};

/* A wake begins.
 * Takes: one that is idle; random: WAKE_ID_RANDOM bytes. */
void core_wake(struct subscription_core *core, const unsigned char *random);

/* It is over: done, released, or its lease has run out. */
void core_clear(struct subscription_core *core);

/* A delivery went well. */
void core_delivered(struct subscription_core *core);

/* A delivery failed: the next is after 1 s, 2 s, 4 s and so on up to 60 s, each up to a fifth more
 * or less.
 * Takes: now_ns: wall clock; random: any number. */
void core_failed(struct subscription_core *core, uint64_t now_ns, uint32_t random);

/* How long the next attempt has to wait. A clock that was set back does not make that longer than
 * the longest time between two. */
uint64_t core_wait_ns(const struct subscription_core *core, uint64_t now_ns);

/* Whether a request is about the wake that is out.
 * Takes: token_generation: what its token is for; wake_id: NULL: not said. */
bool core_is_current(const struct subscription_core *core, uint64_t token_generation,
                     uint64_t generation, const char *wake_id);

/* Whether nothing of it is another. */
bool core_same(const struct subscription_core *core, const struct subscription_core *other);

/* As text, for the log: one line of JSON.
 * Takes: text of CORE_TEXT_MAX.
 * Gives: its bytes. */
size_t core_write(const struct subscription_core *core, char *text);

/* Fails: -EINVAL it is none. */
int core_read(const char *text, size_t count, struct subscription_core *out_core);

#endif
