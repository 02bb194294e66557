/* delivery_none.c - a build without libcurl: nothing is delivered. */
#include "subscriptions/delivery.h"

#include <errno.h>

bool deliveries_offered(void)
{
    return false;
}

int deliveries_open(struct hark_loop *loop, enum target_reach reach,
                    struct deliveries **out_deliveries)
{
    (void)loop;
    (void)reach;
    *out_deliveries = NULL;
    return -ENOSYS;
}

void deliveries_close(struct deliveries *deliveries)
{
    (void)deliveries;
}

int delivery_start(struct deliveries *deliveries, struct delivery *delivery, const char *url,
                   const char *signature, uint64_t timeout_ms, delivery_ended *ended)
{
    (void)deliveries;
    (void)url;
    (void)signature;
    (void)timeout_ms;
    (void)ended;
    text_done(&delivery->body);
    return -ENOSYS;
}

void delivery_cancel(struct delivery *delivery)
{
    (void)delivery;
}
