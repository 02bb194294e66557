/* hark_stream under random use: two streams that write, lend, stop, end and close as a seed says,
 * from outside and inside of their callbacks. What must hold: what arrives is the beginning of what
 * was written, in order; all of it, where the writer ended in good order and the reader heard it
 * out; each lent block comes back once; each stream is closed once, with nothing left.
 *
 * HARK_TEST_SEED replays a run: it is printed where one fails. HARK_TEST_ROUNDS says how many
 * conversations; 150 where it is not set. */
#include "net/witness.h"

#include <signal.h>

enum { STEPS = 150, CHUNK_MAX = 20000, BLOCKS_MAX = 64 };

struct talker {
    struct witness witness;
    unsigned salt;           /* tells its bytes from the other's */
    uint64_t written, heard; /* bytes accepted by the queue; bytes received */
    int lent;                /* blocks that have not come back */
    bool ended, closing, abrupt, after;
    struct talker *other;
};

struct lent_block {
    struct witness_block block;
    struct talker *talker;
    unsigned char bytes[];
};

static uint64_t seed, state;

static unsigned chance(unsigned of)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 20) % of);
}

/* Small sizes are as likely as large ones. */
static size_t size_of_chunk(void)
{
    return (size_t)chance(1u << (1 + chance(15))) % CHUNK_MAX;
}

static unsigned char byte_at(unsigned salt, uint64_t index)
{
    return (unsigned char)(((index + salt) * 0x9e3779b97f4a7c15u) >> 56);
}

static void fill_from(const struct talker *talker, unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(talker->salt, talker->written + i);
}

/* Says how to replay, when an assert or the time-out ends the test. */
static void say_seed(int number)
{
    char text[80];
    int count = snprintf(text, sizeof text, "\n(HARK_TEST_SEED=%llu replays this)\n",
                         (unsigned long long)seed);
    if (write(STDERR_FILENO, text, (size_t)count) < 0)
        _exit(1);
    signal(number, SIG_DFL);
    raise(number);
}

static void talk_write(struct talker *talker)
{
    static unsigned char bytes[CHUNK_MAX];
    size_t count = size_of_chunk();
    fill_from(talker, bytes, count);
    int result = witness_write(&talker->witness, bytes, count);
    assert_true(result >= 0 || result == -ENOBUFS || result == -EPIPE);
    if (result >= 0)
        talker->written += count;
}

static void talk_lend(struct talker *talker)
{
    size_t count = size_of_chunk();
    if (talker->lent >= BLOCKS_MAX)
        return;
    struct lent_block *lent = malloc(sizeof *lent + count);
    assert_non_null(lent);
    fill_from(talker, lent->bytes, count);
    lent->talker = talker;
    int result = witness_write_block(&talker->witness, &lent->block, lent->bytes, count);
    assert_true(result >= 0 || result == -ENOBUFS || result == -EPIPE);
    if (result < 0) {
        free(lent);
        return;
    }
    talker->lent++;
    talker->written += count;
}

static void talk_end(struct talker *talker)
{
    witness_end(&talker->witness);
    talker->ended = true;
}

static void talk_close(struct talker *talker)
{
    talker->closing = talker->abrupt = true;
    witness_close_start(&talker->witness);
}

static void talk_close_after(struct talker *talker)
{
    talker->closing = talker->after = true;
    witness_close_after_sending(&talker->witness);
}

/* One thing at random; ends and closes seldom. */
static void act(struct talker *talker)
{
    unsigned pick = chance(1000);
    if (talker->witness.closed)
        return;
    if (pick < 400)
        talk_write(talker);
    else if (pick < 700)
        talk_lend(talker);
    else if (pick < 850)
        witness_read_start(&talker->witness);
    else if (pick < 980)
        witness_read_stop(&talker->witness);
    else if (pick < 988)
        talk_end(talker);
    else if (pick < 994)
        talk_close_after(talker);
    else if (pick < 997)
        talk_close(talker);
}

static void hear(struct talker *talker, const unsigned char *bytes, int64_t count)
{
    assert_false(talker->after);
    for (int64_t i = 0; i < count; i++)
        if (bytes[i] != byte_at(talker->other->salt, talker->heard + (uint64_t)i))
            fail_msg("byte %llu is wrong",
                     (unsigned long long)talker->heard + (unsigned long long)i);
    talker->heard += (uint64_t)count;
    assert_true(talker->heard <= talker->other->written);
}

static void told(struct witness *witness, enum witness_event event, const void *bytes,
                 int64_t count)
{
    struct talker *talker = hark_container_of(witness, struct talker, witness);
    const struct talker *other = talker->other;
    if (event == RECEIVED)
        hear(talker, bytes, count);
    if (event == RECEIVED_END && count == 0 && !other->abrupt && !talker->abrupt)
        assert_int_equal(talker->heard, other->written);
    if (event == RECEIVED_END && count == 0)
        assert_true(other->ended || other->closing);
    if (event == FAILED || (event == RECEIVED_END && count < 0))
        assert_true(other->closing || talker->closing); /* nothing fails that nobody has closed */
    if (event == RELEASED) {
        talker->lent--;
        free(hark_container_of((struct witness_block *)(uintptr_t)bytes, struct lent_block, block));
    }
    if (event == CLOSED)
        assert_int_equal(talker->lent, 0);
    for (unsigned more = event == CLOSED ? 0 : chance(3); more > 0; more--)
        act(talker);
}

static void conversation(struct hark_loop *loop)
{
    struct talker *talkers = calloc(2, sizeof *talkers);
    assert_non_null(talkers);
    int pair[2];
    if (chance(2))
        harness_tcp_pair(loop, pair);
    else
        harness_socket_pair(loop, pair);
    for (int i = 0; i < 2; i++) {
        struct hark_stream_options options = {.queue_bytes_max =
                                                  1 + chance(1u << (6 + chance(12)))};
        options.high_bytes = chance(2) ? chance((unsigned)options.queue_bytes_max) : 0;
        options.low_bytes = chance(2) ? chance((unsigned)options.queue_bytes_max) : 0;
        options.read_timeout_ns = chance(2) ? 3600000000000ull : 0;
        options.write_timeout_ns = chance(2) ? 3600000000000ull : 0;
        talkers[i].salt = chance(1u << 30);
        talkers[i].other = &talkers[1 - i];
        talkers[i].witness.then = told;
        witness_open(loop, &talkers[i].witness, pair[i], &options);
        if (chance(4))
            witness_read_start(&talkers[i].witness);
    }
    for (int step = 0; step < STEPS; step++) {
        act(&talkers[chance(2)]);
        if (chance(3) == 0)
            harness_turns(loop, 1);
    }
    /* Both are heard out, but for those who have closed, or stop to hear even now. */
    while (!talkers[0].witness.closed || !talkers[1].witness.closed) {
        for (int i = 0; i < 2; i++) {
            struct talker *talker = &talkers[i];
            if (talker->witness.closed)
                continue;
            witness_read_start(&talker->witness);
            if (!talker->ended && !talker->closing)
                talk_end(talker);
            if (!talker->closing && talker->witness.ended &&
                hark_stream_queued(&talker->witness.stream) == 0)
                talk_close_after(talker);
        }
        assert_true(hark_run_once(loop) >= 0);
    }
    assert_int_equal(hark_loop_active(loop), 0);
    free(talkers);
}

BACKEND_TEST_WITH(stream_random_conversations_keep_every_rule, .buffer_count = 8,
                  .buffer_bytes = 4096)
{
    const char *text = getenv("HARK_TEST_SEED");
    const char *rounds_text = getenv("HARK_TEST_ROUNDS");
    int rounds = rounds_text ? atoi(rounds_text) : 150;
    if (text)
        seed = strtoull(text, NULL, 10);
    else
        assert_result(hark_os_random(loop, &seed, sizeof seed), 0);
    signal(SIGABRT, say_seed);
    signal(SIGALRM, say_seed);
    state = seed | 1;
    for (int i = 0; i < 100; i++)
        chance(2);
    for (int round = 0; round < rounds; round++)
        conversation(loop);
}
