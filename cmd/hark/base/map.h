/* map.h - who is found by a number: a hash map whose members bring their own memory, and which
 * grows and shrinks by a chain or two at a time, so that no member waits for all others to be
 * moved.
 *
 *     map_add(&map, &stream->link, hash);
 *     for (struct map_link *at = map_first(&map, hash); at; at = map_next(at))
 *         ...
 *
 * Several members may have the same number.
 */
#ifndef HARK_COMMAND_BASE_MAP_H
#define HARK_COMMAND_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* In the member's memory; all private. */
struct map_link {
    struct map_link *next;
    uint64_t key;
};

enum { MAP_PART_BITS = 9, MAP_PART = 1 << MAP_PART_BITS };

/* Linear hashing: the chains with the numbers 0 to chains - 1 are in use; they are as many as the
 * members, or nearly. All zero: empty. All private. */
struct map {
    struct map_link ***parts; /* each of MAP_PART chains */
    uint32_t parts_capacity;
    uint32_t chains;
    uint32_t mask; /* the least power of two that is not below chains, less one */
    uint32_t count;
};

/* Adds a member that stands in no map.
 * Gives: 0.
 * Fails: -ENOMEM: only into an empty map; a map that has no memory to grow becomes slower. */
int map_add(struct map *map, struct map_link *link, uint64_t key);

/* Makes an empty map ready for so many members, so that it need not grow with each.
 * Gives: 0.
 * Fails: -ENOMEM, and it is as it was, but for memory. */
int map_reserve(struct map *map, uint32_t count);

/* Takes a member out. */
void map_remove(struct map *map, struct map_link *link);

/* Frees what the map itself has; its members are somebody else's. */
void map_done(struct map *map);

/* The chain that a number belongs to.
 * Takes: a map that has chains. */
static inline struct map_link **map_chain(const struct map *map, uint64_t key)
{
    /* Evenly, also numbers that are counted up: once multiplied they leave most chains empty. */
    uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    uint32_t at = (uint32_t)(mixed >> 32) & map->mask;
    if (at >= map->chains)
        at &= map->mask >> 1;
    return &map->parts[at >> MAP_PART_BITS][at & (MAP_PART - 1)];
}

/* A member with that number is going to be looked for, or added, soon. */
static inline void map_prefetch(const struct map *map, uint64_t key)
{
    if (map->chains > 0)
        __builtin_prefetch(map_chain(map, key), 1);
}

/* The same, a moment later: the first member of its chain. */
static inline void map_prefetch_member(const struct map *map, uint64_t key)
{
    if (map->chains > 0)
        __builtin_prefetch(*map_chain(map, key), 1);
}

/* The first member with that number, and the next with the same.
 * Gives: NULL: there is none. */
static inline struct map_link *map_next(const struct map_link *link)
{
    struct map_link *next = link->next;
    while (next && next->key != link->key)
        next = next->next;
    return next;
}

static inline struct map_link *map_first(const struct map *map, uint64_t key)
{
    struct map_link *link = map->chains == 0 ? NULL : *map_chain(map, key);
    while (link && link->key != key)
        link = link->next;
    return link;
}

#endif
