/* fixture.c - see the header. */
#include "broker/fixture.h"

struct broker *open_broker(struct hark_loop *loop, struct log *log,
                           const struct broker_options *options)
{
    struct broker *broker = NULL;
    assert_int_equal(broker_create(loop, log, options, &broker), 0);
    return broker;
}

void close_broker(struct hark_loop *loop, struct broker *broker)
{
    bool closed = false;
    broker_close(broker, set_flag, &closed);
    harness_run_until(loop, &closed);
    broker_destroy(broker); /* asserts that no stream is held any more */
}

void set_flag(void *flag)
{
    *(bool *)flag = true;
}
