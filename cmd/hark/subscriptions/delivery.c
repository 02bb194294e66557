/* delivery.c - see the header. libcurl looks names up on threads of its own; one that still does so
 * is left behind when a delivery is over, not waited for (CURLOPT_QUICK_EXIT). */
#include "subscriptions/delivery.h"

#include "hark/adapters/curl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_MS = 10000,
    KEPT_CONNECTIONS = 16,
    LINE_BYTES = 512,
    HEAD_BYTES_MAX = 64 * 1024, /* of an answer, with those that come before it */
};

struct deliveries {
    struct hark_curl adapter;
    enum target_reach reach;
};

bool deliveries_offered(void)
{
    return true;
}

/* --- its end --- */

static void forget(struct delivery *delivery)
{
    curl_multi_remove_handle(delivery->deliveries->adapter.multi, delivery->easy);
    curl_easy_cleanup(delivery->easy);
    curl_slist_free_all(delivery->lines);
    text_done(&delivery->body);
    delivery->easy = NULL;
    delivery->lines = NULL;
    delivery->answer = NULL;
}

static void has_ended(struct hark_curl *adapter, CURL *easy, CURLcode result)
{
    char *context = NULL;
    long status = 0;
    (void)adapter;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    struct delivery *delivery = (struct delivery *)(void *)context;
    if (delivery->too_long)
        delivery->answer_count = 0; /* the head has come, and says enough */
    else if (result != CURLE_OK)
        status = 0;
    char *answer = delivery->answer;
    answer[delivery->answer_count] = '\0';
    forget(delivery);
    delivery->ended(delivery, (int)status, answer);
    free(answer);
}

void delivery_cancel(struct delivery *delivery)
{
    char *answer = delivery->answer;
    if (!delivery->easy)
        return;
    forget(delivery);
    free(answer);
}

/* --- what libcurl asks --- */

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct delivery *delivery = context;
    const size_t length = size * count;
    if (length > DELIVERY_ANSWER_MAX - delivery->answer_count) {
        delivery->too_long = true;
        return 0; /* which ends it */
    }
    memcpy(delivery->answer + delivery->answer_count, bytes, length);
    delivery->answer_count += length;
    return length;
}

/* A line of the head. libcurl keeps each, so they are bounded as the body is. */
static size_t take_line(char *bytes, size_t size, size_t count, void *context)
{
    struct delivery *delivery = context;
    (void)bytes;
    delivery->head_count += size * count;
    return delivery->head_count <= HEAD_BYTES_MAX ? size * count : 0;
}

/* The address that a name stands for now. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct deliveries *deliveries = context;
    if (purpose != CURLSOCKTYPE_IPCXN || !target_allows(deliveries->reach, &address->addr))
        return CURL_SOCKET_BAD;
    const int fd = hark_os_socket(deliveries->adapter.loop, address->family, address->socktype,
                                  address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* --- beginning --- */

static void set_bounds(CURL *easy, uint64_t timeout_ms)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

static void set_request(struct delivery *delivery, const char *url)
{
    CURL *easy = delivery->easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, delivery->body.bytes);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)delivery->body.count);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->lines);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, delivery);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, delivery->deliveries);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
}

/* The lines of the head. Gives: NULL: there is no memory. */
static struct curl_slist *head_of(const char *signature)
{
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "Webhook-Signature: %s", signature);
    const char *const lines[] = {"Content-Type: application/json", "Expect:", line};
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct curl_slist *longer = curl_slist_append(list, lines[i]);
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

int delivery_start(struct deliveries *deliveries, struct delivery *delivery, const char *url,
                   const char *signature, uint64_t timeout_ms, delivery_ended *ended)
{
    delivery->deliveries = deliveries;
    delivery->ended = ended;
    delivery->answer_count = 0;
    delivery->head_count = 0;
    delivery->too_long = false;
    delivery->lines = head_of(signature);
    delivery->answer = malloc(DELIVERY_ANSWER_MAX + 1);
    delivery->easy = delivery->lines && delivery->answer ? curl_easy_init() : NULL;
    if (delivery->easy) {
        set_bounds(delivery->easy, timeout_ms);
        set_request(delivery, url);
        if (curl_multi_add_handle(deliveries->adapter.multi, delivery->easy) == CURLM_OK)
            return 0;
        curl_easy_cleanup(delivery->easy);
    }
    curl_slist_free_all(delivery->lines);
    free(delivery->answer);
    text_done(&delivery->body);
    delivery->lines = NULL;
    delivery->answer = NULL;
    delivery->easy = NULL;
    return -ENOMEM;
}

int deliveries_open(struct hark_loop *loop, enum target_reach reach,
                    struct deliveries **out_deliveries)
{
    struct deliveries *deliveries = calloc(1, sizeof *deliveries);
    int error = deliveries ? hark_curl_open(loop, &deliveries->adapter, has_ended) : -ENOMEM;
    if (error < 0) {
        free(deliveries);
        return error;
    }
    deliveries->reach = reach;
    curl_multi_setopt(deliveries->adapter.multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    *out_deliveries = deliveries;
    return 0;
}

void deliveries_close(struct deliveries *deliveries)
{
    if (!deliveries)
        return;
    hark_curl_close(&deliveries->adapter);
    free(deliveries);
}
