/* reload.c - new certificates while connections go on: they are read and parsed on the pool, and
 * taken on the loop's thread. */
#include "hark/tls.h"
#include "hark/work.h"

#include "tls/fault.h"

#include <string.h>

static int64_t make(struct hark_op *op)
{
    struct hark_tls_reload *reload = hark_container_of(op, struct hark_tls_reload, op);
    return hark_tls_create(reload->options, &reload->fresh, &reload->error);
}

static void made(struct hark_op *op, int64_t result)
{
    struct hark_tls_reload *reload = hark_container_of(op, struct hark_tls_reload, op);
    if (result == 0)
        result = hark_tls_replace(reload->tls, reload->fresh);
    if (result < 0 && !reload->error.text[0])
        fault_say(&reload->error, (int)result, "TLS: new certificates: %s",
                  hark_error_text(result));
    if (result < 0)
        hark_tls_destroy(reload->fresh);
    reload->done(reload, (int)result);
}

void hark_tls_reload_start(struct hark_loop *loop, struct hark_tls_reload *reload,
                           struct hark_tls *tls, const struct hark_tls_options *options,
                           void (*done)(struct hark_tls_reload *reload, int error))
{
    reload->tls = tls;
    reload->fresh = NULL;
    reload->options = options;
    reload->done = done;
    memset(&reload->error, 0, sizeof reload->error);
    hark_work(loop, &reload->op, make, made);
}
