/* curl.h - libcurl's multi interface on a hark loop.
 *
 *     hark_curl_open(loop, &adapter, ended);
 *     curl_multi_add_handle(adapter.multi, easy);      and so on: curl sets its timer by itself
 *     hark_curl_close(&adapter);                       all easy handles have been taken out
 *
 * curl says CURL_POLL_REMOVE before it closes a socket. Its timer's callback may not call curl: the
 * alarm does so in a later turn. */
#ifndef HARK_ADAPTERS_CURL_H
#define HARK_ADAPTERS_CURL_H

#include "watch.h"

#include <curl/curl.h>

HARK_BEGIN

/* In the caller's memory; `multi` is there to be used, all else is private. */
struct hark_curl {
    CURLM *multi;
    struct hark_loop *loop;
    struct hark_adapter_alarm *alarm;
    bool *closed; /* told by hark_curl_close while curl acts */
    /* A transfer has ended: from here all of curl may be called, curl_multi_remove_handle and
     * hark_curl_close among it. */
    void (*ended)(struct hark_curl *adapter, CURL *easy, CURLcode result);
};

/* Private. Each of them may be the last: `ended` may close the adapter. */
static inline void hark_curl_act(struct hark_curl *adapter, curl_socket_t fd, int events)
{
    bool closed = false;
    int running;
    int left;
    adapter->closed = &closed;
    curl_multi_socket_action(adapter->multi, fd, events, &running);
    CURLMsg *message;
    while (!closed && (message = curl_multi_info_read(adapter->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            adapter->ended(adapter, message->easy_handle, message->data.result);
    if (!closed)
        adapter->closed = HARK_NULL;
}

/* Private. */
static inline void hark_curl_ready(void *owner, int fd, uint32_t events)
{
    int what = 0;
    if (events & HARK_POLL_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & HARK_POLL_WRITABLE)
        what |= CURL_CSELECT_OUT;
    if (events & (HARK_POLL_ERROR | HARK_POLL_HANGUP))
        what |= CURL_CSELECT_ERR;
    hark_curl_act(HARK_CAST(struct hark_curl *, owner), fd, what);
}

/* Private. */
static inline void hark_curl_rings(void *owner)
{
    hark_curl_act(HARK_CAST(struct hark_curl *, owner), CURL_SOCKET_TIMEOUT, 0);
}

/* Private. Without memory the transfer ends with CURLE_ABORTED_BY_CALLBACK. */
static inline int hark_curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *owner,
                                         void *assigned)
{
    struct hark_curl *adapter = HARK_CAST(struct hark_curl *, owner);
    struct hark_adapter_watch *watch = HARK_CAST(struct hark_adapter_watch *, assigned);
    uint32_t events = 0;
    (void)easy;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= HARK_POLL_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= HARK_POLL_WRITABLE;
    int error = hark_adapter_watch_set(adapter->loop, &watch, fd, events, hark_curl_ready, adapter);
    curl_multi_assign(adapter->multi, fd, watch);
    return error ? -1 : 0;
}

/* Private. */
static inline int hark_curl_wants_time(CURLM *multi, long milliseconds, void *owner)
{
    struct hark_curl *adapter = HARK_CAST(struct hark_curl *, owner);
    (void)multi;
    if (milliseconds < 0)
        hark_adapter_alarm_set(adapter->alarm, HARK_NEVER);
    else
        hark_adapter_alarm_set_in(adapter->alarm, HARK_CAST(uint64_t, milliseconds) * 1000);
    return 0;
}

/* Makes a multi handle.
 * Takes: ended: called for each transfer that has ended.
 * Gives: 0.
 * Fails: -ENOMEM. */
static inline int hark_curl_open(struct hark_loop *loop, struct hark_curl *adapter,
                                 void (*ended)(struct hark_curl *adapter, CURL *easy,
                                               CURLcode result))
{
    adapter->loop = loop;
    adapter->ended = ended;
    adapter->closed = HARK_NULL;
    adapter->multi = curl_multi_init();
    if (!adapter->multi)
        return -ENOMEM;
    adapter->alarm = hark_adapter_alarm_open(loop, hark_curl_rings, adapter);
    if (!adapter->alarm) {
        curl_multi_cleanup(adapter->multi);
        return -ENOMEM;
    }
    curl_multi_setopt(adapter->multi, CURLMOPT_SOCKETFUNCTION, hark_curl_wants_socket);
    curl_multi_setopt(adapter->multi, CURLMOPT_SOCKETDATA, adapter);
    curl_multi_setopt(adapter->multi, CURLMOPT_TIMERFUNCTION, hark_curl_wants_time);
    curl_multi_setopt(adapter->multi, CURLMOPT_TIMERDATA, adapter);
    return 0;
}

/* Closes the connections that curl had kept, and the multi handle. The adapter is the caller's
 * memory when it returns. */
static inline void hark_curl_close(struct hark_curl *adapter)
{
    CURLM *multi = adapter->multi;
    curl_multi_cleanup(multi); /* it still asks for sockets and times to be forgotten */
    hark_adapter_alarm_close(adapter->alarm);
    if (adapter->closed)
        *adapter->closed = true;
}

HARK_END

#endif
