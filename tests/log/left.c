/* left.c - see the header. */
#include "log/left.h"

uint64_t few_ids[FEW];
char few_texts[FEW][32];
uint64_t many_ids[MANY];

void fill_few(struct hark_loop *loop, struct log *log)
{
    for (int i = 0; i < FEW; i++) {
        unsigned char notes[16];
        snprintf(few_texts[i], sizeof few_texts[i], "event %d%.*s", i, i, "............");
        struct log_append request = {.name = i % 3 == 0 ? "third" : "others",
                                     .bytes = few_texts[i],
                                     .length = (uint32_t)strlen(few_texts[i])};
        if (i % 2 == 0) { /* some with notes */
            request.notes = notes;
            request.notes_length = log_note_put(notes, "number", 6, &i, sizeof i);
        }
        int64_t id = try_change(loop, log, request);
        assert_true(id > 0);
        few_ids[i] = (uint64_t)id;
    }
}

void place(const char *path, const char *name, const unsigned char *bytes, size_t length)
{
    mkdir(path, 0700);
    remove_files(path, ".log");
    remove_files(path, ".idx");
    remove_files(path, "lock"); /* it may tell of a newer segment */
    remove_files(path, "table");
    store_file(inside(path, name), bytes, length);
}

void fill_many(struct hark_loop *loop, const char *path)
{
    static const struct log_options options = {.segment_bytes = MANY_SEGMENT_BYTES};
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < MANY; i++) {
        char text[128];
        snprintf(text, sizeof text, "number %0100d", i);
        many_ids[i] = append_text(loop, log, "s", text);
        if (i == MANY / 4)
            append_text(loop, log, "gone", "1");
        if (i == MANY / 2)
            assert_true(delete_stream(loop, log, "gone") > 0);
    }
    append_text(loop, log, "late", "1");
    close_log(loop, log);
}

int check_many(struct hark_loop *loop, struct log *log, uint64_t after)
{
    struct history history = read_from(loop, log, "s", after);
    int next = 0, events = 0;
    uint64_t gap_until = 0;
    while (next < MANY && many_ids[next] <= after)
        next++;
    for (size_t i = 0; i < history.count; i++) {
        if (history.seen[i].id == 0) {
            gap_until = history.seen[i].gap.first;
            continue;
        }
        while (next < MANY && many_ids[next] < history.seen[i].id) {
            assert_true(many_ids[next] < gap_until); /* what is missing was told */
            next++;
        }
        assert_true(next < MANY && many_ids[next] == history.seen[i].id);
        next++;
        events++;
    }
    while (next < MANY) {
        assert_true(many_ids[next] < gap_until);
        next++;
    }
    history_free(&history);
    return events;
}
