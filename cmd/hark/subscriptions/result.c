/* result.c - see the header. */
#include "subscriptions/result.h"

#include "connection/refusal.h"
#include "subscriptions/body.h"

static const uint64_t TOKEN_S = UINT64_C(24) * 60 * 60;

static void returned(struct mail *mail)
{
    struct subscription_request *request =
        hark_container_of(mail, struct subscription_request, mail);
    request->answered(request);
}

void result_send(struct subscriptions *all, struct subscription_request *request)
{
    if (request->text.failed)
        request->status = 503;
    if (request->mailbox == all->mailbox)
        request->answered(request);
    else
        mail_send(all->loop, request->mailbox, &request->mail, returned);
}

void result_refuse(struct subscriptions *all, struct subscription_request *request, int status,
                   const char *code, const char *message)
{
    request->status = status;
    body_error(&request->text, code, message);
    result_send(all, request);
}

static void answer_claim(struct subscription *subscription, struct subscription_request *request)
{
    char token[SECRETS_TOKEN_BYTES];
    struct subscriptions *all = subscription->all;
    const uint64_t until_s = hark_os_wall_clock(all->loop) / 1000000000 + TOKEN_S;
    request->status = 200;
    if (!secrets_token(&all->secrets, subscription->id, subscription->core.generation, until_s,
                       token)) {
        request->status = 500;
        return;
    }
    body_claim(&request->text, subscription, token);
}

static void answer_done(struct subscription *subscription, struct subscription_request *request)
{
    const bool done = subscription->core.wake_id[0] == '\0';
    request->status = 200;
    body_done(&request->text, done && subscription->pending_count > 0);
}

void result_of_change(struct subscription *subscription, struct subscription_request *request,
                      int error)
{
    struct subscriptions *all = subscription->all;
    if (error < 0) {
        const struct refusal refusal = refusal_of(error);
        result_refuse(all, request, refusal.status, "UNAVAILABLE", refusal.reason);
        return;
    }
    switch (request->verb) {
    case SUBSCRIPTION_PUT:
        request->status = 201;
        body_subscription(&request->text, subscription, request->base);
        break;
    case SUBSCRIPTION_CALLBACK:
    case SUBSCRIPTION_ACK:
        answer_done(subscription, request);
        break;
    case SUBSCRIPTION_CLAIM:
        answer_claim(subscription, request);
        break;
    default:
        request->status = 204;
        break;
    }
    result_send(all, request);
}
