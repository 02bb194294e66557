/* test_map.c - the map that grows by a chain at a time, beside an array that says who is in it. */
#include "base/map.h"
#include "harness/harness.h"

#include <malloc.h>
#include <stdlib.h>

enum { MEMBERS = 20000 };

struct member {
    struct map_link link;
    uint64_t key;
    bool in;
};

static bool is_found(const struct map *map, const struct member *member)
{
    for (struct map_link *at = map_first(map, member->key); at; at = map_next(at))
        if (at == &member->link)
            return true;
    return false;
}

static void assert_all(const struct map *map, const struct member *members, uint32_t count)
{
    assert_int_equal(map->count, count);
    for (size_t i = 0; i < MEMBERS; i++)
        assert_int_equal(is_found(map, &members[i]), members[i].in);
}

static void put(struct map *map, struct member *member)
{
    assert_int_equal(map_add(map, &member->link, member->key), 0);
    member->in = true;
}

static void take(struct map *map, struct member *member)
{
    map_remove(map, &member->link);
    member->in = false;
}

/* Members whose keys the caller chooses; keys above 2^32 differ in their upper half alone. */
static struct member *members_create(uint64_t step)
{
    struct member *members = calloc(MEMBERS, sizeof *members);
    assert_non_null(members);
    for (size_t i = 0; i < MEMBERS; i++)
        members[i].key = i * step;
    return members;
}

static void members_come_and_go(uint64_t step)
{
    struct map map = {0};
    struct member *members = members_create(step);
    assert_all(&map, members, 0);
    for (uint32_t i = 0; i < MEMBERS; i++)
        put(&map, &members[i]);
    assert_all(&map, members, MEMBERS);
    for (uint32_t i = 0; i < MEMBERS; i += 2)
        take(&map, &members[i]);
    assert_all(&map, members, MEMBERS / 2);
    for (uint32_t i = 1; i < MEMBERS; i += 2)
        take(&map, &members[i]);
    assert_all(&map, members, 0);
    put(&map, &members[7]);
    assert_all(&map, members, 1);
    map_done(&map);
    free(members);
}

TEST(members_of_any_numbers_are_found_while_they_are_there)
{
    for (int i = 0; i < 10; i++)
        members_come_and_go(1);
    size_t held = mallinfo2().uordblks; /* by now the allocator keeps what it keeps of each size */
    members_come_and_go(UINT64_C(1) << 32);
    members_come_and_go(UINT64_C(0x9e3779b97f4a7c15));
    assert_int_equal(mallinfo2().uordblks, held);
}

TEST(a_map_has_about_as_many_chains_as_members)
{
    struct map map = {0};
    struct member *members = members_create(1);
    uint32_t chains = MAP_PART;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        put(&map, &members[i]);
        assert_true(map.chains >= map.count && map.chains <= chains + 1); /* one more at a time */
        chains = map.chains;
    }
    for (uint32_t i = 0; i < MEMBERS; i++) {
        take(&map, &members[i]);
        assert_true(map.chains + 2 >= chains && map.chains / 2 <= map.count + MAP_PART);
        chains = map.chains;
    }
    assert_int_equal(map.chains, MAP_PART);
    map_done(&map);
    free(members);
}

TEST(members_of_the_same_number_are_all_found)
{
    struct map map = {0};
    struct member *members = members_create(0);
    for (uint32_t i = 0; i < 10; i++)
        put(&map, &members[i]);
    take(&map, &members[3]);
    size_t count = 0;
    for (struct map_link *at = map_first(&map, 0); at; at = map_next(at))
        count++;
    assert_int_equal(count, 9);
    assert_null(map_first(&map, 1));
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(is_found(&map, &members[i]), members[i].in);
    map_done(&map);
    free(members);
}
