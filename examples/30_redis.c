/* 30_redis.c - counts in a Redis server, with hiredis, and prints what it has counted to.
 *
 * Shows: a client that others wrote, on a hark loop: its commands are sent while earlier ones are
 * still unanswered, and the loop has a time limit for all of it.
 *
 * Try:   ./30_redis 127.0.0.1 6379 visits 1000
 */
#include "hark.h"
#include "hark/adapters/hiredis.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static redisAsyncContext *client; /* NULL: hiredis has freed it */
static struct hark_op limit;
static long long newest;
static int code; /* of the program's end */

static void counted(redisAsyncContext *redis, void *answer, void *context)
{
    const redisReply *reply = answer;

    (void)context;
    if (!reply) /* the connection has gone: `ended` says why */
        return;
    if (reply->type == REDIS_REPLY_INTEGER) {
        newest = reply->integer;
        return;
    }
    fprintf(stderr, "30_redis: the server said: %s\n", reply->str ? reply->str : "no number");
    code = 1;
    redisAsyncDisconnect(redis);
}

static void began(const redisAsyncContext *redis, int status)
{
    if (status == REDIS_OK)
        return;
    fprintf(stderr, "30_redis: cannot connect: %s\n", redis->errstr);
    code = 1;
    client = NULL;
    hark_cancel(&limit);
}

static void ended(const redisAsyncContext *redis, int status)
{
    client = NULL;
    hark_cancel(&limit);
    if (status == REDIS_OK)
        return;
    fprintf(stderr, "30_redis: the connection was lost: %s\n", redis->errstr);
    code = 1;
}

static void is_late(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result < 0 || !client)
        return;
    fprintf(stderr, "30_redis: no answer within ten seconds\n");
    code = 1;
    redisAsyncFree(client);
}

static int count_in(struct hark_loop *loop, char **arguments)
{
    redisAsyncContext *redis = redisAsyncConnect(arguments[1], atoi(arguments[2]));
    int error;

    if (!redis || redis->err) {
        fprintf(stderr, "30_redis: cannot connect: %s\n", redis ? redis->errstr : "no memory");
        redisAsyncFree(redis);
        return -1;
    }
    if ((error = hark_hiredis_attach(loop, redis)) < 0) {
        redisAsyncFree(redis);
        return error;
    }
    redisAsyncSetConnectCallback(redis, began);
    redisAsyncSetDisconnectCallback(redis, ended);
    client = redis;
    hark_sleep(loop, &limit, 10 * SECOND, is_late);
    for (int left = atoi(arguments[4]); left > 0; left--)
        redisAsyncCommand(redis, counted, NULL, "INCR %s", arguments[3]);
    redisAsyncDisconnect(redis); /* once all are answered */
    return hark_run(loop);
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    if (count != 5) {
        fprintf(stderr, "usage: 30_redis ADDRESS PORT KEY TIMES\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* hiredis writes with write(2) */
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "30_redis: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    if (count_in(loop, arguments) < 0)
        code = 1;
    hark_loop_destroy(loop);
    if (code == 0)
        printf("%s: %lld\n", arguments[3], newest);
    return code;
}
