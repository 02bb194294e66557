/* map.c - linear hashing: a map with one member more gets one chain more, to which a part of one
 * other chain moves; with half as many members as chains, it gives two back for each that goes.
 *
 * What must hold: a member stands in the chain that map_chain gives for its number, whenever the
 * map is not being changed.
 */
#include "base/map.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

/* Memory for the chain after the last, if a part begins with it. Gives: 0, or -ENOMEM. */
static int reserve(struct map *map)
{
    uint32_t part = map->chains >> MAP_PART_BITS;
    if ((map->chains & (MAP_PART - 1)) != 0)
        return 0;
    if (part == map->parts_capacity) {
        uint32_t capacity = part == 0 ? 4 : part * 2;
        struct map_link ***parts = realloc(map->parts, capacity * sizeof *parts);
        if (!parts)
            return -ENOMEM;
        map->parts = parts;
        map->parts_capacity = capacity;
    }
    map->parts[part] = calloc(MAP_PART, sizeof *map->parts[part]);
    return !map->parts[part] ? -ENOMEM : 0;
}

static struct map_link **chain_at(const struct map *map, uint32_t at)
{
    return &map->parts[at >> MAP_PART_BITS][at & (MAP_PART - 1)];
}

/* One chain more, with what belongs there of the chain that had it until now. */
static void split(struct map *map)
{
    if (map->chains == UINT32_MAX || reserve(map) != 0)
        return;
    if (map->chains > map->mask)
        map->mask = map->mask * 2 + 1;
    uint32_t fresh = map->chains++;
    struct map_link **link = chain_at(map, fresh & (map->mask >> 1)), **end = chain_at(map, fresh);
    while (*link) {
        struct map_link *at = *link;
        if (map_chain(map, at->key) != chain_at(map, fresh)) {
            link = &at->next;
            continue;
        }
        *link = at->next;
        at->next = NULL;
        *end = at;
        end = &at->next;
    }
}

/* One chain less: what is in the last goes back. The first part stays. */
static void merge(struct map *map)
{
    uint32_t last = map->chains - 1;
    struct map_link **end = chain_at(map, last & (map->mask >> 1));
    while (*end)
        end = &(*end)->next;
    *end = *chain_at(map, last);
    *chain_at(map, last) = NULL;
    map->chains = last;
    if (last == (map->mask >> 1) + 1)
        map->mask >>= 1;
    if ((last & (MAP_PART - 1)) == 0)
        free(map->parts[last >> MAP_PART_BITS]);
}

int map_add(struct map *map, struct map_link *link, uint64_t key)
{
    if (map->chains == 0) {
        if (reserve(map) != 0)
            return -ENOMEM;
        map->chains = MAP_PART;
        map->mask = MAP_PART - 1;
    }
    if (map->count == map->chains)
        split(map);
    struct map_link **chain = map_chain(map, key);
    link->key = key;
    link->next = *chain;
    *chain = link;
    map->count++;
    return 0;
}

int map_reserve(struct map *map, uint32_t count)
{
    while (map->chains < count && map->chains < UINT32_MAX - MAP_PART) {
        if (reserve(map) != 0)
            return -ENOMEM;
        map->chains += MAP_PART;
        while (map->mask < map->chains - 1)
            map->mask = map->mask * 2 + 1;
    }
    return 0;
}

void map_remove(struct map *map, struct map_link *link)
{
    struct map_link **at = map_chain(map, link->key);
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    link->next = NULL;
    map->count--;
    for (int i = 0; i < 2 && map->count < map->chains / 2 && map->chains > MAP_PART; i++)
        merge(map);
}

void map_done(struct map *map)
{
    for (uint32_t part = 0; part << MAP_PART_BITS < map->chains; part++)
        free(map->parts[part]);
    free(map->parts);
    *map = (struct map){0};
}
