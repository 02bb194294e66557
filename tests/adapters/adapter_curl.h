/* adapter_curl.h - libcurl's multi interface on a hark loop.
 *
 *     curl_open(loop, &adapter, ended);
 *     curl_multi_add_handle(adapter.multi, easy);      and so on: curl sets its timer by itself
 *     curl_close(&adapter);                            all easy handles have been taken out
 *
 * curl says CURL_POLL_REMOVE before it closes a socket. Its timer's callback may not call curl: the
 * alarm does so in a later turn.
 */
#ifndef ADAPTERS_CURL_H
#define ADAPTERS_CURL_H

#include "adapters/watch.h"

#include <curl/curl.h>

struct curl_adapter {
    CURLM *multi;
    struct hark_loop *loop;
    struct alarm *alarm;
    /* A transfer has ended: from here all of curl may be called, curl_multi_remove_handle and
     * curl_close among it. */
    void (*ended)(struct curl_adapter *adapter, CURL *easy, CURLcode result);
};

/* Each of them may be the last: `ended` may close the adapter. */
static inline void curl_act(struct curl_adapter *adapter, curl_socket_t fd, int events)
{
    CURLM *multi = adapter->multi;
    int running;
    int left;
    curl_multi_socket_action(multi, fd, events, &running);
    while (adapter->multi == multi) {
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (!message)
            return;
        if (message->msg == CURLMSG_DONE)
            adapter->ended(adapter, message->easy_handle, message->data.result);
    }
}

static inline void curl_ready(void *owner, int fd, uint32_t events)
{
    int what = 0;
    if (events & HARK_POLL_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & HARK_POLL_WRITABLE)
        what |= CURL_CSELECT_OUT;
    if (events & (HARK_POLL_ERROR | HARK_POLL_HANGUP))
        what |= CURL_CSELECT_ERR;
    curl_act(owner, fd, what);
}

static inline void curl_rings(void *owner)
{
    curl_act(owner, CURL_SOCKET_TIMEOUT, 0);
}

static inline int curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *owner,
                                    void *assigned)
{
    struct curl_adapter *adapter = owner;
    uint32_t events = 0;
    (void)easy;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= HARK_POLL_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= HARK_POLL_WRITABLE;
    struct watch *watch = watch_set(adapter->loop, assigned, fd, events, curl_ready, adapter);
    curl_multi_assign(adapter->multi, fd, watch);
    return 0;
}

static inline int curl_wants_time(CURLM *multi, long milliseconds, void *owner)
{
    struct curl_adapter *adapter = owner;
    (void)multi;
    if (milliseconds < 0)
        alarm_set(adapter->alarm, HARK_NEVER);
    else
        alarm_set_in(adapter->alarm, (uint64_t)milliseconds * 1000);
    return 0;
}

static inline void curl_open(struct hark_loop *loop, struct curl_adapter *adapter,
                             void (*ended)(struct curl_adapter *adapter, CURL *easy,
                                           CURLcode result))
{
    *adapter = (struct curl_adapter){.multi = curl_multi_init(), .loop = loop, .ended = ended};
    if (!adapter->multi)
        abort();
    adapter->alarm = alarm_open(loop, curl_rings, adapter);
    curl_multi_setopt(adapter->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket);
    curl_multi_setopt(adapter->multi, CURLMOPT_SOCKETDATA, adapter);
    curl_multi_setopt(adapter->multi, CURLMOPT_TIMERFUNCTION, curl_wants_time);
    curl_multi_setopt(adapter->multi, CURLMOPT_TIMERDATA, adapter);
}

/* Closes the connections that curl had kept. */
static inline void curl_close(struct curl_adapter *adapter)
{
    CURLM *multi = adapter->multi;
    curl_multi_cleanup(multi); /* it still asks for sockets and times to be forgotten */
    adapter->multi = NULL;
    alarm_close(adapter->alarm);
}

#endif
