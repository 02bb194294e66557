/* test_cancelled_whole.c - a transfer of all that is cancelled tells what it has moved, whichever
 * io_uring the machine's kernel has: those before Linux 6.1 forget it. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WANTED = 100, PIECE = 30, SEEDS = 80 };
static const uint64_t rest_ns = 100000000;

struct whole {
    struct hark_loop *loop;
    struct hark_op receive, driver;
    int ends[2];
    char bytes[WANTED];
    int pieces;
    bool by_deadline;
    int64_t result;
};

static void received(struct hark_op *op, int64_t result)
{
    hark_container_of(op, struct whole, receive)->result = result;
}

/* Two pieces, with a rest behind each; then the end. */
static void go_on(struct hark_op *op, int64_t result)
{
    struct whole *whole = hark_container_of(op, struct whole, driver);
    (void)result;
    if (whole->pieces == 2) {
        if (whole->by_deadline)
            hark_op_deadline(&whole->receive, 0);
        else
            hark_cancel(&whole->receive);
        return;
    }
    whole->pieces++;
    if (write(whole->ends[1], "a piece of thirty bytes, which", PIECE) == PIECE)
        hark_sleep(whole->loop, op, rest_ns, go_on);
}

static int play(void *argument)
{
    struct whole *whole = argument;
    if (hark_loop_create(NULL, &whole->loop) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, whole->ends) < 0)
        return 1;
    hark_recv(whole->loop, &whole->receive, whole->ends[0], whole->bytes, WANTED, MSG_WAITALL,
              received);
    hark_defer(whole->loop, &whole->driver, go_on);
    return hark_run(whole->loop) ? 2 : hark_loop_destroy(whole->loop);
}

TEST(a_receive_of_all_that_is_ended_tells_what_came_on_each_kernel)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed, .faults_per_million = seed % 3 == 0};
        struct whole whole = {.by_deadline = seed % 2};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), play, &whole);
        assert_int_equal(hark_sim_setenv(process, "HARK_BACKEND", "uring"), 0);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 0);
        assert_int_equal(whole.result, 2 * PIECE);
        assert_memory_equal(whole.bytes + PIECE, "a piece of thirty bytes, which", PIECE);
        hark_sim_destroy(world);
    }
}
