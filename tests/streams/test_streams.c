/* test_streams.c - names, each once, as long as something hangs on it. */
#include "harness/harness.h"
#include "streams/streams.h"

#include <stdio.h>
#include <string.h>

enum { NAMES = 3000 };

static struct stream_entry *get(struct streams *streams, const char *name)
{
    struct stream_entry *entry = streams_get(streams, name, strlen(name));
    assert_non_null(entry);
    return entry;
}

TEST(a_name_is_there_once_while_a_part_hangs_on_it)
{
    static char log, broker;
    struct streams streams = {0};
    assert_null(streams_find(&streams, "s", 1));
    struct stream_entry *entry = get(&streams, "s");
    entry->row = (void *)&log;
    assert_string_equal(entry->name, "s");
    assert_ptr_equal(get(&streams, "s"), entry);
    entry->stream = (void *)&broker;
    entry->row = NULL;
    streams_let_go(&streams, entry);
    assert_ptr_equal(streams_find(&streams, "s", 1), entry);
    assert_null(streams_find(&streams, "so", 2));
    entry->stream = NULL;
    streams_let_go(&streams, entry);
    assert_null(streams_find(&streams, "s", 1));
    streams_done(&streams);
}

TEST(names_of_each_length_are_told_from_each_other)
{
    struct streams streams = {0};
    struct stream_entry *entries[NAMES];
    char name[128];
    for (size_t i = 0; i < NAMES; i++) {
        int length = snprintf(name, sizeof name, "%0*zu", (int)(1 + i % 100), i);
        entries[i] = streams_get(&streams, name, (size_t)length);
        assert_non_null(entries[i]);
        assert_null(entries[i]->row); /* it is new */
        entries[i]->row = (void *)entries[i];
        assert_string_equal(entries[i]->name, name);
    }
    for (size_t i = 0; i < NAMES; i++)
        assert_ptr_equal(streams_find(&streams, entries[i]->name, entries[i]->name_length),
                         entries[i]);
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "%s", entries[i]->name);
        entries[i]->row = NULL;
        streams_let_go(&streams, entries[i]);
        assert_null(streams_find(&streams, name, strlen(name)));
    }
    streams_done(&streams);
}
