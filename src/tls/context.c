/* context.c - see the header. */
#include "tls/context.h"
#include "tls/fault.h"

#include <errno.h>
#include <stdlib.h>

struct hark_tls *context_keep(struct hark_tls *tls)
{
    tls->references++;
    return tls;
}

void context_release(struct hark_tls *tls)
{
    if (--tls->references > 0)
        return;
    sessions_clear(&tls->sessions);
    settings_release(tls->settings);
    OPENSSL_cleanse(tls->decrypted, sizeof tls->decrypted);
    OPENSSL_cleanse(tls->gathered, sizeof tls->gathered);
    free(tls);
}

static void take_turn(struct hark_tls *tls, struct waiter *waiter)
{
    waiter->has_turn = true;
    waiter->next = tls->taken;
    waiter->link = &tls->taken;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    tls->taken = waiter;
}

static void give_turn(struct waiter *waiter)
{
    waiter->has_turn = false;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    waiter->link = NULL;
}

bool context_ask_turn(struct hark_tls *tls, struct waiter *waiter)
{
    if (tls->handshakes < tls->handshakes_max) {
        tls->handshakes++;
        take_turn(tls, waiter);
        return true;
    }
    bool is_first = !tls->first;
    waiter->next = NULL;
    waiter->link = tls->last;
    *tls->last = waiter;
    tls->last = &waiter->next;
    for (struct waiter *other = tls->taken; is_first && other; other = other->next)
        other->hurried(other);
    return false;
}

static void stop_waiting(struct hark_tls *tls, struct waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        tls->last = waiter->link;
    waiter->link = NULL;
}

void context_leave_turn(struct hark_tls *tls, struct waiter *waiter)
{
    if (!waiter->link)
        return;
    if (!waiter->has_turn) {
        stop_waiting(tls, waiter);
        return;
    }
    give_turn(waiter);
    struct waiter *first = tls->first;
    if (!first) {
        tls->handshakes--;
        return;
    }
    stop_waiting(tls, first); /* the turn goes on to him */
    take_turn(tls, first);
    first->called(first);
}

/* --- for programs --- */

int hark_tls_create(const struct hark_tls_options *options, struct hark_tls **out_tls,
                    struct hark_tls_error *out_error)
{
    struct hark_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return fault_say(out_error, -ENOMEM, "TLS: no memory");
    int error = settings_create(options, &tls->settings, out_error);
    if (error) {
        free(tls);
        return error;
    }
    tls->references = 1;
    tls->handshakes_max = tls->settings->handshakes_max;
    tls->last = &tls->first;
    *out_tls = tls;
    return 0;
}

void hark_tls_destroy(struct hark_tls *tls)
{
    if (tls)
        context_release(tls);
}

int hark_tls_replace(struct hark_tls *tls, struct hark_tls *fresh)
{
    struct settings *before = tls->settings;
    if (before->server != fresh->settings->server)
        return -EINVAL;
    settings_hand_over(before, fresh->settings);
    tls->settings = settings_keep(fresh->settings);
    settings_release(before);
    context_release(fresh);
    sessions_clear(&tls->sessions); /* they were trusted by other rules */
    return 0;
}
