/* memory.h - the world's own memory, and what its processes take from malloc(3), which is given
 * back when one is killed.
 *
 * A program over the world is linked with the linker's --wrap for malloc and its kin, so that what
 * a process allocates comes by here; the world's own files use the first three calls. */
#ifndef SIM_WORLD_MEMORY_H
#define SIM_WORLD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed. Where there is none the program ends: the world has no way to go on. */
void *memory_own(size_t bytes);
/* What is new in it is not zeroed. */
void *memory_own_resize(void *memory, size_t bytes);
void memory_own_free(void *memory);

/* Zeroed, and the running process's: what a call needs while it sleeps, which is over where the
 * process is killed. */
void *memory_taken(size_t bytes);
void memory_give_back(void *memory);

/* What a process has taken: a set of addresses, open addressing, at most half full. */
struct memory_set {
    void **places;
    size_t room, count;
    struct memory_set *next; /* of all that are not empty */
    bool enrolled;
};

/* What is allocated from here on is taken by that one; NULL: it is nobody's. */
void memory_of(struct memory_set *set);

/* Asked before a process is given memory: whether there is none. NULL: there always is. */
void memory_ask(bool (*lacks)(void));

/* Its bytes, as malloc_usable_size(3) counts them. */
size_t memory_in_use(const struct memory_set *set);

/* Gives all of it back to the real machine.
 * Gives: how many there were. */
size_t memory_release(struct memory_set *set);

#endif
