/* hark_stream under load: much data both ways at once, through marks and limits, nothing lost,
 * repeated or out of order.
 *
 * HARK_TEST_BULK_MB says how much each stream sends; 16 where it is not set. */
#include "net/witness.h"

/* A sequence of bytes, sent and checked as it goes: no memory for all of it. */
struct sequence {
    uint64_t state;
    unsigned left;
};

static unsigned char sequence_next(struct sequence *sequence)
{
    if (sequence->left == 0) {
        sequence->state ^= sequence->state << 13;
        sequence->state ^= sequence->state >> 7;
        sequence->state ^= sequence->state << 17;
        sequence->left = 8;
    }
    return (unsigned char)(sequence->state >> (8 * --sequence->left));
}

enum { LENT_BYTES = 50000 };

struct side {
    struct witness witness;
    struct sequence sends, expects;
    uint64_t to_send;
    struct witness_block lent; /* one block of its own is always under way */
    char bytes[LENT_BYTES];
    int turn;
};

static void fill(struct side *side, char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)sequence_next(&side->sends);
    side->to_send -= count;
}

/* Copies of odd sizes, and now and then the block. */
static void side_pump(struct side *side)
{
    static char copy[30000];
    struct witness *witness = &side->witness;
    int full = 0;
    while (side->to_send > 0 && full == 0) {
        size_t count = (size_t)(side->turn * 7919 % 20011) + 1;
        bool lend = side->turn++ % 4 == 0 && (side->lent.released || !side->lent.block.bytes);
        if (lend)
            count = (size_t)(side->turn * 104729 % LENT_BYTES) + 1;
        if (count > side->to_send)
            count = (size_t)side->to_send;
        fill(side, lend ? side->bytes : copy, count);
        full = lend ? witness_write_block(witness, &side->lent, side->bytes, count)
                    : witness_write(witness, copy, count);
        assert_true(full >= 0);
    }
    if (side->to_send == 0)
        witness_end(witness);
}

static void side_told(struct witness *witness, enum witness_event event, const void *bytes,
                      int64_t count)
{
    struct side *side = witness->context;
    if (event == RECEIVED)
        for (int64_t i = 0; i < count; i++)
            assert_int_equal(((const unsigned char *)bytes)[i], sequence_next(&side->expects));
    if (event == DRAINED && side->to_send > 0)
        side_pump(side);
}

static uint64_t bulk_bytes(void)
{
    const char *text = getenv("HARK_TEST_BULK_MB");
    return (text ? strtoull(text, NULL, 10) : 16) << 20;
}

static void exchange(struct hark_loop *loop, const int pair[2])
{
    struct hark_stream_options options = {.queue_bytes_max = 300000,
                                          .read_timeout_ns = 3600000000000ull,
                                          .write_timeout_ns = 3600000000000ull};
    struct side *sides = calloc(2, sizeof *sides);
    uint64_t total = bulk_bytes();
    for (int i = 0; i < 2; i++) {
        sides[i].witness.then = side_told;
        sides[i].witness.context = &sides[i];
        sides[i].sends.state = (uint64_t)i + 1;
        sides[i].expects.state = (uint64_t)(1 - i) + 1;
        sides[i].to_send = total;
        witness_open(loop, &sides[i].witness, pair[i], &options);
        witness_read_start(&sides[i].witness);
        side_pump(&sides[i]);
    }
    harness_run(loop);
    for (int i = 0; i < 2; i++) {
        assert_true(sides[i].witness.ended);
        assert_result(sides[i].witness.end, 0);
        assert_int_equal(sides[i].witness.total, total);
        assert_false(sides[i].witness.failed);
        assert_int_equal(sides[i].to_send, 0);
        witness_close(loop, &sides[i].witness);
    }
    free(sides);
}

BACKEND_TEST(stream_bulk_both_ways_over_tcp_arrives_whole)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    exchange(loop, pair);
}

BACKEND_TEST(stream_bulk_both_ways_over_unix_arrives_whole)
{
    int pair[2];
    harness_socket_pair(loop, pair);
    exchange(loop, pair);
}
