/* 31_fetch.c - fetches many URLs at once, with libcurl, and prints what became of each.
 *
 * Shows: libcurl's multi interface on a hark loop: each transfer is told of when it has ended, and
 * none waits for another. Ten seconds are each one's limit.
 *
 * Try:   ./31_fetch http://localhost/ https://example.org/
 */
#include "hark.h"
#include "hark/adapters/curl.h"
#include <stdio.h>
#include <stdlib.h>

struct transfer {
    const char *url;
    size_t bytes;
};

static int left, code; /* transfers under way; the code of the program's end */

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;

    (void)bytes;
    transfer->bytes += size * count;
    return size * count;
}

static void ended(struct hark_curl *curl, CURL *easy, CURLcode result)
{
    struct transfer *transfer;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK) {
        printf("%s: %ld, %zu bytes\n", transfer->url, status, transfer->bytes);
    } else {
        fprintf(stderr, "31_fetch: %s: %s\n", transfer->url, curl_easy_strerror(result));
        code = 1;
    }
    curl_multi_remove_handle(curl->multi, easy);
    curl_easy_cleanup(easy);
    if (--left == 0)
        hark_curl_close(curl); /* or the loop would go on for the next transfer */
}

static int begin(struct hark_curl *curl, struct transfer *transfer)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (curl_multi_add_handle(curl->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        return -ENOMEM;
    }
    left++;
    return 0;
}

static int fetch_all(struct hark_loop *loop, int count, char **urls)
{
    struct hark_curl curl;
    struct transfer *transfers = calloc((size_t)count, sizeof *transfers);
    int error = transfers ? hark_curl_open(loop, &curl, ended) : -ENOMEM;

    for (int i = 0; i < count && error == 0; i++) {
        transfers[i].url = urls[i];
        error = begin(&curl, &transfers[i]);
    }
    if (error == 0)
        error = hark_run(loop);
    free(transfers);
    return error;
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    if (count < 2) {
        fprintf(stderr, "usage: 31_fetch URL...\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "31_fetch: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = fetch_all(loop, count - 1, arguments + 1);
    if (error < 0) { /* what is open goes with the program */
        fprintf(stderr, "31_fetch: %s\n", hark_error_text(error));
        return 1;
    }
    hark_loop_destroy(loop);
    curl_global_cleanup();
    return code;
}
