/* streams.c - names, found by their hash. What hangs on them is others'. */
#include "streams/streams.h"

#include "base/check.h"
#include "hark.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct stream_entry *find(const struct streams *streams, uint64_t hash, const char *name,
                                 size_t length)
{
    for (struct map_link *at = map_first(&streams->names, hash); at; at = map_next(at)) {
        struct stream_entry *entry = hark_container_of(at, struct stream_entry, link);
        if (entry->name_length == length && memcmp(entry->name, name, length) == 0)
            return entry;
    }
    return NULL;
}

struct stream_entry *streams_find(const struct streams *streams, const char *name, size_t length)
{
    return find(streams, XXH3_64bits(name, length), name, length);
}

uint64_t streams_prefetch(const struct streams *streams, const char *name, size_t length)
{
    const uint64_t hash = XXH3_64bits(name, length);
    map_prefetch(&streams->names, hash);
    return hash;
}

struct stream_entry *streams_get(struct streams *streams, const char *name, size_t length)
{
    uint64_t hash = XXH3_64bits(name, length);
    struct stream_entry *entry = find(streams, hash, name, length);
    if (entry)
        return entry;
    size_t size = offsetof(struct stream_entry, name) + length + 1;
    entry = malloc(size < sizeof *entry ? sizeof *entry : size);
    if (!entry)
        return NULL;
    *entry = (struct stream_entry){.name_length = (uint32_t)length};
    memcpy(entry->name, name, length);
    entry->name[length] = '\0';
    if (map_add(&streams->names, &entry->link, hash) == 0)
        return entry;
    free(entry);
    return NULL;
}

void streams_let_go(struct streams *streams, struct stream_entry *entry)
{
    if (entry->row || entry->stream)
        return;
    map_remove(&streams->names, &entry->link);
    free(entry);
}

void streams_done(struct streams *streams)
{
    check(streams->names.count == 0);
    map_done(&streams->names);
}
