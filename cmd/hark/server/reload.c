/* reload.c - see the header. What must hold: one reading is under way at a time, and the owner does
 * not end before it is over. */
#include "server/reload.h"

#include <errno.h>
#include <signal.h>

#include "base/say.h"

static void start(struct reload *reload);

static struct reload_part *part_of(struct reload *reload, uint32_t index)
{
    char *own = (char *)&reload->workers->all[index];
    return (struct reload_part *)(void *)(own + reload->kind->part_at);
}

static void over(struct reload *reload)
{
    const bool again = reload->again && !reload->closed;
    reload->running = false;
    reload->again = false;
    if (again)
        start(reload);
    pending_end(&workers_owner(reload->workers)->accepted);
}

static void all_taken(struct reload *reload)
{
    reload->kind->taken(reload);
    over(reload);
}

static void taken(struct mail *mail)
{
    struct reload_part *part = hark_container_of(mail, struct reload_part, mail);
    if (--part->reload->awaited == 0)
        all_taken(part->reload);
}

static void arrived(struct mail *mail)
{
    struct reload_part *part = hark_container_of(mail, struct reload_part, mail);
    part->reload->kind->take(part->reload, part->own);
    workers_send_owner(part->own, mail, taken);
}

static void give(struct reload *reload)
{
    struct workers *workers = reload->workers;
    reload->awaited = workers->count - 1;
    if (reload->awaited != 0)
        workers_send(workers, reload->kind->part_at + offsetof(struct reload_part, mail), arrived);
    reload->kind->take(reload, &workers->all[0]);
    if (reload->awaited == 0)
        all_taken(reload);
}

static void have_read(struct hark_op *op, int64_t result)
{
    struct reload *reload = hark_container_of(op, struct reload, read);
    if (result >= 0 && !reload->closed) {
        give(reload);
        return;
    }
    if (result < 0)
        reload->kind->failed(reload, (int)result);
    else
        reload->kind->dropped(reload);
    over(reload);
}

static int64_t read_on_pool(struct hark_op *op)
{
    struct reload *reload = hark_container_of(op, struct reload, read);
    return reload->kind->read(reload);
}

static void start(struct reload *reload)
{
    struct worker *owner = workers_owner(reload->workers);
    pending_begin(&owner->accepted);
    reload->running = true;
    reload->kind->begin(reload);
    hark_work(owner->loop, &reload->read, read_on_pool, have_read);
}

static void signalled(struct hark_op *op, int64_t number)
{
    struct reload *reload = hark_container_of(op, struct reload, signal);
    if (!hark_op_more(op)) {
        if (number != -ECANCELED)
            say("cannot follow signals: %s", why(number));
    } else if (reload->running) {
        reload->again = true;
    } else {
        start(reload);
    }
}

void reload_watch(struct reload *reload, const struct reload_kind *kind, struct workers *workers)
{
    reload->kind = kind;
    reload->workers = workers;
    for (uint32_t i = 0; i < workers->count; i++)
        *part_of(reload, i) = (struct reload_part){.reload = reload, .own = &workers->all[i]};
    hark_signal_each(workers_owner(workers)->loop, &reload->signal, SIGHUP, signalled);
}

void reload_close(struct reload *reload)
{
    reload->closed = true;
    hark_cancel(&reload->signal);
}
