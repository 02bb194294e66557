/* test_uring_steps.c - io_uring is there, and one step of using it is refused: an opcode that older
 * kernels lack, the descriptor that stands for the ring in other loops. */
#include "fault/faults.h"

#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static atomic_int withheld = -1;  /* an opcode that the probe does not find */
static atomic_bool refuse_events; /* no eventfd is registered */

/* In place of the one of faults.c. */
int kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation, void *argument,
                             unsigned count)
{
    (void)calls;
    if (operation == IORING_REGISTER_EVENTFD && atomic_load(&refuse_events))
        return -ENOMEM;
    int result = (int)syscall(SYS_io_uring_register, fd, operation, argument, count);
    if (result == 0 && operation == IORING_REGISTER_PROBE && atomic_load(&withheld) >= 0) {
        struct io_uring_probe *probe = argument;
        probe->ops[atomic_load(&withheld)].flags &= (uint16_t)~IO_URING_OP_SUPPORTED;
    }
    return result < 0 ? -errno : result;
}

static struct hark_loop *uring_loop(void)
{
    const struct hark_options options = {.backend = HARK_BACKEND_URING};
    struct hark_loop *loop = NULL;
    int error = hark_loop_create(&options, &loop);
    if (error)
        harness_skip("io_uring is refused here: %s", hark_error_name(error));
    return loop;
}

TEST(promise_15_kernel_without_an_opcode_that_is_needed_falls_back_to_epoll)
{
    static const int needed[] = {IORING_OP_NOP, IORING_OP_SOCKET, IORING_OP_OPENAT2};
    const struct hark_options options = {.backend = HARK_BACKEND_URING};
    harness_loop_destroy(uring_loop());
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct hark_loop *loop = NULL;
        atomic_store(&withheld, needed[i]);
        assert_result(hark_loop_create(&options, &loop), -EOPNOTSUPP);
        assert_result(hark_loop_create(NULL, &loop), 0);
        assert_string_equal(hark_loop_backend(loop), "epoll");
        assert_non_null(strstr(hark_loop_refusal(loop, HARK_BACKEND_URING), "5.19"));
        harness_loop_destroy(loop);
    }
}

TEST(loop_without_an_eventfd_for_its_descriptor_says_so_and_has_one_later)
{
    struct hark_loop *loop = uring_loop();
    struct harness_op op = {0};
    int fault = FAULT(.calls = "kernel_eventfd", .error = -EMFILE);
    assert_result(hark_loop_descriptor(loop), -EMFILE);
    fault_end(fault);
    atomic_store(&refuse_events, true);
    assert_result(hark_loop_descriptor(loop), -ENOMEM);
    atomic_store(&refuse_events, false);
    assert_true(hark_loop_descriptor(loop) >= 0);
    hark_nop(loop, &op.op, harness_done);
    assert_result(harness_wait(loop, &op), 0);
    harness_loop_destroy(loop);
}
