/* health.c - trouble is what the log answers to publishes: an event of any source that is refused
 * begins it, one that is kept ends it.
 *
 * Whoever watches the server may take its publishers away because of the trouble, and then nothing
 * would tell that it is over. So who asks meanwhile has an empty event tried, in a stream of the
 * server's own that nobody sees and that goes again. Without trouble nothing is written.
 */
#include "status/health.h"
#include "broker/source_log.h"
#include "connection/refusal.h"
#include "connection/worker.h"

#include <string.h>

static const uint64_t PROBE_NS = 1000000000U;
static const char probe_name[] = ".health";

const char *health_trouble(const struct health *health)
{
    int error = atomic_load_explicit(&health->trouble, memory_order_relaxed);
    return error == 0 ? NULL : refusal_of(error).reason;
}

static void forgotten(struct log_append *append, int64_t result)
{
    (void)result; /* if it stays, the next one takes it along */
    hark_container_of(append, struct health, probe)->probing = false;
}

static void probed(struct log_append *append, int64_t result)
{
    struct health *health = hark_container_of(append, struct health, probe);
    struct worker *owner = health->owner;
    if (owner->broker)
        source_log_trouble(owner->broker);
    health->again_ns = hark_now(owner->loop) + PROBE_NS;
    health->probing = result > 0;
    if (result <= 0)
        return;
    append->kind = LOG_DELETE;
    append->done = forgotten;
    log_append(health->log, append);
}

void health_probe(struct health *health, struct worker *owner, struct log *log)
{
    if (health->probing || hark_now(owner->loop) < health->again_ns || !health_trouble(health) ||
        !owner->broker)
        return;
    memset(&health->probe, 0, sizeof health->probe);
    health->owner = owner;
    health->log = log;
    health->probing = true;
    health->probe.name = probe_name;
    health->probe.name_length = sizeof probe_name - 1;
    health->probe.bytes = "";
    health->probe.done = probed;
    log_append(log, &health->probe);
}
